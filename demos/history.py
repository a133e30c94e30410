"""Undo and redo: a list of recipes and a cursor, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipelines.merging.recipe import MergeRecipe

MOST_ENTRIES = 50


@dataclass(frozen=True)
class History:
    """Committed recipes, oldest first, and which of them is on the desk; `moves` counts the undos and redos."""

    entries: tuple[MergeRecipe, ...]
    cursor: int = 0
    moves: int = 0

    @property
    def current(self) -> MergeRecipe:
        return self.entries[self.cursor]

    @property
    def undo_count(self) -> int:
        return self.cursor

    @property
    def redo_count(self) -> int:
        return len(self.entries) - 1 - self.cursor

    def mask_mode_of(self, method: str) -> str | None:
        """The mask mode that a method had when it was last on the desk."""
        modes = [one.masks.mode for one in self.entries[: self.cursor + 1] if one.method == method]
        return modes[-1] if modes else None

    def with_commit(self, recipe: MergeRecipe) -> History:
        """One entry more; what could have been redone is cut off. The recipe that is there already adds nothing."""
        if recipe == self.current:
            return self
        kept = (*self.entries[: self.cursor + 1], recipe)[-MOST_ENTRIES:]
        return replace(self, entries=kept, cursor=len(kept) - 1)

    def moved(self, steps: int) -> History:
        """The cursor moved, stopping at the ends."""
        cursor = min(max(self.cursor + steps, 0), len(self.entries) - 1)
        return replace(self, cursor=cursor, moves=self.moves + 1)
