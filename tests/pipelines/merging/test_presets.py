"""Block presets: end points, the table's own numbers, any number of blocks."""

from __future__ import annotations

import math

import pytest

from pipelines.merging.errors import MergeError
from pipelines.merging.presets import PRESETS, block_weights, preset_rules
from pipelines.merging.recipe import FACTOR_RANGE, MergeRecipe, check_recipe

# Positions 1 to 4 of rows of the table that the formulas stand for, as written there.
TABLE = {
    "GRAD_V": (0.9166666667, 0.8333333333, 0.75, 0.6666666667),
    "SMOOTHSTEP": (0.00506365740740741, 0.0196759259259259, 0.04296875, 0.0740740740740741),
    "COSINE": (0.995722430686905, 0.982962913144534, 0.961939766255643, 0.933012701892219),
    "TRUE_CUBIC_HERMITE": (0.199031876929012, 0.325761959876543, 0.424641927083333, 0.498456790123457),
}
ENDS = {
    "ALL_A": (0, 0), "ALL_B": (1, 1), "GRAD_V": (1, 1), "GRAD_A": (0, 0), "WRAP08": (1, 1), "OUT07": (0, 1),
    "SMOOTHSTEP": (0, 1), "R_SMOOTHSTEP": (1, 0), "SMOOTHSTEP*2": (0, 0), "SMOOTHSTEP/3": (0, 1), "COSINE": (1, 0),
    "REVERSE_COSINE": (0, 1), "FAKE_CUBIC_HERMITE": (0, 1), "TRUE_CUBIC_HERMITE": (0, 1), "MID12_50": (0, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_rows_of_the_table(name):
    assert block_weights(name, 25)[1:5] == pytest.approx(TABLE[name], abs=1e-9)


@pytest.mark.parametrize("count", [2, 12, 25, 61])
@pytest.mark.parametrize("name", ENDS)
def test_end_points(name, count):
    weights = block_weights(name, count)
    assert (weights[0], weights[-1]) == pytest.approx(ENDS[name], abs=1e-12)


@pytest.mark.parametrize(
    ("name", "ones", "halves"),
    [
        ("WRAP12", {*range(6), *range(19, 25)}, set()),
        ("OUT12_5", set(range(13, 25)), {12}),
        ("RING08_SOFT", {6, 7, 8, 16, 17, 18}, {5, 9, 15, 19}),
        ("RING10_3", {*range(6, 11), *range(14, 19)}, set()),
        ("MID12_50", set(), set(range(5, 19))),
    ],
)
def test_steps_of_the_table(name, ones, halves):
    weights = block_weights(name, 25)
    assert {j for j, w in enumerate(weights) if w == 1} == ones
    assert {j for j, w in enumerate(weights) if w == 0.5} == halves
    assert set(weights) <= {0.0, 0.5, 1.0}


@pytest.mark.parametrize("name", PRESETS)
def test_reverse_is_one_minus_and_every_weight_fits_a_recipe(name):
    weights = block_weights(name, 25)
    assert all(math.isfinite(w) and FACTOR_RANGE[0] <= w <= FACTOR_RANGE[1] for w in weights)
    for prefix in ("R_", "REVERSE_"):
        if prefix + name in PRESETS:
            assert [a + b for a, b in zip(weights, block_weights(prefix + name, 25), strict=True)] == [1.0] * 25


def test_there_are_the_tables_38_rows():
    assert len(PRESETS) == 38


def test_one_block_has_the_first_weight_and_rules_keep_the_order():
    assert block_weights("COSINE", 1) == (1.0,)
    rules = preset_rules("REVERSE_COSINE", ("stem.*", "middle.*", "head.*"), "mef")
    assert [(rule.match, rule.factor, rule.expert) for rule in rules] == [
        ("stem.*", 0.0, "mef"), ("middle.*", pytest.approx(0.5), "mef"), ("head.*", 1.0, "mef"),
    ]  # fmt: skip
    check_recipe(MergeRecipe(coefficients=(("mef", 1.0),), blocks=rules), ("mef",))


def test_unknown_presets_are_refused_with_the_known_ones():
    with pytest.raises(MergeError, match=r"unknown preset.*GRAD_V"):
        block_weights("GRAD", 25)
