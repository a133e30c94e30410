"""Recipes as values: read, written, hashed and refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from pipelines.merging.errors import MergeError
from pipelines.merging.recipe import BlockRule, DensityRule, MaskChoice, MergeRecipe
from pipelines.merging.recipe_form import recipe_from_dict, recipe_hash, recipe_to_dict

FULL = MergeRecipe(
    method="tall_masks",
    coefficients=(("ivis", 1.0), ("mef", -0.25)),
    scale=0.4,
    settings=(("vector", "ties"),),
    masks=MaskChoice("union", ("mef",), (("mef", 0.6),), votes=1, compare="ge", on_mute="rebuild"),
    blocks=(BlockRule("stem.*", 0.5), BlockRule("head.*", -1.0, "mef")),
    muted=("ivis",),
    soloed=("mef",),
    negated=("mef",),
)


def test_written_and_read_it_is_the_same_recipe():
    assert recipe_from_dict(json.loads(json.dumps(recipe_to_dict(FULL))), ("ivis", "mef")) == FULL


def test_densities_are_written_where_there_are_any():
    rules = (DensityRule("stem.*", "mef", 0.5), DensityRule("*", "mef", 0.25))
    thin = MergeRecipe("dare", (("mef", 1.0),), densities=rules)
    assert recipe_from_dict(recipe_to_dict(thin), ("ivis", "mef")).densities == rules
    assert recipe_hash(thin) != recipe_hash(replace(thin, densities=rules[::-1]))
    assert "densities" not in recipe_to_dict(replace(thin, densities=()))


def test_an_empty_document_is_the_default_recipe_of_its_method():
    assert recipe_from_dict({}) == MergeRecipe(scale=0.3)
    consensus = recipe_from_dict({"vector": {"method": "consensus"}})
    assert (consensus.scale, consensus.masks.mode) == (0.4, "consensus")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"wieghts": {}}, 'unknown entry of merge "wieghts"; known are vector, weights'),
        ({"vector": {"method": "magic"}}, 'unknown merge method "magic"; known are average, task_arithmetic'),
        ({"vector": {"method": "ties", "densty": 0.2}}, 'unknown setting of ties "densty"; known are density, scope'),
        ({"vector": {"method": "ties", "scope": "row"}}, 'unknown choice for scope "row"; known are global, tensor'),
        ({"vector": {"method": "ties", "density": 1.2}}, "density is 1.2, it must lie between 0.01 and 1"),
        ({"weights": {"night": 1.0}}, 'unknown expert "night"; known are ivis, mef'),
        ({"weights": {"mef": 2.0}}, 'weight of "mef" is 2.0, it must lie between -1 and 1.5'),
        ({"weights": {"mef": True}}, "weights.mef must be a finite number, got True"),
        ({"weights": {"mef": float("nan")}}, "must be a finite number"),
        ({"weights": [1.0]}, "weights must be a mapping of names to values, got list"),
        ({"scale": -0.1}, "scale is -0.1"),
        ({"masks": {"mode": "task"}}, 'unknown mask mode of task_arithmetic "task"; known are off'),
        ({"masks": {"k": 1.5}}, "whole number of votes"),
        ({"masks": {"lambda": {"night": 0.4}}}, 'unknown expert "night"'),
        ({"blocks": [{"match": "*"}]}, 'lacks "factor"'),
        ({"blocks": [{"match": "*", "factor": 1, "expert": "night"}]}, 'unknown expert "night"'),
        ({"vector": {"method": "dare"}, "densities": [{"match": "*"}]}, "a density rule lacks expert, density"),
        ({"muted": "mef"}, "muted must be a list, got str"),
        ({"soloed": ["night"]}, 'unknown expert "night"'),
    ],
)
def test_refusals_say_what_came_and_what_is_known(document, message):
    with pytest.raises(MergeError) as refused:
        recipe_from_dict(document, ("ivis", "mef"))
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "same",
    [
        replace(FULL, coefficients=FULL.coefficients[::-1]),
        replace(FULL, coefficients=(*FULL.coefficients, ("med", 0.0))),
        replace(FULL, masks=replace(FULL.masks, thresholds=(("mef", 0.6), ("ivis", 0.4)))),
        replace(FULL, muted=("ivis", "ivis")),
    ],
)
def test_recipes_that_mean_the_same_have_one_hash(same):
    assert recipe_hash(same) == recipe_hash(FULL)


def test_whole_numbers_hash_like_floats_and_missing_settings_like_defaults():
    assert recipe_hash(MergeRecipe("ties", (("a", 1),))) == recipe_hash(  # type: ignore[arg-type]
        MergeRecipe("ties", (("a", 1.0),), settings=(("density", 0.2), ("scope", "global")))
    )


@pytest.mark.parametrize(
    "other",
    [
        replace(FULL, scale=0.41),
        replace(FULL, blocks=FULL.blocks[::-1]),
        replace(FULL, negated=()),
        replace(FULL, masks=replace(FULL.masks, votes=2)),
        FULL.with_coefficient("mef", -0.26),
    ],
)
def test_other_recipes_have_other_hashes(other):
    assert recipe_hash(other) != recipe_hash(FULL)


def test_mute_solo_and_sign_change_the_effect_and_keep_the_fader():
    recipe = MergeRecipe(coefficients=(("a", 0.5), ("b", 1.0)), negated=("a",))
    assert (recipe.coefficient("a"), recipe.coefficient("b"), recipe.coefficient("c")) == (-0.5, 1.0, 0.0)
    assert replace(recipe, soloed=("b",)).coefficient("a") == 0.0
    assert replace(recipe, muted=("b",)).coefficient("b") == 0.0


def test_listing_the_methods_loads_no_tensor_library():
    code = "import sys, pipelines.merging.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
