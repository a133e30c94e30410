"""The Lab's handlers, on a miniature family: runs, stops, cells, families, recipes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from demos.limits import TimeIsUp
from demos.sight import with_updates
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_hash
from pipelines.shared.errors import UserError
from pipelines.shared.weights import weights_hashes
from tests.demos.conftest import Built
from tests.demos.lab_toy import lab_page

Visitor = Callable[[str], Any]


@pytest.fixture(scope="module")
def lab(root: Path) -> Iterator[Built]:
    with pytest.MonkeyPatch.context() as patch:
        yield lab_page(root, patch)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradio.Success", lambda *_, **__: None)


def settings(lab: Built, name: str, **values: Any) -> dict[Any, Any]:
    """Values of an untouched page, with settings of one experiment."""
    own = lab.tab.experiments[name].settings
    return lab.values({own[key]: value for key, value in values.items()})


def run(lab: Built, name: str, visitor: Any, values: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    """What a press of Run gives, step by step."""
    experiment = lab.tab.experiments[name]
    yield from experiment.run(visitor, {**values, **experiment.queued(visitor)})


def last(updates: Iterator[dict[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for one in updates:
        found |= one
    return found


def test_every_experiment_runs_to_its_end_and_fills_its_plots(lab: Built, visitor: Visitor) -> None:
    quick = {"learned": {"steps": 5}, "table": {"methods": ["experts", "base", "ties"]},
             "fed": {"concrete.steps": 10}}  # fmt: skip
    for name, experiment in lab.tab.experiments.items():
        found = last(run(lab, name, visitor("one"), settings(lab, name, **quick.get(name, {}))))
        assert "Done: " in found[experiment.progress], name
        for plot in experiment.plots:
            chart, text = found[plot.kept]
            assert chart.title in found[plot.picture] and f"experiment: {name}" in text


def test_a_sweep_of_64_cells_stopped_at_cell_20_keeps_20_cells(
    lab: Built, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = lab.tab.sweep
    judge = lab.tab.bench.judge("toy")
    scores, made = judge.scores, []

    def counted(*arguments: Any) -> Any:
        made.append(arguments)
        if len(made) == 20:
            sweep.when_stopped(visitor("stopper"))
        return scores(*arguments)

    monkeypatch.setattr(judge, "scores", counted)
    values = settings(lab, "sweep", columns_values="0:1:8", rows="weight: north", rows_values="0:1:8")
    found = last(run(lab, "sweep", visitor("stopper"), values))
    assert found[sweep.progress].count("Stopped: 20 of 64") == 1
    assert len(made) == 20 == len(found[sweep.cells.cells])
    chart, _ = found[sweep.heat.kept]
    assert sum(value is not None for row in chart.values for value in row) == 20
    assert not judge._lock.locked()


def test_a_sweep_whose_time_is_up_keeps_its_cells(lab: Built, visitor: Visitor) -> None:
    sweep = lab.tab.sweep
    steps = run(lab, "sweep", visitor("slow"), settings(lab, "sweep", columns_values="0:1:8", rows_values="ties"))
    next(steps), next(steps)
    found = steps.throw(TimeIsUp(600))
    assert "Stopped: 1 of 8" in found[sweep.progress] and len(found[sweep.cells.cells]) == 1
    with pytest.raises(TimeIsUp):
        next(steps)


def test_weighing_stops_after_the_file_at_hand(lab: Built, visitor: Visitor) -> None:
    storage = lab.tab.experiments["storage"]
    steps = run(lab, "storage", visitor("stopper"), settings(lab, "storage"))
    next(steps)
    assert "Running: 1 of 13 · toy" in next(steps)[storage.progress]
    storage.when_stopped(visitor("stopper"))
    found = last(steps)
    assert "Stopped: 1 of 13" in found[storage.progress] and found[storage.table] == ""


def test_a_stop_of_one_visitor_leaves_another_s_run_alone(lab: Built, visitor: Visitor) -> None:
    values = settings(lab, "sweep", columns_values="0, 1", rows_values="ties")
    steps = run(lab, "sweep", visitor("one"), values)
    next(steps)
    lab.tab.sweep.when_stopped(visitor("other"))
    assert "Done: 2 of 2" in last(steps)[lab.tab.sweep.progress]


def test_a_run_that_is_stopped_while_it_waits_never_begins(lab: Built, visitor: Visitor) -> None:
    vectors = lab.tab.experiments["vectors"]
    waiting = vectors.queued(visitor("one"))
    assert "Waiting" in waiting[vectors.progress]
    vectors.when_stopped(visitor("one"))
    found = list(vectors.run(visitor("one"), {**lab.values(), **waiting}))
    assert len(found) == 1 and "before it began" in found[0][vectors.progress]


def test_a_second_press_ends_the_first_run(lab: Built, visitor: Visitor) -> None:
    values = settings(lab, "sweep", columns_values="0:1:8", rows_values="ties, average")
    first = run(lab, "sweep", visitor("one"), values)
    next(first), next(first)
    second = last(run(lab, "sweep", visitor("one"), values))
    assert "Stopped: " in last(first)[lab.tab.sweep.progress]
    assert "Done: 16 of 16" in second[lab.tab.sweep.progress]


def test_a_cell_becomes_the_lab_s_recipe(lab: Built, visitor: Visitor) -> None:
    values = settings(lab, "sweep", columns_values="0, .7", rows_values="ties")
    values |= last(run(lab, "sweep", visitor("one"), values))
    name, recipe = lab.tab.sweep.cells.recipe_at(values, "0,1")
    assert (name, recipe.method, recipe.scale) == ("toy", "ties", 0.7)
    after = with_updates(values, lab.tab.put(name, recipe, values))
    assert lab.tab.recipe(after) == recipe and "setting: density" in str(lab.tab.put(name, recipe, values))
    with pytest.raises(UserError, match="no recipe yet"):
        lab.tab.sweep.cells.recipe_at(values, "5,5")


def test_a_cell_of_another_family_brings_its_family(lab: Built) -> None:
    recipe = lab.tab.bench.default_recipe("mute")
    after = with_updates(lab.values(), lab.tab.put("mute", recipe, lab.values()))
    assert after[lab.tab.family] == "mute" and lab.tab.subject(after).name == "mute"


def test_a_family_chosen_while_a_sweep_runs_ends_it_and_its_cells_keep_their_family(
    lab: Built, visitor: Visitor
) -> None:
    tab, sweep, me = lab.tab, lab.tab.sweep, visitor("one")
    values = settings(lab, "sweep", columns_values="0:1:8", rows_values="ties, average")
    steps = run(lab, "sweep", me, values)
    shown = next(steps) | next(steps)
    moved = tab.when_family_chosen(me, {**values, **shown, tab.family: "mute"})
    assert tab.family not in moved and "What stands below is of toy." in moved[sweep.reason]
    after = last(steps)
    assert "Stopped: 1 of 16 · toy" in after[sweep.progress]
    assert {name for name, _ in after[sweep.cells.cells].values()} == {"toy"}
    page = with_updates({**values, **shown, **after}, moved) | {tab.family: "mute"}
    assert tab.when_family_chosen(me, page) == {tab.shown: gr.skip()}  # told twice: nothing is set back
    assert "below" not in str(tab.when_family_chosen(me, {**page, tab.family: "toy"})[sweep.reason])
    again = run(lab, "sweep", me, settings(lab, "sweep", columns_values="0", rows_values="ties") | {tab.family: "mute"})
    assert next(again)[sweep.reason] == "" and "Done: 1 of 1 · mute" in last(again)[sweep.progress]


def test_run_pressed_before_another_family_s_page_is_there_runs_that_family(lab: Built, visitor: Visitor) -> None:
    tab = lab.tab
    values = lab.values({tab.family: "mute", tab.tasks: ["north"]})
    own = MergeRecipe("ties", (("north", 1.0),))
    values[tab.box.kept] = ("toy", own)
    assert tab.subject(values).tasks == tab.bench.tasks("mute")
    assert tab.recipe(values) == tab.bench.default_recipe("mute")
    values[tab.box.kept] = ("mute", own)
    assert tab.subject(values).tasks == ("north",) and tab.recipe(values) == own


def test_values_of_the_family_before_are_no_error_when_they_arrive_late(lab: Built) -> None:
    menus = [menu for one in lab.tab.experiments.values() for menu in one.menus]
    menus += [lab.tab.family, *(lab.tab.sweep.settings[key] for key in ("columns", "rows", "measure"))]
    for menu in menus:
        assert menu.preprocess("weight: elsewhere") == "weight: elsewhere" and menu.preprocess(["x"]) is None
        assert menu.get_block_name() == "dropdown"
    assert lab.tab.tasks.preprocess(["north", "elsewhere", 7]) == ["north", "elsewhere"]
    late = lab.values({lab.tab.tasks: ["north", "elsewhere"]})
    assert lab.tab.subject(late).tasks == ("north",)


def test_what_a_family_lacks_disables_its_experiments_and_is_said(lab: Built) -> None:
    updates = lab.tab.chosen_family("mute", lab.values())
    learned, masks = lab.tab.experiments["learned"], lab.tab.experiments["masks"]
    assert updates[learned.start]["interactive"] is False and "With one: toy." in updates[learned.reason]
    assert updates[masks.start]["interactive"] is True and updates[masks.reason] == ""
    assert "no desk on this page" in updates[lab.tab.box.line]
    assert updates[lab.tab.box.to_desk]["interactive"] is False


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("sweep", {"columns_values": "0:1:9", "rows_values": "*"}, "give 'method' fewer values"),
        ("sweep", {"columns_values": "7"}, "lies between 0 and 2"),
        ("curves", {"first": "north", "second": "north"}, "same expert"),
        ("table", {"methods": []}, "No row is ticked"),
    ],
)
def test_what_cannot_be_run_says_why(
    lab: Built, visitor: Visitor, name: str, changes: dict[str, Any], told: str
) -> None:
    steps = run(lab, name, visitor("one"), settings(lab, name, **changes))
    assert next(steps) == {lab.tab.experiments[name].progress: ""}
    with pytest.raises(UserError, match=told):
        next(steps)


def test_no_expert_is_told_and_the_echo_tells_of_the_axes(lab: Built, visitor: Visitor) -> None:
    with pytest.raises(UserError, match="No expert is chosen"):
        last(run(lab, "vectors", visitor("one"), lab.values({lab.tab.tasks: []})))
    sweep = lab.tab.sweep
    good, bad = (settings(lab, "sweep", columns_values=text) for text in ("0, 1", "0, x"))
    assert "4 cells" in sweep.when_written(good)[sweep.echo]
    assert "cannot read 'x'" in sweep.when_written(bad)[sweep.echo]


def test_a_figure_s_recipe_restores_experiment_and_settings(lab: Built, visitor: Visitor) -> None:
    tab = lab.tab
    values = settings(lab, "sweep", columns_values="0, .3", rows="weight: east", rows_values="1")
    values[tab.tasks] = ["north", "east"]
    text = last(run(lab, "sweep", visitor("one"), values))[tab.sweep.heat.kept][1]
    updates = tab.links.restored(text)
    after = with_updates(lab.values(), updates)
    assert after[tab.tasks] == ["north", "east"] and tab.recipe(after) == tab.recipe(values)
    assert {key: after[one] for key, one in tab.sweep.settings.items()} == {
        key: values[one] for key, one in tab.sweep.settings.items()
    }
    assert isinstance(updates[tab.parts], gr.Tabs) and updates[tab.parts].selected == "sweep"
    assert "2 cells" in updates[tab.sweep.echo]


def test_a_figure_of_other_weights_says_so(
    lab: Built, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: list[str] = []
    monkeypatch.setattr(gr, "Success", said.append)
    monkeypatch.setattr(lab.tab, "assets", tmp_path)
    (tmp_path / "weights").mkdir()
    entry = {"toy": {"files": {"base.safetensors": {"sha256": "0" * 64}}}}
    (tmp_path / "weights" / "manifest.json").write_text(json.dumps(entry))
    text = last(run(lab, "sweep", visitor("one"), settings(lab, "sweep", columns_values="0", rows_values="ties")))[
        lab.tab.sweep.heat.kept
    ][1]
    for one in (text, text.replace(weights_hashes(tmp_path, "toy")["toy"], "f" * 64)):
        lab.tab.links.restored(one)
    assert ["other weights of toy" in line for line in said] == [False, True]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [("split: validation", "split: training", "split cannot be 'training'"), ("- north", "- west", "tasks cannot be"),
     ("columns: scale", "colours: scale", "Unknown options in the recipe: colours"),
     ("family: toy", "family: own", "Own checkpoints have to be dropped again"),
     ("pipeline: lab", "pipeline: fusion", "no recipe of the Lab")],
)  # fmt: skip
def test_a_recipe_that_does_not_fit_is_refused(lab: Built, visitor: Visitor, old: str, new: str, told: str) -> None:
    text = last(run(lab, "sweep", visitor("one"), settings(lab, "sweep", columns_values="0", rows_values="ties")))[
        lab.tab.sweep.heat.kept
    ][1]
    with pytest.raises(UserError, match=told):
        lab.tab.links.restored(text.replace(old, new))


def test_a_link_carries_recipe_experts_and_split(lab: Built) -> None:
    tab = lab.tab
    values = lab.values({tab.split: "test", tab.tasks: ["south"]})
    after = with_updates(lab.values(), tab.links.opened_with(tab.links.query(values)))
    assert (after[tab.split], after[tab.tasks]) == ("test", ["south"])
    assert recipe_hash(tab.recipe(after)) == recipe_hash(tab.recipe(values))


def test_own_checkpoints_are_looked_at_without_scores(lab: Built, visitor: Visitor, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    for name, value in (("base", 1.0), ("hand", 1.25), ("street", 0.75)):
        save_file({"layers.0.w": torch.full((8,), value)}, tmp_path / f"{name}.safetensors")
    tab, files = lab.tab, [str(path) for path in sorted(tmp_path.iterdir())]
    updates = tab.own.when_dropped(tab, lab.values({tab.own.files: files}))
    values = with_updates(lab.values(), updates)
    assert "experts hand, street" in updates[tab.own.told] and values[tab.tasks] == ["hand", "street"]
    assert "nothing scores them" in updates[tab.experiments["table"].reason]
    masks = tab.experiments["masks"]
    assert "Done: 2 of 2" in last(run(lab, "masks", visitor("one"), values))[masks.progress]
    with pytest.raises(UserError, match="nothing scores them"):
        last(run(lab, "curves", visitor("one"), values))
    tab.bench.forget()
    with pytest.raises(UserError, match="read them again"):
        tab.subject(values)


def test_an_empty_drop_and_a_foreign_file_are_told(lab: Built, tmp_path: Path) -> None:
    tab = lab.tab
    with pytest.raises(UserError, match="drop a folder"):
        tab.own.when_dropped(tab, lab.values())
    (tmp_path / "a.pt").write_bytes(b"")
    with pytest.raises(UserError, match="not safetensors"):
        tab.own.when_dropped(tab, lab.values({tab.own.files: [str(tmp_path / "a.pt")]}))
    with pytest.raises(UserError, match="first line names the base"):
        tab.own.when_named(tab, lab.values({tab.own.lines: "street: a/b"}))


def test_the_chip_says_the_lab_s_recipe(lab: Built) -> None:
    assert lab.tab.words(lab.tab.starts()).startswith("toy: Task arithmetic · α 0.50 · 3 of 3 experts · #")
