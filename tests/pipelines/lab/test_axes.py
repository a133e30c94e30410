"""Axes of a sweep: what can be set, how values are written, and what they make of a recipe."""

from __future__ import annotations

import pytest

from pipelines.lab.axes import Axis, axes_of, axis_named, parse_values, shown, with_value
from pipelines.merging.recipe import MergeRecipe
from pipelines.registry import family
from pipelines.shared.errors import UserError

FAMILY = family("shapes_vit")
NUMBER, WHOLE = Axis("scale", (0.0, 1.0)), Axis("k", (0.0, 3.0), is_whole=True)
RATIOS = Axis("lambda", (0.05, 5.0), is_log=True)
CHOICE = Axis("method", choices=("ties", "dare", "emr"))


@pytest.mark.parametrize(
    ("axis", "text", "values"),
    [
        (NUMBER, "0, .25, .5", (0.0, 0.25, 0.5)),
        (NUMBER, "0:1:5", (0.0, 0.25, 0.5, 0.75, 1.0)),
        (NUMBER, "0..1/.5", (0.0, 0.5, 1.0)),
        (NUMBER, "*", (0.0, 0.25, 0.5, 0.75, 1.0)),
        (NUMBER, "1, 0, 1", (1.0, 0.0)),
        (RATIOS, "*", (0.05, 0.158114, 0.5, 1.581139, 5.0)),
        (RATIOS, "1:4:3, .3", (1.0, 2.0, 4.0, 0.3)),
        (WHOLE, "*", (0.0, 1.0, 2.0, 3.0)),
        (CHOICE, "emr\nties", ("emr", "ties")),
        (CHOICE, "*", ("ties", "dare", "emr")),
    ],
)
def test_values_are_read_in_their_order_each_once(axis: Axis, text: str, values: tuple[object, ...]) -> None:
    assert parse_values(axis, text) == values


@pytest.mark.parametrize(
    ("axis", "text", "told"),
    [
        (NUMBER, "", "write for example 0:1:5"),
        (NUMBER, "0, x", "cannot read 'x'"),
        (NUMBER, "0, 2", "between 0 and 1; '2' has 2"),
        (NUMBER, "nan", "between 0 and 1"),
        (NUMBER, "0..1/0", "cannot read"),
        (NUMBER, "0..1/1e-9", "at most 64"),
        (NUMBER, "0:1:1000000000", "at most 64"),
        (RATIOS, "0:5:3", "between 0.05 and 5; '0:5:3' has 0"),
        (WHOLE, "1.5", "whole numbers"),
        (CHOICE, "slerp", "no choice 'slerp'; known are ties, dare, emr"),
    ],
)
def test_what_cannot_be_read_is_quoted(axis: Axis, text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        parse_values(axis, text)


def test_every_axis_of_a_family_changes_the_recipe_it_names() -> None:
    recipe = MergeRecipe("tall_masks", FAMILY.default.coefficients)
    axes = axes_of(FAMILY, recipe)
    assert {
        "scale",
        "method",
        "weight: words",
        "setting: vector",
        "lambda",
        "k",
        "mask",
        "masks of",
        "lambda: words",
        "comparison",
        "on mute",
        "stage: stem",
    } <= {axis.name for axis in axes}
    for axis in axes:
        value = axis.choices[-1] if axis.choices else axis.limits[1]
        assert with_value(recipe, FAMILY, axis, value) != recipe, axis.name


def test_the_lambda_of_one_task_leaves_the_others() -> None:
    recipe = MergeRecipe("tall_masks", FAMILY.default.coefficients)
    axes = axes_of(FAMILY, recipe)
    recipe = with_value(recipe, FAMILY, axis_named(axes, "lambda"), 0.3)
    found = dict(with_value(recipe, FAMILY, axis_named(axes, "lambda: words"), 2.0).masks.thresholds)
    assert found == dict.fromkeys(FAMILY.tasks, 0.3) | {"words": 2.0}


def test_another_method_comes_with_its_usual_mask_and_no_stranger_s_settings() -> None:
    start = MergeRecipe("ties", FAMILY.default.coefficients, settings=(("density", 0.5),))
    found = with_value(start, FAMILY, axis_named(axes_of(FAMILY, start), "method"), "consensus")
    assert found.settings == () and found.masks.mode == "consensus"


def test_a_stage_swept_twice_keeps_the_last_value_alone() -> None:
    axis = Axis("stage: stem", (0.0, 2.0))
    twice = with_value(with_value(FAMILY.default, FAMILY, axis, 0.5), FAMILY, axis, 2.0)
    assert [(rule.match, rule.factor) for rule in twice.blocks] == [("stem.*", 2.0)]


def test_an_unknown_axis_lists_the_known() -> None:
    with pytest.raises(UserError, match="known are scale, method"):
        axis_named(axes_of(FAMILY, FAMILY.default), "gamma")


def test_heads_are_short() -> None:
    assert [shown(value) for value in (1 / 7, 1.0, "ties")] == ["0.1429", "1", "ties"]
