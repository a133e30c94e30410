"""Restoring a recipe: what the page cannot have is told, a line each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from demos.differences import desk_differences, differences
from demos.sight import with_updates
from pipelines.merging.recipe import BlockRule, MaskChoice, MergeRecipe
from pipelines.registry import family
from pipelines.shared.recipe_file import RecipeDocument, dump_yaml

DEFAULT = family("fusenet").default


def restored(built: Any, options: dict[str, Any] | None = None, recipe: MergeRecipe = DEFAULT) -> tuple[Any, str]:
    """The job of the page after a restore, and what the restore said."""
    text = dump_yaml(RecipeDocument("fusion", "fusenet", recipe, options or {}))
    page = with_updates(built.values() | {built.tab.export.restored: ""}, built.tab.restored(text))
    return built.tab.job(page), page[built.tab.export.restored]


def test_a_recipe_that_the_page_can_have_leaves_nothing_to_say(built: Any) -> None:
    recipe = replace(
        DEFAULT, method="tall_masks", settings=(), blocks=(BlockRule("block1.*", 0.3),),
        masks=MaskChoice("task", thresholds=(("mef", 5.0),), tasks=tuple(built.tab.family.tasks)),
    )  # fmt: skip
    options = {"task": "mef", "engine": "lut", "deghost": True, "gains": [0.5, 0.0], "detail": 1.5, "align": True}
    job, said = restored(built, options, recipe)
    assert "in the recipe" not in said
    assert dict(job.recipe.masks.thresholds)["mef"] == 5.0 and job.options.deghost


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_pixels": 50_000}, "“max_pixels” is 50000 in the recipe, 300000 on the page."),
        ({"tables": [[0.5] * 256] * 2, "task": "mef", "engine": "lut"}, "“tables” is ((0.5, 0.5, "),
        ({"task": "mff", "gains": [1.0], "engine": "max"}, "“gains” is (1.0,) in the recipe, () on the page."),
        ({"task": "mff", "polarity": "black"}, "“polarity” is black in the recipe, white on the page."),
    ],
)
def test_an_option_without_a_widget_is_told(built: Any, options: dict[str, Any], said: str) -> None:
    assert said in restored(built, options)[1]


def test_a_number_beyond_a_fader_widens_it(built: Any) -> None:
    options = {"window": [60.0, 90.0], "moves": [[1, 300.0, 0.0, 20.0, 1.5]]}
    recipe = replace(DEFAULT, method="consensus", masks=MaskChoice("consensus", votes=9))
    job, said = restored(built, options, recipe)
    assert "in the recipe" not in said
    assert job.options.window == (60.0, 90.0) and job.placement.to_dict()["moves"] == options["moves"]
    assert job.recipe.masks.votes == 9


def test_a_number_that_a_fader_rounds_is_told(built: Any) -> None:
    recipe = DEFAULT.with_coefficient("mef", 0.12345678)
    lines = desk_differences(built.tab.panel, recipe, built.tab.panel.shown(recipe))
    assert lines == ("“weights.mef” is 0.12345678 in the recipe, 0.123457 on the page.",)


def test_what_only_one_side_has_is_told() -> None:
    assert differences({"a": 1}, {"a": 1, "b": 2}) == ("“b” is nothing in the recipe, 2 on the page.",)
