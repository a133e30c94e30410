"""A mask taken, painted over and used on the grounding tab; what follows it, what stays, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demos.grounding_compare import THIS, mixes_of
from demos.grounding_correction import ALPHA, layer_of, size_of
from demos.grounding_export import figure_caption
from pipelines.grounding.correction import sampled
from pipelines.grounding.random_scene import SceneRef, drawn
from pipelines.shared.errors import UserError

SCENE = SceneRef("base", 1)
SQUARE = (slice(2, 9), slice(3, 13))  # rows and columns that are painted


@pytest.fixture
def asked(grounding_page: Any, visitor: Callable[[str], Any]) -> Callable[..., dict[Any, Any]]:
    """The page after a run of two phrases, as what it sends and what it was told."""

    def ask(changes: dict[Any, Any] | None = None) -> dict[Any, Any]:
        tab = grounding_page.tab
        start = {tab.source.scene: SCENE, tab.source.phrase: "the red star", tab.source.more: "a mug",
                 tab.settings["existence"]: 0.0, tab.settings["mask"]: 0.1}  # fmt: skip
        sent = grounding_page.values({**start, **(changes or {})})
        return after(sent, tab.force(visitor("mona"), sent))

    return ask


def after(sent: dict[Any, Any], steps: Any) -> dict[Any, Any]:
    """The page once these updates have come."""
    for step in steps:
        sent = sent | {one: value.get("value", sent.get(one)) if isinstance(value, dict) else value
                       for one, value in step.items()}  # fmt: skip
    return sent


def taken(tab: Any, page: dict[Any, Any], number: int = 1) -> dict[Any, Any]:
    """The page with the mask of an object on the editor."""
    page = after(page, [tab.correction.when_taken({**page, tab.correction.which: number})])
    return after(page, [tab.correction.when_placed(page)])


def painted(tab: Any, page: dict[Any, Any], strokes: Callable[[np.ndarray], None]) -> dict[Any, Any]:
    """The page with what is painted on the editor: `strokes` changes a mask."""
    value = page[tab.correction.editor]
    mask = value["layers"][0][..., 3] > 0
    strokes(mask)
    return {**page, tab.correction.editor: value | {"layers": [layer_of(mask, (0, 114, 178))]}}


def with_square(mask: np.ndarray) -> None:
    mask[:] = False
    mask[SQUARE] = True


@pytest.fixture
def mended(grounding_page: Any, asked: Any, visitor: Callable[[str], Any]) -> dict[Any, Any]:
    """The page after the first object's mask was made a square."""
    tab = grounding_page.tab
    page = painted(tab, taken(tab, asked()), with_square)
    return after(page, tab.when_mask_used(visitor("mona"), page))


def objects_of(tab: Any, page: dict[Any, Any]) -> Any:
    return tab.bench.result(page[tab.shown])[0].objects


def test_a_run_offers_its_objects_by_name(grounding_page: Any, visitor: Callable[[str], Any]) -> None:
    tab = grounding_page.tab
    sent = grounding_page.values({tab.source.scene: SCENE, tab.source.phrase: "the red star; a mug",
                                  tab.settings["existence"]: 0.0})  # fmt: skip
    *_, last = tab.force(visitor("mona"), sent)
    assert last[tab.correction.which]["choices"] == [("#1 the red star", 1), ("#2 a mug", 2)]
    assert last[tab.correction.which]["value"] == 1 and last[tab.correction.back]["interactive"] is False


def test_a_mask_is_taken_as_a_layer_over_its_picture(grounding_page: Any, asked: Any) -> None:
    tab, page = grounding_page.tab, asked()
    half = float(
        np.median(tab.bench.result(page[tab.shown])[0].phrases[1].raw.mask)
    )  # a mask that is part of the picture
    page = asked({tab.settings["mask"]: half})
    placed = tab.correction.when_placed(taken(tab, page, 2))[tab.correction.editor]
    mask, layer = objects_of(tab, page)[1].mask, placed["value"]["layers"][0]
    assert mask.any() and not mask.all()
    assert np.array_equal(placed["value"]["background"], drawn(SCENE).pixels)
    assert np.array_equal(layer[..., 3] == ALPHA, mask) and not layer[~mask].any()
    assert placed["visible"] and placed["canvas_size"] == mask.shape[::-1]
    assert placed["brush"].color_mode == "fixed" and len(placed["brush"].colors) == 1


def test_the_editor_leaves_the_page_before_it_comes_with_another_mask(grounding_page: Any, asked: Any) -> None:
    correction, page = grounding_page.tab.correction, asked()
    assert correction.when_taken(page)[correction.editor]["visible"] is False


def test_no_run_is_sent_the_pixels_of_the_editor(grounding_page: Any) -> None:
    config, tab = grounding_page.page.blocks.get_config_file(), grounding_page.tab
    sent = [one for one in config["dependencies"] if tab.correction.editor._id in one["inputs"]]
    assert [one["targets"] for one in sent] == [[(tab.correction.use._id, "click")]]


def test_a_painted_mask_is_shown_and_marked(grounding_page: Any, asked: Any, mended: Any) -> None:
    tab, plain = grounding_page.tab, asked()
    first, second = objects_of(tab, mended)
    assert first.mask[SQUARE].all() and first.mask.sum() == 70 and first.box_xyxy == (3.0, 2.0, 13.0, 9.0)
    assert first.score == objects_of(tab, plain)[0].score
    assert np.array_equal(second.mask, objects_of(tab, plain)[1].mask) and not second.is_corrected
    assert mended[tab.answer.table].count("corrected by hand") == 1 and "3, 2, 13, 9" in mended[tab.answer.table]
    assert "#1 corrected by hand" in mended[tab.version] and "stale" not in mended[tab.version]
    assert "was corrected by hand" in mended[tab.answer.notices]
    assert not np.array_equal(mended[tab.answer.picture], plain[tab.answer.picture])
    assert "Corrected by hand: mask of #1." in figure_caption(tab.bench, mended[tab.shown])
    assert mended[tab.past.runs][0].caption.endswith("#1 by hand")


def test_hit_or_miss_stays_the_networks(grounding_page: Any, asked: Any, visitor: Callable[[str], Any]) -> None:
    tab = grounding_page.tab
    text = next(one.text for one in drawn(SCENE).phrases if len(one.targets) == 1)
    page = asked({tab.source.phrase: text, tab.source.more: ""})
    number = next(one.targets[0] for one in drawn(SCENE).phrases if one.text == text)

    def right(mask: np.ndarray) -> None:
        mask[:] = drawn(SCENE).ids == number + 1

    page = painted(tab, taken(tab, page), right)
    verdict = 'class="badge miss"'
    assert verdict in page[tab.answer.lines]
    assert verdict in after(page, tab.when_mask_used(visitor("mona"), page))[tab.answer.lines]


def test_files_have_the_painted_mask_and_say_so(
    grounding_page: Any, mended: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tab = grounding_page.tab
    monkeypatch.setattr(tab.export.exported, "GRADIO_CACHE", str(tmp_path))
    sent = {**mended, tab.export.extras: ["json", "coco", "yolo", "masks", "cutout"]}
    paths = {Path(path).name.split("-")[-1]: Path(path) for path in tab.export.when_exported(sent)[tab.export.exported]}
    told = json.loads(next(path for name, path in paths.items() if name.endswith(".json") and name != "coco.json")
                      .read_text())  # fmt: skip
    assert told["corrected_by_hand"] == [1] and [one["is_corrected"] for one in told["objects"]] == [True, False]
    coco = json.loads(paths["coco.json"].read_text())
    assert coco["info"]["corrected_by_hand"] == [1] and coco["annotations"][0]["bbox"] == [3.0, 2.0, 10.0, 7.0]
    assert np.array_equal(np.asarray(Image.open(paths["1.png"])) > 0, objects_of(tab, mended)[0].mask)
    cut = np.asarray(Image.open(paths["cutout.png"]))[..., 3] > 0
    assert np.array_equal(cut, objects_of(tab, mended)[0].mask | objects_of(tab, mended)[1].mask)


def test_a_recipe_says_that_corrections_are_not_in_it(grounding_page: Any, mended: Any) -> None:
    tab = grounding_page.tab
    assert "corrected_by_hand:\n  - 1" in mended[tab.desk.yaml]
    restored = tab.when_yaml_used(mended)
    assert "not part of a recipe" in restored[tab.export.restored]
    page = after(mended, [restored])
    assert tab.job(page) == mended[tab.shown].uncorrected


def test_the_look_that_was_corrected_keeps_its_masks_and_no_other_has_them(
    grounding_page: Any, asked: Any, mended: Any
) -> None:
    tab, fader = grounding_page.tab, grounding_page.tab.panel.scale
    assert tab.job(mended) == mended[tab.shown] and list(tab.settle(mended)) == [tab.version]
    moved = {**mended, fader: 1.3}
    assert tab.job(moved).corrections == () and "stale" in tab.settle(moved)[tab.version]
    assert tab.job({**moved, fader: mended[fader]}) == mended[tab.shown]
    assert tab.job({**mended, tab.source.phrase: "a key"}).corrections == ()


def test_the_networks_masks_come_back(grounding_page: Any, asked: Any, mended: Any, visitor: Any) -> None:
    tab = grounding_page.tab
    page = after(mended, tab.when_masks_wanted_back(visitor("mona"), mended))
    assert page[tab.shown] == tab.job(page) and not page[tab.shown].corrections
    assert np.array_equal(page[tab.answer.picture], asked()[tab.answer.picture])


def test_history_brings_corrected_and_uncorrected_runs_back(
    grounding_page: Any, mended: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = grounding_page.tab
    newest, oldest = mended[tab.past.runs]
    assert newest.job == mended[tab.shown] and oldest.job == newest.job.uncorrected
    moved = {**mended, tab.panel.scale: 1.3, tab.correction.kept: None}
    for index, run in enumerate((newest, oldest)):
        back = tab.when_past_chosen(SimpleNamespace(index=index), moved)
        assert set(back) <= set(tab.settable)
        assert tab.job(after(moved, [back])) == run.job


def test_compare_and_dial_ask_the_uncorrected_mixes(grounding_page: Any, mended: Any) -> None:
    tab, job = grounding_page.tab, mended[grounding_page.tab.shown]
    results = tab.bench.mixed(job, mixes_of(tab.family, job.recipe))
    assert not any(one.is_corrected for one in results[THIS].objects)
    assert tab.compare.when_compared(mended)[tab.compare.gallery]["visible"]
    assert tab.bench.dial(job) == tab.bench.dial(job.uncorrected)
    assert tab.compare.pictured(job.uncorrected, None, mended) == {}


def test_a_batch_is_asked_without_corrections(grounding_page: Any, mended: Any) -> None:
    assert grounding_page.tab.batch._job_of(mended) == mended[grounding_page.tab.shown].uncorrected


def test_two_objects_can_be_corrected_one_after_the_other(grounding_page: Any, mended: Any, visitor: Any) -> None:
    tab = grounding_page.tab

    def a_corner(mask: np.ndarray) -> None:
        mask[:] = False
        mask[0, 0] = True

    page = painted(tab, taken(tab, mended, 2), a_corner)
    page = after(page, tab.when_mask_used(visitor("mona"), page))
    assert page[tab.shown].by_hand == [1, 2] and objects_of(tab, page)[1].box_xyxy == (0.0, 0.0, 1.0, 1.0)
    assert "#1, #2 corrected by hand" in page[tab.version]


def test_what_is_painted_on_after_it_was_used_counts_too_and_back_is_uncorrected(
    grounding_page: Any, mended: Any, visitor: Any
) -> None:
    tab = grounding_page.tab
    own = tab.bench.result(mended[tab.shown].uncorrected)[0].objects[0].mask

    def as_it_was(mask: np.ndarray) -> None:
        mask[:] = own

    page = painted(tab, mended, as_it_was)
    assert not after(page, tab.when_mask_used(visitor("mona"), page))[tab.shown].corrections


def test_a_large_picture_is_painted_small_and_only_strokes_change_its_mask(
    grounding_page: Any, asked: Any, visitor: Any, tmp_path: Path
) -> None:
    tab = grounding_page.tab
    noise = np.random.default_rng(0).integers(0, 256, (1333, 2000, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png")
    page = taken(tab, asked({tab.source.scene: None, tab.source.image: str(tmp_path / "large.png")}))
    size = size_of(2000, 1333)
    assert page[tab.correction.editor]["background"].shape == (*size[::-1], 3) and size == (1230, 820)
    before = objects_of(tab, page)[0].mask

    def flipped(mask: np.ndarray) -> None:
        mask[SQUARE] ^= True

    page = painted(tab, page, flipped)
    mask = objects_of(tab, after(page, tab.when_mask_used(visitor("mona"), page)))[0].mask
    touched = np.zeros(size[::-1], bool)
    touched[SQUARE] = True
    touched = sampled(touched, (2000, 1333))
    assert np.array_equal(mask[~touched], before[~touched]) and not np.array_equal(mask, before)


# --- what is refused


def test_nothing_taken_is_told(grounding_page: Any, asked: Any) -> None:
    tab, page = grounding_page.tab, asked()
    with pytest.raises(UserError, match="No mask is taken yet"):
        tab.correction.used({**page, tab.correction.editor: None})


def test_before_the_first_answer_there_is_nothing_to_take(grounding_page: Any) -> None:
    correction = grounding_page.tab.correction
    for handler in (correction.when_taken, correction.used, correction.restored):
        with pytest.raises(UserError, match="press Run first"):
            handler(grounding_page.values())


def test_an_object_of_an_older_answer_is_told_by_number(grounding_page: Any, asked: Any) -> None:
    tab, page = grounding_page.tab, asked()
    with pytest.raises(UserError, match=r"#7 is not in this answer; found: #1 the red star, #2 a mug"):
        tab.correction.when_taken({**page, tab.correction.which: 7})
    with pytest.raises(UserError, match="Nothing was found"):
        tab.correction.when_taken(asked({tab.settings["existence"]: 1.0}))


def test_a_mask_that_was_not_touched_is_told(grounding_page: Any, asked: Any) -> None:
    tab = grounding_page.tab
    with pytest.raises(UserError, match="#1 is as it was"):
        tab.correction.used(taken(tab, asked()))


def test_an_empty_mask_or_editor_is_refused(grounding_page: Any, asked: Any) -> None:
    tab = grounding_page.tab
    page = taken(tab, asked())
    with pytest.raises(UserError, match="mask of #1 has no pixel left"):
        tab.correction.used(painted(tab, page, lambda mask: mask.fill(False)))
    for value in (None, {"background": None, "layers": [], "composite": None}):
        with pytest.raises(UserError, match="editor is empty"):
            tab.correction.used({**page, tab.correction.editor: value})


def test_a_layer_of_another_size_is_refused(grounding_page: Any, asked: Any) -> None:
    tab = grounding_page.tab
    layer = layer_of(np.ones((5, 7), bool), (0, 0, 0))
    page = {**taken(tab, asked()), tab.correction.editor: {"layers": [layer]}}
    with pytest.raises(UserError, match="has 7 × 5 pixels, the mask of #1 224 × 224"):
        tab.correction.used(page)


def test_a_mask_of_another_answer_waits_until_that_one_is_back(grounding_page: Any, asked: Any, visitor: Any) -> None:
    tab = grounding_page.tab
    page = painted(tab, taken(tab, asked()), with_square)
    moved = {**page, tab.panel.scale: 1.3}
    later = after(moved, tab.force(visitor("mona"), moved))
    assert "taken from another answer" in later[tab.correction.note]
    with pytest.raises(UserError, match="of #1 in another answer, to “the red star”"):
        tab.correction.used(later)
    again = after(later, tab.force(visitor("mona"), {**later, tab.panel.scale: page[tab.panel.scale]}))
    assert tab.correction.used(again).by_hand == [1]


def test_a_strange_payload_of_the_menu_is_no_crash(grounding_page: Any, asked: Any) -> None:
    tab = grounding_page.tab
    assert tab.correction.which.preprocess("<b>") == "<b>"
    with pytest.raises(UserError, match="#<b> is not in this answer"):
        tab.correction.when_taken({**asked(), tab.correction.which: "<b>"})


def test_equal_corrections_make_equal_jobs(grounding_page: Any, mended: Any) -> None:
    job = mended[grounding_page.tab.shown]
    same = replace(job, corrections=tuple(replace(one) for one in job.corrections))
    assert same == job and same.key == job.key != job.uncorrected.key
