"""The fusion tab's handlers, called as functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest

from demos.fusion_bench import Job
from demos.fusion_words import engine_choices, left_choices
from demos.header import Header
from demos.history import History
from demos.mix_tab import Drawn
from demos.sight import with_updates
from demos.words import mask_line, notice_lines, version_label
from pipelines.fusion.options import FusionOptions
from pipelines.merging.errors import MergeError
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recovery import Recovery
from pipelines.shared.errors import UserError


def run(built: Any, visitor: Any, changes: dict[Any, Any] | None = None) -> dict[Any, Any]:
    """Updates of one full run."""
    updates: dict[Any, Any] = {}
    for step in built.tab.force(visitor("anna"), built.values(changes)):
        updates |= step
    return updates


def test_a_run_shows_a_picture_its_label_and_its_recipe(built: Any, visitor: Callable[[str], Any]) -> None:
    updates = run(built, visitor)
    before, fused = updates[built.tab.out]
    assert before.shape == fused.shape and fused.dtype == np.uint8
    assert "4 of 4 experts" in updates[built.tab.version]
    assert "mixdeck_recipe: 1" in updates[built.tab.desk.yaml]


def test_a_fader_changes_the_picture(built: Any, visitor: Callable[[str], Any]) -> None:
    strip = built.tab.panel.strips[0]
    weak, strong = (run(built, visitor, {strip.weight: value})[built.tab.out][1] for value in (0.2, 1.0))
    assert weak.mean() < strong.mean()


def test_no_frame_is_told_with_what_to_do(built: Any, visitor: Callable[[str], Any]) -> None:
    with pytest.raises(UserError, match="choose an example"):
        run(built, visitor, {built.tab.source.files: None})


@pytest.mark.parametrize("name", ["scan.dcm", "shot.DNG", "shot.arw", "photo.heic", "photo.jpg", "photo.tiff"])
def test_the_frames_box_lets_a_file_through_that_the_reader_has_a_word_for(built: Any, name: str) -> None:
    from gradio_client.utils import is_valid_file

    assert is_valid_file(name, built.tab.source.files.file_types)
    assert not is_valid_file("report.docx", built.tab.source.files.file_types)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told in passing."""
    messages: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda message, **_: messages.append(message))
    return messages


def test_a_refused_release_is_told_and_ends_as_usual(
    built: Any, visitor: Callable[[str], Any], said: list[str]
) -> None:
    (updates,) = built.tab.commit(visitor("anna"), built.values({built.tab.source.files: None}))
    assert set(updates) == {built.tab.alert} and 'role="alert"' in updates[built.tab.alert]
    assert len(said) == 1 and "choose an example" in said[0] and said[0] in updates[built.tab.alert]


def test_why_there_is_no_result_stays_until_there_is_one(built: Any, visitor: Callable[[str], Any]) -> None:
    tab, anna = built.tab, visitor("anna")
    steps = tab.force(anna, built.values({tab.source.files: None}))
    assert "<b>Nothing to fuse.</b>" in next(steps)[tab.alert]
    with pytest.raises(UserError):
        next(steps)
    assert next(tab.force(anna, built.values({tab.panel.scale: 0.19})))[tab.alert] == ""
    assert {tab.alert} < set(tab.pictures)


def test_a_refused_preview_says_nothing(
    built: Any, visitor: Callable[[str], Any], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(job: Job) -> None:
        raise MergeError("SLERP mixes two experts")

    monkeypatch.setattr(built.tab.bench, "preview", refuse)
    updates = built.tab.preview(visitor("anna"), built.values({built.tab.panel.scale: 0.32}))
    assert updates == {built.tab.version: gr.skip()} and said == []


def test_in_manual_a_release_runs_nothing_and_run_does(built: Any, visitor: Callable[[str], Any]) -> None:
    manual = built.values({built.tab.panel.apply: "Manual", built.tab.panel.strips[0].weight: 0.77})
    count = len(built.pipeline.calls)
    (updates,) = built.tab.commit(visitor("anna"), manual)
    assert len(built.pipeline.calls) == count and built.tab.out not in updates
    assert built.tab.out in next(built.tab.force(visitor("anna"), manual))


def test_a_number_box_that_is_left_unchanged_runs_nothing(built: Any, visitor: Callable[[str], Any]) -> None:
    tab = built.tab
    updates = run(built, visitor, {tab.panel.scale: 0.47})
    same = {tab.panel.scale: 0.47, tab.shown: updates[tab.shown], tab.drawn: updates[tab.drawn]}
    (label,) = tab.commit(visitor("anna"), built.values(same))
    assert (
        set(label) == {tab.version, tab.alert}
        and label[tab.alert] == ""
        and "4 of 4 experts" in label[tab.version]
        and "stale" not in label[tab.version]
    )
    assert tab.out in next(tab.commit(visitor("anna"), built.values(same | {tab.drawn: Drawn(same[tab.shown], True)})))
    assert tab.out in next(tab.commit(visitor("anna"), built.values(same | {tab.panel.scale: 0.48})))


def test_a_run_that_was_stopped_writes_nothing(built: Any, visitor: Callable[[str], Any]) -> None:
    tab, anna = built.tab, visitor("anna")
    steps = tab.force(anna, built.values({tab.panel.scale: 0.11}))
    original, tab.bench._make_pipeline = tab.bench._pipeline, None
    tab.bench._pipeline = lambda *given: (tab.halt(anna), original(*given))[1]
    try:
        assert tab.out not in next(steps)
    finally:
        tab.bench._pipeline = original


def test_stop_on_another_tab_leaves_a_run_and_scores_here(
    built: Any, visitor: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, other, anna = built.tab, built.page.tabs["grounding"], visitor("anna")
    pictured = tab.pictured
    monkeypatch.setattr(tab, "pictured", lambda *given: (other.halt(anna), pictured(*given))[1])
    monkeypatch.setattr(tab.desk, "_scores", lambda recipe: iter([{"ivis": 0.5}, {"ivis": 0.5, "mef": 0.6}]))
    scoring = tab.desk.when_scored(anna, built.values())
    next(scoring), other.halt(anna), next(scoring)
    assert tab.out in next(tab.force(anna, built.values({tab.panel.scale: 0.13})))
    assert list(scoring) == []  # the run here came after it
    scoring = tab.desk.when_scored(anna, built.values())
    next(scoring), other.halt(anna)
    assert [step[tab.desk.scored][1] for step in scoring][-1] == {"ivis": 0.5, "mef": 0.6}


def test_two_visitors_get_their_own_mix(built: Any, visitor: Callable[[str], Any]) -> None:
    strip = built.tab.panel.strips[0]
    anna = built.tab.force(visitor("anna"), built.values({strip.weight: 0.1}))
    ben = built.tab.force(visitor("ben"), built.values({strip.weight: 1.0}))
    of_ben, of_anna = next(ben)[built.tab.out][1], next(anna)[built.tab.out][1]
    assert of_anna.mean() < of_ben.mean()


def test_a_preview_sees_fewer_pixels_and_says_so(built: Any, visitor: Callable[[str], Any]) -> None:
    updates = built.tab.preview(visitor("anna"), built.values({built.tab.panel.scale: 0.31}))
    assert updates[built.tab.version].count("preview") == 1
    assert built.pipeline.calls[-1][0].max_pixels <= 80_000 < FusionOptions().max_pixels


def test_a_preview_leaves_the_full_result_of_the_same_settings(built: Any, visitor: Callable[[str], Any]) -> None:
    shown = built.tab.job(built.values())
    updates = built.tab.preview(visitor("anna"), built.values({built.tab.shown: shown}))
    assert built.tab.out not in updates


def test_a_picture_of_other_settings_is_marked(built: Any) -> None:
    job = built.tab.job(built.values())
    built.tab.bench.result(job)
    moved = built.values({built.tab.drawn: Drawn(job, False, "v1"), built.tab.panel.scale: 0.9})
    assert "stale" in built.tab.settle(moved)[built.tab.version]
    assert not isinstance(built.tab.give_way(moved)[built.tab.version], str), "a held fader's mark is the browser's"
    same = built.tab.settle(built.values({built.tab.drawn: Drawn(job)}))
    assert not isinstance(same[built.tab.version], str)


def test_a_late_preview_gives_way_to_the_full_result(built: Any) -> None:
    job = built.tab.job(built.values())
    late = built.values({built.tab.drawn: Drawn(job, True), built.tab.shown: job})
    settled = built.tab.give_way(late)
    assert settled[built.tab.drawn].job == job and not settled[built.tab.drawn].is_preview
    assert "preview" not in settled[built.tab.version]


def test_a_late_preview_of_an_earlier_position_gives_way_to_the_result_that_the_page_has(built: Any) -> None:
    """Its answer came after that of the run: nothing else would ever draw the result again."""
    job, earlier = (built.tab.job(built.values({built.tab.panel.scale: scale})) for scale in (0.57, 0.31))
    there = {built.tab.panel.scale: 0.57, built.tab.drawn: Drawn(earlier, True, "v1"), built.tab.shown: job}
    settled = built.tab.give_way(built.values(there))
    assert settled[built.tab.drawn].job == job and built.tab.out in settled
    assert "stale" not in settled[built.tab.version] and "preview" not in settled[built.tab.version]


def test_a_commit_is_one_entry_of_history(built: Any, visitor: Callable[[str], Any]) -> None:
    tab, panel = built.tab, built.tab.panel
    moved = {panel.scale: 0.55}
    committed = tab.when_shown(built.values(moved | {tab.shown: run(built, visitor, moved)[tab.shown]}))
    assert committed[panel.history].undo_count == 1
    undone = panel.when_undone(committed[panel.history], -1)
    assert undone[panel.scale] == panel.family.default.scale and undone[panel.redo]["interactive"]


def test_an_undo_during_a_run_stays(built: Any, visitor: Callable[[str], Any]) -> None:
    tab, panel = built.tab, built.tab.panel
    first = tab.job(built.values({panel.scale: 0.55}))
    history = History((panel.family.default, first.recipe), 1)
    updates = run(built, visitor, {panel.scale: 0.9, panel.history: history})
    assert panel.history not in updates
    undone = panel.when_undone(history, -1)
    now = built.values({panel.scale: undone[panel.scale], panel.history: undone[panel.history]})
    ended = now | {tab.shown: updates[tab.shown], tab.since: updates[tab.since]}
    assert not isinstance(tab.when_shown(ended)[panel.history], History)
    assert undone[panel.history].redo_count == 1


def test_a_fader_that_moves_on_during_a_run_leaves_its_entry(built: Any, visitor: Callable[[str], Any]) -> None:
    tab, panel = built.tab, built.tab.panel
    shown = run(built, visitor, {panel.scale: 0.9})[tab.shown]
    updates = tab.when_shown(built.values({tab.shown: shown, panel.scale: 1.1}))
    assert updates[panel.history].current == shown.recipe and updates[panel.history].undo_count == 1


@pytest.mark.parametrize("page", ["built", "text_page", "grounding_page"])
def test_the_note_of_what_is_shown_can_be_watched(page: str, request: pytest.FixtureRequest) -> None:
    built = request.getfixturevalue(page)
    assert len({hash(built.tab.job(built.values())), hash(built.tab.job(built.values()))}) == 1
    listeners = [one for one in built.page.blocks.fns.values() if (built.tab.shown._id, "change") in one.targets]
    assert {one.trigger_mode for one in listeners} == {"always_last"}


def test_settings_without_a_meaning_stay_at_their_defaults(built: Any) -> None:
    settings = built.tab.settings
    changes = {settings.engine: "average", settings.residual: 0.2, settings.operator: "fast", settings.deghost: True,
               settings.gains[0]: 1.0}  # fmt: skip
    options = settings.options(built.values(changes), "ivis", 2)
    assert options == FusionOptions(task="ivis", engine="average")


def test_an_example_sets_frames_task_and_desk(built: Any) -> None:
    example = next(one for one in built.tab.source.examples if one.task == "mef")
    updates = built.tab.with_example(example)
    assert updates[built.tab.source.task] == "mef" and updates[built.tab.source.example] == example.slug
    weights = [updates[strip.weight] for strip in built.tab.panel.strips]
    assert weights == [0.0, 1.0, 0.0, 0.0] and updates[built.tab.panel.scale] == 1.0


def test_every_example_has_its_frames_and_a_caption(built: Any) -> None:
    assert len(built.tab.source.examples) >= 6
    assert all(one.caption and all(path.is_file() for path in one.frames) for one in built.tab.source.examples)


def test_own_frames_survive_a_change_of_task(built: Any) -> None:
    updates = built.tab.when_task_changes(built.values({built.tab.source.example: "", built.tab.source.task: "mff"}))
    assert "value" not in updates[built.tab.source.files]


def test_swapping_turns_the_frames_round(built: Any) -> None:
    paths = built.tab.job(built.values()).paths
    assert built.tab.job(built.values({built.tab.source.swap: True})).paths == paths[::-1]


def test_exposures_are_not_swapped_and_the_box_says_why(built: Any) -> None:
    source, page = built.tab.source, built.tab
    swapped = built.values({source.swap: True, source.task: "mef", source.example: ""})
    assert page.job(swapped).paths == page.job(built.values({source.task: "mef"})).paths
    for updates in (page.when_task_changes(swapped), page.restored(text_for("mef"))):
        assert updates[source.swap]["interactive"] is False and "sorted" in updates[source.swap]["info"]
    assert page.restored(text_for("mff"))[source.swap]["interactive"] is True


def text_for(task: str) -> str:
    return f"mixdeck_recipe: 1\npipeline: fusion\nfamily: fusenet\noptions: {{task: {task}}}\n"


def test_an_exported_picture_dropped_back_restores_the_settings(
    built: Any, visitor: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tab, panel = built.tab, built.tab.panel
    monkeypatch.setattr(tab.export.exported, "GRADIO_CACHE", str(tmp_path))
    settings = tab.settings
    changes = {panel.strips[1].weight: -0.4, panel.scale: 1.25, settings.detail: 1.5, settings.polarity: "black"}
    job = run(built, visitor, changes)[tab.shown]
    picture, recipe = tab.export.when_exported(built.values({tab.shown: job}))[tab.export.exported]
    restored = tab.when_dropped(built.values({tab.export.drop: picture}))
    assert restored[panel.strips[1].weight] == -0.4 and restored[panel.scale] == 1.25
    assert restored[tab.settings.detail] == 1.5 and restored[tab.settings.polarity]["value"] == "black"
    assert "not stored inside" not in restored[tab.export.restored], "they are on the page"
    alone = tab.when_dropped(built.values({tab.export.drop: picture, tab.source.files: None}))
    assert alone[tab.export.restored].count("not stored inside") == 2
    assert tab.when_dropped(built.values({tab.export.drop: recipe}))[panel.scale] == 1.25


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (2, 0, 1)])
def test_frames_take_the_order_of_a_restored_recipe(built: Any, tmp_path: Path, order: tuple[int, ...]) -> None:
    from PIL import Image

    tab, source = built.tab, built.tab.source
    files = [str(tmp_path / f"{name}.png") for name in "abc"[: len(order)]]
    for grey, path in enumerate(files):
        Image.new("L", (8, 8), 40 * grey).save(path)
    chosen = {source.task: "mff", source.example: "mine"}
    job = tab.job(built.values(chosen | {source.files: [files[k] for k in order]}))
    restored = {tab.desk.yaml: tab.document_text(job), source.files: files}
    for is_swapped in (False, True):
        page = built.values(chosen | restored | {source.swap: is_swapped})
        there = with_updates(page, tab.when_yaml_used(page))
        empty = with_updates(page | {source.files: None}, tab.when_yaml_used(page | {source.files: None}))
        later = with_updates(empty | {source.files: files}, tab.when_uploaded(empty | {source.files: files}))
        assert tab.job(there) == tab.job(later) == job
        assert there[source.swap] is (order == (1, 0)) and there[source.awaited] is later[source.awaited] is None


def test_a_restore_at_the_head_of_the_page_knows_its_frames(built: Any, tmp_path: Path) -> None:
    tab, path = built.tab, tmp_path / "recipe.yaml"
    path.write_text(tab.document_text(tab.job(built.values({tab.source.swap: True}))))
    head: Any = SimpleNamespace(file="file", current="current", asked={"fusion": "asked"}, _tabs="tabs",
                                _known=lambda *names: "fusion", _built={"fusion": tab})  # fmt: skip
    updates = Header.when_restored(head, built.values({"file": str(path), "current": "", "asked": 0}))
    assert updates[tab.source.swap]["value"] is True and updates["asked"] == 1


def test_a_recipe_of_other_weights_is_told(built: Any) -> None:
    tab, settings = built.tab, built.tab.settings
    for engine, name in (("net", "fusenet"), ("lut", "meflut"), ("average", "")):
        changes = {settings.engine: engine, tab.source.task: "mef"}
        told = tab.document(tab.job(built.values(changes))).weights
        assert set(told) == {name} - {""}
        text = f"{text_for('mef')}weights: {{{name or 'fusenet'}: {'f' * 64}}}\n"
        lines = tab.restored(text)[tab.export.restored]
        assert f"other weights of {name or 'fusenet'}" in lines
        assert "other weights" not in tab.restored(tab.document_text(tab.job(built.values())))[tab.export.restored]


def test_a_picture_without_a_recipe_says_why(built: Any, tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "chat.jpg"
    Image.new("RGB", (8, 8)).save(path)
    with pytest.raises(UserError, match="Screenshots"):
        built.tab.when_dropped(built.values({built.tab.export.drop: str(path)}))


def test_a_recipe_with_an_unknown_method_is_refused_with_the_known_ones(built: Any) -> None:
    text = "mixdeck_recipe: 1\npipeline: fusion\nfamily: fusenet\nmerge: {vector: {method: magic}}\n"
    with pytest.raises(ValueError, match="ties"):
        built.tab.when_yaml_used(built.values({built.tab.desk.yaml: text}))


def test_presets_of_ones_own_are_kept_and_the_shipped_ones_stay(built: Any) -> None:
    desk, scale = built.tab.desk, built.tab.panel.scale
    saved = desk.when_saved(built.values({desk.preset: "mine", scale: 0.61}))
    mine = built.values({desk.preset: "mine", desk.own: saved[desk.own]})
    assert desk.when_preset_chosen(mine)[scale] == 0.61
    assert "mine" not in desk.when_deleted(mine)[desk.own]
    with pytest.raises(UserError):
        desk.when_saved(built.values({desk.preset: "base"}))


def test_a_click_shows_the_region_of_every_frame(built: Any, visitor: Callable[[str], Any]) -> None:
    job = run(built, visitor)[built.tab.shown]
    event: Any = SimpleNamespace(index=(10, 12))
    updates = built.tab.zoom.when_pointed(event, built.values({built.tab.shown: job}))
    assert updates[built.tab.zoom.point] == (10, 12)
    assert [name for _, name in updates[built.tab.zoom.regions]["value"]][2:] == ["result", "weight 1", "weight 2"]


def test_measuring_sets_the_result_beside_classical_methods(built: Any, visitor: Callable[[str], Any]) -> None:
    view, shown = built.tab.metrics, built.tab.shown
    job = run(built, visitor)[shown]
    measured = view.when_measured(visitor("anna"), built.values({shown: job}))
    table = view.when_told(measured | {shown: job})[view.metrics]
    assert "this result" in table and "qabf" in table and "Laplacian" in table


def test_numbers_of_a_result_that_is_gone_are_not_shown(built: Any, visitor: Callable[[str], Any]) -> None:
    view, shown = built.tab.metrics, built.tab.shown
    measured = view.when_measured(visitor("anna"), built.values({shown: run(built, visitor)[shown]}))
    moved = run(built, visitor, {built.tab.panel.scale: 0.58})[shown]
    assert view.when_told(measured | {shown: moved}) == {view.metrics: gr.skip()}


def test_measuring_ends_where_another_result_comes(
    built: Any, visitor: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, anna, rivals = built.tab, visitor("anna"), []
    job = run(built, visitor)[tab.shown]
    monkeypatch.setattr(tab.bench, "rival", lambda job, engine, frames: rivals.append(engine) or tab.halt(anna))
    monkeypatch.setattr("pipelines.fusion.measured.measure", lambda picture, frames, options: {"ssim": 1.0})
    measured = tab.metrics.when_measured(anna, built.values({tab.shown: job}))
    assert rivals == ["average"] and tab.metrics.when_told(measured | {tab.shown: job}) == {
        tab.metrics.metrics: gr.skip()
    }


def test_a_metric_that_a_small_picture_lacks_says_what_it_needs(
    built: Any, visitor: Callable[[str], Any], tmp_path: Path
) -> None:
    from PIL import Image

    rng, paths = np.random.default_rng(0), [tmp_path / "tiny_ir.png", tmp_path / "tiny_vis.png"]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(path)
    view, shown = built.tab.metrics, built.tab.shown
    job = run(built, visitor, {built.tab.source.files: [str(path) for path in paths]})[shown]
    _, table = view.when_measured(visitor("anna"), built.values({shown: job}))[view.measured]
    assert "<td>vif ↑</td><td>n/a (needs 41 px)</td>" in table


def test_a_black_hot_frame_is_measured_as_it_was_fused(
    built: Any, visitor: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.fusion import metrics

    seen: list[Any] = []
    monkeypatch.setattr(metrics, "score", lambda picture, frames, task: seen.append(frames[0]) or {"ssim": 1.0})
    first = {}
    for polarity in ("white", "black"):
        job = run(built, visitor, {built.tab.settings.polarity: polarity})[built.tab.shown]
        built.tab.metrics.when_measured(visitor("anna"), built.values({built.tab.shown: job}))
        first[polarity] = seen.pop()
        assert built.pipeline.calls[-1][0].polarity == polarity, "of the rivals"
    assert np.abs(first["black"].astype(int) + first["white"] - 255).max() <= 1


def test_rivals_are_made_of_the_frames_that_are_measured(
    built: Any, visitor: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.fusion.measured.MOST_MEASURED", 3000)
    job = run(built, visitor)[built.tab.shown]
    count = len(built.pipeline.sizes)
    built.tab.metrics.when_measured(visitor("anna"), built.values({built.tab.shown: job}))
    assert len(built.pipeline.sizes) == count + 2 and max(built.pipeline.sizes[count:]) <= 3100


def test_a_comparison_that_cannot_be_made_is_told_and_gives_way_to_frame_1(
    built: Any, visitor: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Mertens on more than 20 megapixels."""
    tab = built.tab

    def refusing(frames: Any, options: Any, recipe: Any) -> Any:
        if options.engine == "mertens":
            raise UserError("Mertens takes 20 megapixels.")
        return built.pipeline(frames, options, recipe)

    monkeypatch.setattr(tab.bench, "_pipeline", refusing)
    example = next(one for one in tab.source.examples if one.task == "mef")
    files = [str(path) for path in example.frames]
    asked = {tab.left: "mertens", tab.source.task: "mef", tab.source.files: files}
    updates = run(built, visitor, asked)
    assert updates[tab.left]["value"] == "frame 1" and "takes 20 megapixels" in updates[tab.notices]
    switched = tab.when_left_changes(built.values(asked | {tab.shown: updates[tab.shown]}))
    assert switched[tab.left] == "frame 1" and "takes 20 megapixels" in switched[tab.notices]
    before = switched[tab.out]["value"][0]
    assert np.array_equal(before, updates[tab.out][0]) and before.shape == updates[tab.out][1].shape


def test_the_table_engine_is_offered_for_exposures_only() -> None:
    assert "lut" in [name for _, name in engine_choices("mef")]
    assert "lut" not in [name for _, name in engine_choices("med")]


def test_the_result_can_be_compared_with_frames_mixes_and_engines() -> None:
    job = Job(("a", "b"), FusionOptions(task="mef"), MergeRecipe())
    values = [value for _, value in left_choices(job, 2)]
    assert {"frame 1", "frame 2", "base", "other", "mertens", "lut"} <= set(values) and "net" not in values


def test_a_run_leaves_what_it_is_compared_with_as_it_is_chosen(built: Any, visitor: Callable[[str], Any]) -> None:
    left = built.tab.left
    assert "value" not in run(built, visitor, {left: "average"})[left]
    assert run(built, visitor, {left: "frame 5"})[left]["value"] == "frame 1"


def test_another_choice_during_a_run_is_drawn_after_it(built: Any, visitor: Callable[[str], Any]) -> None:
    tab = built.tab
    updates = run(built, visitor)
    now = built.values({tab.shown: updates[tab.shown], tab.drawn: updates[tab.drawn]})
    assert list(tab.when_drawn(now).values()) == [gr.skip()]
    before, fused = tab.when_drawn(now | {tab.left: "average"})[tab.out]["value"]
    assert np.array_equal(fused, updates[tab.out][1]) and not np.array_equal(before, updates[tab.out][0])
    assert "value" in tab.when_drawn(now | {tab.compare.view: "difference"})[tab.compare.flat]


def test_text_of_others_is_shown_not_rendered() -> None:
    assert "<b>" not in notice_lines(("<b>frame</b>",))
    assert "<code>pip install</code>" in notice_lines(("`pip install`",))


def test_labels_say_preview_and_stale() -> None:
    assert "stale" not in version_label("v1") and 'class="version stale"' in version_label("v1", is_stale=True)
    assert "preview" in version_label("v1", is_preview=True)
    assert version_label("v1") != version_label("v1"), "the browser would not draw the second one"


def test_mask_shares_are_told_in_words() -> None:
    report: Any = SimpleNamespace(density={"mef": 0.25}, union=0.5, selfish=0.3, catastrophic=0.1)
    assert "mef keeps 25%" in mask_line(report) and "shared 20%" in mask_line(report)
    assert "1 as the base" not in mask_line(report)
    assert "mef 0.42 (3%)" in mask_line(report, {"mef": Recovery(0.42, 0.03)})


def test_the_first_visit_runs_the_first_example(built: Any, visitor: Callable[[str], Any]) -> None:
    updates = next(built.tab.when_asked(visitor("new"), built.values()))
    assert built.tab.out in updates
    (nothing,) = built.tab.when_asked(visitor("new"), built.values({built.tab.source.files: None}))
    assert nothing == {built.tab.version: gr.skip()}
