"""What a number box can send, and what a handler gets."""

from __future__ import annotations

import pytest

from demos.fader import Fader


@pytest.mark.parametrize(
    ("sent", "got"), [(0.5, 0.5), (9, 1.5), (-3, -1.0), (None, 1.0), (0.30000000000000004, 0.3)]
)  # fmt: skip
def test_values_are_clamped_and_empty_is_the_start_value(sent: float | None, got: float) -> None:
    assert Fader(-1, 1.5, 1, step=0.01).preprocess(sent) == got


def test_positional_arguments_are_kept() -> None:
    fader = Fader(0, 2, 1)
    assert (fader.minimum, fader.maximum, fader.value) == (0, 2, 1)


def test_the_browser_renders_it_as_a_slider() -> None:
    assert Fader(0, 1, 0).get_block_name() == "slider"
