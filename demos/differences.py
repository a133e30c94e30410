"""What of a restored recipe the page does not have: a line each, so that nothing is ignored silently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from demos.fader import Fader
from demos.log_fader import LogFader
from demos.merge_panel import MergePanel
from demos.sight import Updates, with_updates
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import canonical

LONGEST = 40  # characters of a value that are told
ABSENT = "nothing"


def desk_differences(panel: MergePanel, recipe: MergeRecipe, updates: Updates) -> tuple[str, ...]:
    """How the desk's recipe differs from one that these updates put on it."""
    on_desk = panel.recipe(sent_back(panel.controls, updates))
    return differences(*(dict(_flat(_meant(one, panel.family.tasks))) for one in (recipe, on_desk)))


def differences(wanted: Mapping[str, Any], got: Mapping[str, Any]) -> tuple[str, ...]:
    """A line for each name whose value in the recipe is not that on the page."""
    pairs = [(name, wanted.get(name, ABSENT), got.get(name, ABSENT)) for name in dict.fromkeys((*wanted, *got))]
    return tuple(f"“{name}” is {_short(asked)} in the recipe, {_short(there)} on the page."
                 for name, asked, there in pairs if asked != there)  # fmt: skip


def sent_back(components: Iterable[Any], updates: Updates) -> Updates:
    """What handlers will be told of components once these updates have come."""
    values = with_updates({one: one.value for one in components}, updates)
    return {one: one.taken(value, updates.get(one)) if isinstance(one, Fader | LogFader) else value
            for one, value in values.items()}  # fmt: skip


def _meant(recipe: MergeRecipe, tasks: tuple[str, ...]) -> dict[str, Any]:
    """The canonical form; the masks of all experts are those of nobody in particular."""
    is_all = set(recipe.masks.tasks) == set(tasks)
    return canonical(replace(recipe, masks=replace(recipe.masks, tasks=())) if is_all else recipe)


def _flat(form: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in form.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
