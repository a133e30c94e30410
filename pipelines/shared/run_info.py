"""What a result says about the run that made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunInfo:
    """Family, mix and cost of one run.

    Attributes:
        seconds: by part: "load", "merge", "infer", "total".
        bytes_moved: by the merge; 0 when the merged network was at hand (`is_cached`).
    """

    family: str
    tier: str
    recipe: Mapping[str, Any]
    recipe_hash: str
    weights_version: int
    device: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    is_cached: bool = False
    bytes_moved: int = 0
