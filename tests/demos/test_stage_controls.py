"""Stages and layers: widgets to rules, rules to widgets, and what a client may send for the bars."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest

from demos.bars import Bars, factor
from demos.differences import sent_back
from demos.stage_controls import title_of
from pipelines.merging.presets import block_weights
from pipelines.merging.recipe import BlockRule, MergeRecipe
from pipelines.registry import FAMILIES


def set_to(built: Any, changes: dict[int, float], stage: dict[int, float] | None = None) -> dict[Any, Any]:
    """Values of the page with some bars and stages moved."""
    stages = built.tab.panel.stages
    bars = [changes.get(index, 1.0) for index in range(len(stages.bars.names))]
    return built.values({stages.bars: bars, **{stages.faders[index]: value for index, value in (stage or {}).items()}})


def test_a_bar_is_a_rule_in_front_of_its_stage(built: Any) -> None:
    panel = built.tab.panel
    place = panel.stages.bars.names.index("block 1, fuse")
    rules = panel.recipe(set_to(built, {place: 0.5}, {1: 0.4})).blocks
    assert rules == (BlockRule("block1.dense.fuse.*", 0.2), BlockRule("block1.*", 0.4))


def test_bars_and_stages_come_back(built: Any) -> None:
    panel, values = built.tab.panel, set_to(built, {0: 0.33, 3: 1.7, 20: 0.0}, {0: 0.7, 6: 1.25})
    updates = panel.shown(panel.recipe(values))
    assert updates[panel.stages.bars] == values[panel.stages.bars]
    assert [updates[one] for one in panel.stages.faders] == [values[one] for one in panel.stages.faders]
    assert updates[panel.stages.extra] == ()


def test_a_rule_that_no_bar_can_show_is_kept_beside_them(built: Any) -> None:
    stages = built.tab.panel.stages
    wild = (BlockRule("decoder.up.*", 3.0), BlockRule("*.bias", 0.5), BlockRule("stem.*", 0.1, "mef"))
    updates = stages.shown(MergeRecipe(blocks=wild))
    assert updates[stages.extra] == wild and set(updates[stages.bars]) == {1.0}


@pytest.mark.parametrize(
    "rules",
    [
        (BlockRule("block1.*", 0.5), BlockRule("block1.dense.convs.0.*", 1.0)),
        (BlockRule("block1.*", 0.2), BlockRule("*", 0.5)),
        (BlockRule("block1.*", -0.5),),
        (BlockRule("block1.*", 0.5), BlockRule("block1.*", 0.7)),
        (BlockRule("block1.dense.fuse.*", 0.5), BlockRule("block1.dense.fuse.*", 0.7)),
        (BlockRule("block1.*", 0.5), BlockRule("*.bias", 0.5, "mef")),
        (BlockRule("block1.*", 0.12345678),),
    ],
)
def test_rules_that_the_widgets_would_change_are_kept_as_they_came(built: Any, rules: tuple[BlockRule, ...]) -> None:
    panel = built.tab.panel
    updates = panel.shown(replace(panel.family.default, blocks=rules))
    assert panel.recipe(sent_back(panel.controls, updates)).blocks == rules


def test_the_title_says_whether_anything_is_moved() -> None:
    assert title_of(MergeRecipe()) == "Stages (flat)"
    assert title_of(replace(MergeRecipe(), blocks=(BlockRule("stem.*", 0.5),))) == "Stages (curved)"


def test_a_curve_sets_every_stage_by_its_depth_and_frees_the_menu(built: Any) -> None:
    panel, stages = built.tab.panel, built.tab.panel.stages
    updates = stages.when_curve_chosen(built.values({stages.curve: "COSINE"}))
    heights = block_weights("COSINE", len(stages.faders))
    assert [updates[fader] for fader in stages.faders] == pytest.approx(heights, abs=1e-4)
    assert updates[stages.curve] is None
    rules = panel.recipe(built.values() | updates).blocks
    assert {rule.match: rule.factor for rule in rules}[panel.family.blocks[-1].match] == 0.0


@pytest.mark.parametrize("family", [one for one in FAMILIES if one.layers], ids=lambda one: one.name)
def test_every_layer_lies_in_one_stage_and_no_weight_in_two_layers(family: Any) -> None:
    keys = list(family.build().state_dict())
    fits = {key: [one for one in family.layers if fnmatchcase(key, one.match)] for key in keys}
    assert all(len(layers) <= 1 for layers in fits.values())
    for layer in family.layers:
        inside = [key for key in keys if fnmatchcase(key, layer.match)]
        assert inside and len({b.name for b in family.blocks for key in inside if fnmatchcase(key, b.match)}) == 1


@pytest.mark.parametrize(
    ("sent", "meant"), [(0.456, 0.46), (-3, 0.0), (99, 2.0), (float("nan"), 1.0), (True, 1.0), ("1", 1.0), (None, 1.0)]
)
def test_a_factor_from_a_client_is_made_sure_of(sent: Any, meant: float) -> None:
    assert factor(sent) == meant


def test_a_list_of_another_length_changes_nothing(built: Any) -> None:
    bars: Bars = built.tab.panel.stages.bars
    assert set(bars.preprocess([0.5])) == {1.0} and set(bars.preprocess("<b>")) == {1.0}
    assert bars.get_block_name() == "html" and bars.api_info()["items"]["maximum"] == 2.0
