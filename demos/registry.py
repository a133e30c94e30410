"""TABS: a line per tab, in screen order."""

from __future__ import annotations

from demos.fusion import FUSION
from demos.grounding import GROUNDING
from demos.lab import LAB
from demos.tab import Tab
from demos.text_recognition import TEXT_RECOGNITION

TABS: tuple[Tab, ...] = (FUSION, GROUNDING, TEXT_RECOGNITION, LAB)
