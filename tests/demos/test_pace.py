"""Previews get as many pixels as the machine can follow."""

from __future__ import annotations

from demos.pace import SIZES, Pace


def test_a_quick_machine_gets_the_largest_previews_and_a_slow_one_the_smallest() -> None:
    quick, slow = Pace(target_s=0.1), Pace(target_s=0.1)
    quick.note(40_000, 0.01)
    slow.note(40_000, 10.0)
    assert (quick.pixels, slow.pixels) == (SIZES[-1], SIZES[0])


def test_the_size_keeps_to_the_target() -> None:
    pace = Pace(target_s=0.1)
    pace.note(40_000, 0.2)  # 5 microseconds a pixel: 20 000 pixels fit exactly
    assert pace.pixels == 20_000


def test_one_slow_run_is_forgotten_after_a_few_quick_ones() -> None:
    pace = Pace(target_s=0.1)
    pace.note(40_000, 1.0)
    slowed = pace.pixels
    for _ in range(8):
        pace.note(pace.pixels, pace.pixels * 1e-6)
    assert slowed == SIZES[0] and pace.pixels == SIZES[-1]


def test_before_anything_was_timed_the_size_is_moderate() -> None:
    assert SIZES[0] < Pace().pixels < SIZES[-1]
