"""The desk: widgets to recipe, recipe to widgets, and back to the same."""

from __future__ import annotations

from typing import Any

import pytest

from demos.differences import sent_back
from demos.mask_controls import IDLE, mask_reason
from demos.merge_words import describe, offline_note
from demos.starting_mixes import base_recipe, shipped_presets
from pipelines.merging.method import MergeMethod
from pipelines.merging.mixture import selected_tasks
from pipelines.merging.recipe import BlockRule, MaskChoice, MergeRecipe
from pipelines.merging.recipe_form import recipe_from_dict
from pipelines.merging.registry import METHODS, OFFLINE, method
from pipelines.shared.errors import UserError


def applied(values: dict[Any, Any], updates: dict[Any, Any]) -> dict[Any, Any]:
    """Values of the page after these updates."""
    after = dict(values)
    for component, update in updates.items():
        if not isinstance(update, dict) or "__type__" not in update:
            after[component] = update
        elif "value" in update:
            after[component] = update["value"]
    return after


def test_an_untouched_desk_asks_for_the_familys_own_mix(built: Any) -> None:
    panel = built.tab.panel
    recipe = panel.recipe(built.values())
    default = panel.family.default
    assert (recipe.method, recipe.scale, recipe.coefficients) == (default.method, default.scale, default.coefficients)


@pytest.mark.parametrize("name", [record.name for record in METHODS])
def test_every_method_goes_on_the_desk_and_comes_back(built: Any, name: str) -> None:
    panel, record = built.tab.panel, method(name)
    wanted = MergeRecipe(
        method=name,
        coefficients=tuple((task, 0.25 * k - 0.25) for k, task in enumerate(panel.family.tasks)),
        scale=0.7,
        settings=tuple(record.defaults().items()),
        muted=("mef",),
        negated=("ivis",),
    )
    assert panel.recipe(applied(built.values(), panel.shown(wanted))) == wanted


def test_masks_and_stages_come_back(built: Any) -> None:
    panel = built.tab.panel
    able = next(record for record in METHODS if "consensus" in record.masks)
    block = panel.family.blocks[1]
    wanted = MergeRecipe(
        method=able.name,
        coefficients=tuple((task, 1.0) for task in panel.family.tasks),
        settings=tuple(able.defaults().items()),
        masks=MaskChoice("consensus", ("ivis", "mef"), tuple((task, 0.6) for task in panel.family.tasks), 1, "ge"),
        blocks=(BlockRule("*.bias", 0.5, "mef"), BlockRule(block.match, 0.3)),
    )
    assert panel.recipe(applied(built.values(), panel.shown(wanted))) == wanted


def test_lambdas_of_any_recipe_come_back(built: Any) -> None:
    panel = built.tab.panel
    limits = tuple(zip(panel.family.tasks, (0.0, 0.0123, 1.97, 60.0), strict=True))
    wanted = MergeRecipe("tall_masks", masks=MaskChoice("union", thresholds=limits))
    assert panel.recipe(sent_back(panel.controls, panel.shown(wanted))).masks.thresholds == limits


def test_changing_the_method_disables_masks_that_mean_nothing_and_says_why(built: Any) -> None:
    panel = built.tab.panel
    unable = next(record for record in METHODS if record.masks == ("off",))
    updates = panel.when_method_changes(built.values({panel.method: unable.name}))
    assert updates[panel.masks.mode]["interactive"] is False
    assert unable.title in updates[panel.masks.mode]["info"]
    assert updates[panel.scale] == unable.default_scale


@pytest.mark.parametrize("record", METHODS, ids=lambda record: record.name)
def test_a_chosen_method_has_the_masks_that_the_endpoint_gives_it(built: Any, record: MergeMethod) -> None:
    panel = built.tab.panel
    values = built.values({panel.method: record.name})
    after = applied(values, panel.when_method_changes(values))
    asked = recipe_from_dict({"vector": {"method": record.name}})
    assert (after[panel.masks.mode], after[panel.scale]) == (asked.masks.mode, asked.scale)
    assert panel.recipe(after).masks.mode == asked.masks.mode


@pytest.mark.parametrize("record", [one for one in METHODS if len(one.masks) > 1], ids=lambda one: one.name)
def test_a_chosen_method_can_be_merged_at_once(built: Any, record: MergeMethod) -> None:
    panel = built.tab.panel
    values = built.values({panel.method: record.name})
    recipe = panel.recipe(applied(values, panel.when_method_changes(values)))
    assert selected_tasks(recipe, panel.family.tasks)  # refuses masks that make no sense


def test_task_counts_the_loudest_mask_and_the_other_modes_count_all_again(built: Any) -> None:
    panel = built.tab.panel
    mode, of, tasks = panel.masks.mode, panel.masks.of, panel.family.tasks
    heights = {strip.weight: height for strip, height in zip(panel.strips, (0.5, 1.4, -1.0, 0.2), strict=True)}
    values = built.values({**heights, panel.strips[1].flags: ["mute"], mode: "task"})
    values = applied(values, panel.when_mask_mode_changes(values))
    assert values[of] == [tasks[2]]
    assert applied(values, panel.when_mask_mode_changes(values))[of] == [tasks[2]]
    values = values | {mode: "union"}
    assert applied(values, panel.when_mask_mode_changes(values))[of] == list(tasks)


def test_k_follows_the_vector_of_consensus_while_it_is_untouched(built: Any) -> None:
    panel = built.tab.panel
    values = built.values({panel.method: "consensus", panel.vector: "ties"})
    after = applied(values, panel.when_vector_changes(values))
    assert panel.recipe(after | {panel.masks.mode: "consensus"}).masks.votes == 1
    back = applied(after, panel.when_vector_changes(after | {panel.vector: "sum"}))
    assert back[panel.masks.votes] == 2
    chosen = values | {panel.masks.votes: 3.0}
    assert applied(chosen, panel.when_vector_changes(chosen))[panel.masks.votes] == 3


def test_a_method_that_comes_back_has_the_masks_that_were_chosen_for_it(built: Any) -> None:
    panel = built.tab.panel
    union = MergeRecipe(method="tall_masks", masks=MaskChoice("union"))
    history = built.values()[panel.history].with_commit(union).with_commit(MergeRecipe(method="ties"))
    values = built.values({panel.method: "tall_masks", panel.history: history})
    assert panel.when_method_changes(values)[panel.masks.mode]["value"] == "union"
    assert panel.when_method_changes(values | {panel.history: history.moved(-2)})[panel.masks.mode]["value"] == "task"


def test_masks_of_nobody_are_refused(built: Any) -> None:
    panel = built.tab.panel
    values = applied(built.values(), panel.shown(MergeRecipe(method="tall_masks", masks=MaskChoice("task"))))
    with pytest.raises(UserError, match="tick at least one"):
        panel.recipe(values | {panel.masks.of: []})
    assert panel.recipe(values | {panel.masks.of: [], panel.masks.mode: "off"}).masks == MaskChoice()


def test_details_without_a_mask_are_disabled_and_say_what_enables_them(built: Any) -> None:
    masks = built.tab.panel.masks
    details = [one for one in masks.controls if one is not masks.mode]
    assert all(one.interactive is False and one.info == IDLE for one in details)
    off = masks.fitted_mode("off")
    assert all(off[one]["interactive"] is False and off[one]["info"] == IDLE for one in details)
    union = masks.fitted_mode("union")
    assert [union[one]["interactive"] for one in details].count(False) == 1
    assert union[masks.votes]["info"] == "only Consensus counts votes"
    assert all(masks.fitted_mode("consensus")[one]["interactive"] for one in details)


def test_the_reason_names_a_method_that_takes_masks() -> None:
    unable = next(record for record in METHODS if record.masks == ("off",))
    assert any(one.title in mask_reason(unable) for one in METHODS if len(one.masks) > 1)


def test_scale_and_weights_go_back_to_their_start(built: Any) -> None:
    panel = built.tab.panel
    assert all(one.buttons == ["reset"] for one in (panel.scale, *(strip.weight for strip in panel.strips)))
    assert panel.relative.buttons == []  # springs back by itself


def test_mute_keeps_the_faders_value(built: Any) -> None:
    panel = built.tab.panel
    strip = panel.strips[0]
    recipe = panel.recipe(built.values({strip.weight: 0.8, strip.flags: ["mute"]}))
    assert dict(recipe.coefficients)[strip.task] == 0.8 and recipe.coefficient(strip.task) == 0.0


def test_the_bar_scales_unmuted_faders_and_springs_back(built: Any) -> None:
    panel = built.tab.panel
    muted, heard = panel.strips[0], panel.strips[1]
    values = built.values({panel.relative: 0.5, muted.flags: ["mute"], heard.weight: 0.8, muted.weight: 0.8})
    updates = panel.when_relative_moves(values)
    assert updates[heard.weight] == 0.4 and muted.weight not in updates and updates[panel.relative] == 1.0


def test_the_bar_stays_inside_the_faders_range(built: Any) -> None:
    panel = built.tab.panel
    updates = panel.when_relative_moves(built.values({panel.relative: 2.0, panel.strips[0].weight: 1.4}))
    assert updates[panel.strips[0].weight] == 1.5


def test_slot_b_starts_as_the_base_and_a_comes_back(built: Any) -> None:
    panel, values = built.tab.panel, built.values({built.tab.panel.strips[0].weight: 0.33})
    to_b = applied(values, panel.when_slot_changes({**values, panel.slot: "B"})) | {panel.slot: "B"}
    assert all(weight == 0 for _, weight in panel.recipe(to_b).coefficients)
    to_a = applied(to_b, panel.when_slot_changes({**to_b, panel.slot: "A"}))
    assert dict(panel.recipe(to_a).coefficients)["ivis"] == 0.33


def test_presets_start_with_the_familys_own_and_hold_every_expert_alone(built: Any) -> None:
    family = built.tab.family
    presets = shipped_presets(family)
    assert presets["house mix"] == family.default and presets["base"] == base_recipe(family)
    alone = presets["mef expert alone"]
    assert [task for task in family.tasks if alone.coefficient(task)] == ["mef"]


def test_the_summary_counts_experts_that_act() -> None:
    recipe = MergeRecipe(coefficients=(("a", 1.0), ("b", 1.0), ("c", 0.0)), muted=("b",), scale=0.4)
    assert describe(recipe) == f"{method('task_arithmetic').title} · α 0.40 · 1 of 3 experts"


def test_methods_that_need_data_are_named_with_what_they_lack_and_are_not_on_the_menu(built: Any) -> None:
    note, menu = offline_note(), [value for _, value in built.tab.panel.method.choices]
    assert all(one.title in note and one.needs in note and one.name not in menu for one in OFFLINE)
