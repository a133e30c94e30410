"""Undo and redo as values."""

from __future__ import annotations

from demos.history import MOST_ENTRIES, History
from pipelines.merging.recipe import MergeRecipe


def recipes(count: int) -> list[MergeRecipe]:
    return [MergeRecipe(scale=index / 100) for index in range(count)]


def test_undo_goes_back_and_redo_forth() -> None:
    first, second, third = recipes(3)
    history = History((first,)).with_commit(second).with_commit(third)
    assert history.moved(-1).current == second
    assert history.moved(-1).moved(1).current == third


def test_a_new_commit_cuts_what_could_be_redone() -> None:
    first, second, third = recipes(3)
    history = History((first,)).with_commit(second).moved(-1).with_commit(third)
    assert history.entries == (first, third) and history.redo_count == 0


def test_the_same_recipe_adds_no_entry() -> None:
    history = History((MergeRecipe(),))
    assert history.with_commit(MergeRecipe()) is history


def test_moving_stops_at_both_ends() -> None:
    history = History(tuple(recipes(2)), 1)
    assert history.moved(5).cursor == 1 and history.moved(-5).cursor == 0


def test_the_oldest_entries_are_forgotten() -> None:
    history = History((MergeRecipe(scale=2.0),))
    for recipe in recipes(MOST_ENTRIES + 5):
        history = history.with_commit(recipe)
    assert len(history.entries) == MOST_ENTRIES and history.undo_count == MOST_ENTRIES - 1
