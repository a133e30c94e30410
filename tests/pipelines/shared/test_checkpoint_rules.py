"""Rules of a recipe of files, and the coefficients that they come to, key by key."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.merging.errors import MergeError
from pipelines.merging.mixture import rule_factor
from pipelines.merging.recipe_form import recipe_from_dict
from pipelines.shared.checkpoint_rules import plain_merge

KEYS = ["enc.blocks.10.w", "enc.blocks.2.w", "enc.blocks.2.b", "enc.blocks.0.w", "dec.blocks.0.w", "head.w"]
WEIGHTS = {"street": 0.5, "hand": 0.8}


def coefficients(*rules: dict[str, Any], exclude: tuple[str, ...] = ()) -> dict[str, dict[str, float]]:
    """Expert -> key -> what its vector is multiplied by; of None the merged vector."""
    merge = plain_merge({"weights": WEIGHTS, "scale": 1.0, "blocks": list(rules)}, list(exclude), lambda: KEYS)
    recipe = recipe_from_dict(merge, list(WEIGHTS))
    found = {task: {key: recipe.coefficient(task) * rule_factor(recipe, key, task) for key in KEYS} for task in WEIGHTS}
    return found | {"": {key: rule_factor(recipe, key, None) for key in KEYS}}


def test_excluded_keys_are_the_base_whatever_the_rules_say() -> None:
    found = coefficients({"match": "*", "factor": 2.0}, exclude=("head.*", "*.b"))
    assert found[""] == {key: 0.0 if key in ("head.w", "enc.blocks.2.b") else 2.0 for key in KEYS}


def test_a_weight_takes_the_place_of_the_experts_own() -> None:
    found = coefficients(
        {"match": "head.*", "expert": "hand", "weight": -0.25}, {"match": "dec.*", "expert": "hand", "factor": 0.5}
    )
    assert found["hand"] == {key: {"h": -0.25, "d": 0.4}.get(key[0], 0.8) for key in KEYS}
    assert set(found["street"].values()) == {0.5}


def test_a_gradient_lies_over_the_blocks_it_matches_in_order_of_depth() -> None:
    found = coefficients({"match": "enc.*w", "expert": "hand", "weight": {"gradient": [0.0, 1.0]}},
                         {"match": "*", "factor": {"gradient": [1.0, 0.5]}})  # fmt: skip
    assert found["hand"] == {"enc.blocks.0.w": 0.0, "enc.blocks.2.w": 0.5, "enc.blocks.10.w": 1.0,
                             "enc.blocks.2.b": 0.8, "dec.blocks.0.w": 0.8, "head.w": 0.8}  # fmt: skip
    assert found[""] == pytest.approx({"enc.blocks.0.w": 1.0, "enc.blocks.2.w": 5 / 6, "enc.blocks.2.b": 5 / 6,
                                       "enc.blocks.10.w": 4 / 6, "dec.blocks.0.w": 0.5, "head.w": 1.0})  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"match": "*", "weight": 0.5}, "a weight and no expert"),
        ({"match": "*", "weight": 0.5, "factor": 1.0, "expert": "hand"}, "a factor and a weight"),
        ({"match": "none", "weight": {"gradient": [0, 1]}, "expert": "hand"}, "over keys that it matches"),
        ({"match": "*", "weight": {"gradient": "steep"}, "expert": "hand"}, "is expected"),
        ({"match": "*", "factor": {"slope": [0, 1]}}, "slope"),
    ],
)
def test_rules_that_say_nothing_are_refused(rule: dict[str, Any], words: str) -> None:
    with pytest.raises(MergeError, match=words):
        coefficients(rule)
