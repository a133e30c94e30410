"""Three ways to see two pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from demos.compare import GAP_PX, beside, difference
from demos.stills import Sketch

BEFORE, FUSED = np.full((4, 6, 3), 100, np.uint8), np.full((4, 6, 3), 90, np.uint8)


def test_beside_keeps_both_to_the_bit() -> None:
    both = beside(BEFORE, FUSED)
    assert both.shape == (4, 12 + GAP_PX, 3)
    assert np.array_equal(both[:, :6], BEFORE) and np.array_equal(both[:, -6:], FUSED)


def test_the_difference_is_enlarged_and_clipped() -> None:
    assert (difference(BEFORE, FUSED) == 40).all() and (difference(FUSED, BEFORE) == 40).all()
    assert (difference(BEFORE, np.full_like(BEFORE, 255)) == 255).all()
    assert not difference(BEFORE, BEFORE).any()


def test_a_run_updates_only_the_view_that_is_seen(built: Any, visitor: Callable[[str], Any]) -> None:
    tab, compare = built.tab, built.tab.compare
    values = built.values({compare.view: "difference", tab.panel.scale: 0.77})
    updates = next(tab.force(visitor("anna"), values))
    assert compare.slider not in updates and isinstance(updates[compare.flat], np.ndarray)
    preview = tab.preview(visitor("anna"), built.values({compare.view: "beside", tab.panel.scale: 0.78}))
    assert isinstance(preview[compare.flat], Sketch)


def test_another_view_shows_the_same_result(built: Any, visitor: Callable[[str], Any]) -> None:
    tab, compare = built.tab, built.tab.compare
    first = next(tab.force(visitor("anna"), built.values()))
    switched = tab.when_left_changes(built.values({compare.view: "beside", tab.shown: first[tab.shown]}))
    assert switched[compare.slider] == {"visible": False, "__type__": "update"} and switched[compare.flat]["visible"]
    assert np.array_equal(switched[compare.flat]["value"], beside(*first[compare.slider]))
