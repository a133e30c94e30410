"""Another network on the desk: its parts are seen, and what the one before had on the desk waits until it is back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.history import History
from demos.starting_mixes import base_recipe
from pipelines.merging.errors import MergeError
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily

if TYPE_CHECKING:
    from demos.merge_panel import MergePanel

Updates = dict[Any, Any]
Values = Mapping[Any, Any]


@dataclass(frozen=True)
class Aside:
    """What the desk keeps of one network: its mix, what can be undone, both slots and which of them it is in."""

    recipe: MergeRecipe
    history: History
    slots: Mapping[str, MergeRecipe]
    slot: str = "A"


def start_of(family: ModelFamily) -> Aside:
    """A network that was not on the desk yet: its own mix, and its base in slot B."""
    return Aside(family.default, History((family.default,)), {"A": family.default, "B": base_recipe(family)})


@dataclass(frozen=True)
class Swapping:
    """Puts mixes of any of the desk's networks on it."""

    panel: MergePanel

    @property
    def outputs(self) -> list[Any]:
        """Everything `put` updates beyond what the desk shows and remembers."""
        return [self.panel.network, self.panel.aside, self.panel.slot, *self.panel.parts.boxes]

    def put(self, name: str, recipe: MergeRecipe | None, values: Values) -> Updates:
        """A network with this recipe; None is how its desk was left, or its own mix."""
        panel, view = self.panel, self.panel.of(name)
        if name == values[panel.network]:
            return {} if recipe is None else view.shown(recipe)
        aside = {**values[panel.aside], values[panel.network]: self._left(values)}
        kept: Aside = aside.pop(name, None) or start_of(view.family)
        updates = panel.parts.seen(name) | view.shown(recipe or kept.recipe) | view.remembered(kept.history)
        return updates | {panel.network: name, panel.aside: aside, panel.slots: dict(kept.slots),
                          panel.slot: gr.update(value=kept.slot)}  # fmt: skip

    def _left(self, values: Values) -> Aside:
        panel = self.panel
        history: History = values[panel.history]
        try:
            recipe = panel.at(values).recipe(values)
        except (UserError, MergeError):  # such as masks of nobody: the last mix that ran is kept
            recipe = history.current
        return Aside(recipe, history, values[panel.slots], values[panel.slot])
