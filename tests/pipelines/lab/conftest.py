"""The miniature family on trial, with experts that overlap and with experts that do not."""

from __future__ import annotations

import pytest

from pipelines.lab.trial import Trial
from tests.pipelines.lab.toy_trial import make_trial


@pytest.fixture
def trial() -> Trial:
    """Experts that overlap a little."""
    return make_trial(0.2)


@pytest.fixture
def apart() -> Trial:
    """Experts that share no weight."""
    return make_trial(0.0)
