"""What is named, compared, absent and dialled on the grounding tab; and phrases and pictures of odd kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demos.grounding_bench import DIAL_STEPS
from demos.grounding_drawing import Mark, Scenery, answer_picture, colours_of, cut_out, factor_of
from demos.grounding_words import absent_panel, expression_buttons, phrase_lines, word_grid
from pipelines.grounding.counterfactual import Dropped
from pipelines.grounding.random_scene import SceneRef, drawn, is_hit, is_thing_at, kinds, name_at, truth_of
from pipelines.shared.errors import UserError

SCENE = SceneRef("base", 1)


@pytest.fixture
def asked(grounding_page: Any, visitor: Callable[[str], Any]) -> Callable[..., dict[Any, Any]]:
    """The page after a run with a phrase, as what it sends and what it was told."""

    def ask(phrase: str, changes: dict[Any, Any] | None = None) -> dict[Any, Any]:
        tab = grounding_page.tab
        start = {tab.source.scene: SCENE, tab.source.phrase: phrase, tab.settings["existence"]: 0.0}
        sent = grounding_page.values({**start, **(changes or {})})
        for step in tab.force(visitor("carl"), sent):
            sent |= {one: value for one, value in step.items() if not isinstance(value, dict)}
        return sent

    return ask


def true_phrase() -> str:
    return next(one.text for one in drawn(SCENE).phrases if one.targets)


# --- phrases


@pytest.mark.parametrize("phrase", ["ein roter Hut", "赤いボール", "красный шар", "zebra"])
def test_words_of_no_training_are_told_and_the_answer_is_called_a_guess(asked: Any, grounding_page: Any,
                                                                       phrase: str) -> None:  # fmt: skip
    tab, page = grounding_page.tab, asked(phrase)
    assert "the answer is a guess" in page[tab.answer.notices] and 'class="strange"' in page[tab.answer.lines]


def test_one_unknown_word_is_marked_among_known_ones(asked: Any, grounding_page: Any) -> None:
    tab, page = grounding_page.tab, asked("the red zebra, please")
    assert "zebra: only its letters" in page[tab.answer.notices]
    assert page[tab.answer.lines].count('class="strange"') == 1


def test_a_word_with_a_hyphen_is_marked_whole() -> None:
    one = SimpleNamespace(phrase="the polka-dot star", targets=(1,), existence=0.5, unknown=("polka", "dot"))
    result: Any = SimpleNamespace(phrases=[one], thresholds={"existence": 0.5})
    line = phrase_lines(result, colours_of([one.phrase]), {})
    assert line.count('class="strange"') == 1 and ">polka-dot</mark> star" in line


def test_two_hundred_words_are_read_as_far_as_they_go(asked: Any, grounding_page: Any) -> None:
    page = asked("a red star " * 66 + "there now")
    assert "its first 23 words are read" in page[grounding_page.tab.answer.notices]


def test_five_thousand_characters_are_refused_in_words(asked: Any) -> None:
    with pytest.raises(UserError, match="5,000 characters"):
        asked("x" * 5000)


def test_too_many_phrases_are_refused(asked: Any) -> None:
    with pytest.raises(UserError, match="33 phrases"):
        asked("; ".join(f"star {number}" for number in range(33)))


def test_markup_is_shown_not_rendered(asked: Any, grounding_page: Any) -> None:
    tab = grounding_page.tab
    page = asked("<img src=x onerror=alert(1)> star", {tab.settings["existence"]: 1.0})
    shown = [page[one] for one in (tab.answer.lines, tab.answer.table, tab.answer.words, tab.answer.absent,
                                   tab.answer.notices)]  # fmt: skip
    assert not any("<img" in text for text in shown) and "&lt;img" in shown[0]
    assert "<i>" not in expression_buttons([("<i>", "<u>")], "these") and 'data-text="&lt;i&gt;"' in expression_buttons(
        [("<i>", "<u>")], "these"
    )
    assert "<u>" not in word_grid(["<u>"], np.ones((1, 1)), ["<u>"], None, "words")


def test_only_existence_is_asked_with_none(asked: Any, grounding_page: Any) -> None:
    tab, page = grounding_page.tab, asked("the star | none")
    result = tab.bench.result(page[tab.shown])[0]
    assert result.triplets() == [] and result.phrases[0].existence > 0 and result.objects == ()
    assert "No object is asked for" in page[tab.answer.table] and page[tab.answer.absent] == ""
    assert "· there</span>" in page[tab.answer.lines]
    refused = asked("the star | none", {tab.settings["existence"]: 1.0})
    assert "Nothing in the picture matches" in refused[tab.answer.absent]
    assert np.array_equal(page[tab.answer.picture], asked("the star", {tab.answer.layers: []})[tab.answer.picture])


def test_a_phrase_that_is_only_asked_is_a_hit_where_existence_is_right(asked: Any, grounding_page: Any) -> None:
    lines = grounding_page.tab.answer.lines
    assert 'class="badge hit"' in asked(f"{true_phrase()} | none")[lines]
    assert (
        'class="badge miss"' in asked(f"{true_phrase()} | none", {grounding_page.tab.settings["existence"]: 1.0})[lines]
    )


def test_a_mask_that_is_not_asked_for_is_in_no_table(asked: Any, grounding_page: Any) -> None:
    table = asked("the star | box")[grounding_page.tab.answer.table]
    assert table.count("<td>–</td>") == 2 and "data-copy" in table
    assert "data-copy" not in asked("the star | mask")[grounding_page.tab.answer.table]


# --- pictures


@pytest.mark.parametrize(
    ("mode", "size"), [("RGB", (1, 1)), ("L", (40, 30)), ("RGBA", (64, 20)), ("RGB", (3, 900)), ("RGB", (1500, 1000))]
)
def test_pictures_of_any_size_and_kind_are_looked_at(
    asked: Any, grounding_page: Any, tmp_path: Path, mode: str, size: tuple[int, int]
) -> None:
    tab = grounding_page.tab
    Image.new(mode, size, 128 if mode == "L" else (200, 30, 30, 90)[: len(mode)]).save(tmp_path / "it.png")
    page = asked("a star", {tab.source.scene: None, tab.source.image: str(tmp_path / "it.png")})
    picture = page[tab.answer.picture]
    assert picture.shape[0] <= 820 and picture.shape[1] <= 1280
    assert tab.bench.result(page[tab.shown])[0].size_wh == size


def test_a_picture_of_48_megapixels_is_refused_in_words(asked: Any, grounding_page: Any, tmp_path: Path) -> None:
    source = grounding_page.tab.source
    Image.new("1", (8000, 6000)).save(tmp_path / "huge.png")
    with pytest.raises(UserError, match="megapixels"):
        asked("a star", {source.scene: None, source.image: str(tmp_path / "huge.png")})


def test_drawing_stays_where_the_objects_are() -> None:
    pixels = np.full((50, 100, 3), 200, np.uint8)
    mask = np.zeros((50, 100), bool)
    mask[10:20, 60:80] = True
    drawn_over = answer_picture(pixels, Scenery([Mark("", (255, 0, 0), (60, 10, 80, 20), mask)], opacity=1.0))
    factor = factor_of(100, 50)
    assert drawn_over.shape == (320, 640, 3) and factor == 6.4
    rows, columns = np.nonzero(drawn_over[..., 1] < 100)
    assert abs(columns.min() - 60 * factor) <= 4 and abs(rows.max() - 20 * factor) <= 4
    heat = np.zeros((50, 100), np.float32)
    heat[40, 20] = 1
    changed = np.abs(answer_picture(pixels, Scenery(heats=[heat])).astype(int) - 200).sum(2)
    row, column = np.unravel_index(changed.argmax(), changed.shape)
    assert abs(column - 20.5 * factor) <= 10 and abs(row - 40.5 * factor) <= 10
    assert cut_out(pixels, [mask])[..., 3].sum() == 255 * 200


def test_every_phrase_has_a_colour_of_its_own() -> None:
    assert len(set(colours_of([f"p{number}" for number in range(8)]).values())) == 8


# --- scenes


def test_every_kind_in_the_menu_can_be_drawn(grounding_page: Any) -> None:
    offered = [value for _, value in grounding_page.tab.source.kind.choices]
    assert set(offered) <= set(kinds()) and {"base", "attribute", "relation", "ordinal", "photo", "refuse"} <= set(
        offered
    )
    with pytest.raises(UserError, match="attribute"):
        SceneRef("attributes", 1)


def test_a_new_scene_comes_with_its_expressions_and_asks_the_first(grounding_page: Any) -> None:
    source = grounding_page.tab.source
    sent = grounding_page.values({source.kind: "relation", source.seed: 4})
    this, another = source.when_scene_wanted(sent), source.when_another_wanted(sent)
    assert this[source.scene] == SceneRef("relation", 4) and another[source.scene].seed == 5
    first = drawn(this[source.scene]).phrases[0].text
    assert this[source.phrase] == first and Path(this[source.image]).is_file()
    event: Any = SimpleNamespace(index=1)
    chosen = source.when_expression_chosen(event, {**sent, source.scene: this[source.scene]})
    assert chosen[source.phrase] == drawn(this[source.scene]).phrases[1].text


def test_an_upload_forgets_the_scene(grounding_page: Any, crop_file: Path) -> None:
    tab = grounding_page.tab
    sent = grounding_page.values({tab.source.image: str(crop_file), tab.source.scene: SCENE})
    assert tab.job(sent).path == "" and tab.job(sent).scene == SCENE
    uploaded = tab.source.when_uploaded()
    assert tab.job({**sent, **uploaded}).path == str(crop_file)
    assert "not photographs" in uploaded[tab.source.caption] and tab.source.when_cleared()[tab.source.caption] == ""


def test_what_was_clicked_is_named_and_can_be_asked(asked: Any, grounding_page: Any) -> None:
    tab, page, scene = grounding_page.tab, asked("the star"), drawn(SCENE)
    side = scene.pixels.shape[1]
    number = scene.phrases[0].targets[0] if scene.phrases[0].targets else 0
    row, column = (int(values[len(values) // 2]) for values in np.nonzero(scene.ids == number + 1))
    factor = factor_of(side, side)
    told = tab.point.when_pointed(SimpleNamespace(index=[column * factor, row * factor]), page)
    name = told[tab.point.name]
    assert name == name_at(SCENE, (column, row)) and name in told[tab.point.line]
    assert tab.when_name_asked({**page, tab.point.name: name})[tab.source.phrase] == name


def test_ground_and_outside_have_no_name() -> None:
    row, column = (int(values[0]) for values in np.nonzero(drawn(SCENE).ids == 0))
    assert name_at(SCENE, (column, row)) is None and name_at(SCENE, (-1, 5)) is None
    assert not is_thing_at(SCENE, (column, row)) and not is_thing_at(SCENE, (-1, 5))


def test_a_thing_that_nothing_tells_from_the_others_is_no_ground(
    asked: Any, grounding_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, page, ids = grounding_page.tab, asked("the star"), drawn(SCENE).ids
    monkeypatch.setattr("pipelines.grounding.synthetic.describe.describe", lambda *_: None)
    factor = factor_of(*ids.shape[::-1])
    for number, said in ((0, "Nothing stands there but the ground."), (1, "Nothing tells this thing from the others")):
        row, column = (int(values[0]) for values in np.nonzero(ids == number))
        event: Any = SimpleNamespace(index=[(column + 0.5) * factor, (row + 0.5) * factor])
        told = tab.point.when_pointed(event, page)
        assert said in told[tab.point.line] and told[tab.point.name] == ""


def test_the_embedded_network_has_no_names_for_a_photograph(asked: Any, grounding_page: Any, crop_file: Path) -> None:
    tab = grounding_page.tab
    page = asked("a star", {tab.source.scene: None, tab.source.image: str(crop_file)})
    event: Any = SimpleNamespace(index=[3, 3])
    assert "With Florence-2" in tab.point.when_pointed(event, page)[tab.point.line]


def test_a_name_means_that_thing_alone() -> None:
    from pipelines.grounding.synthetic.world import sample

    assert sample((1,), "base", 1)  # the world that names come from is the one that trains
    for seed in range(4):
        ref = SceneRef("attribute", seed)
        scene = drawn(ref)
        names = [name_at(ref, tuple(np.argwhere(scene.ids == at + 1)[0][::-1])) for at in range(len(scene.things))]
        said = [name for name in names if name]
        assert len(set(said)) == len(said) and len(said) >= 0.8 * len(scene.things)


# --- truth, absence, comparison, dial


def test_hit_and_miss_follow_the_boxes() -> None:
    truth = truth_of(SCENE, true_phrase().upper() + " ?")
    assert truth is not None and truth_of(SCENE, "something else") is None
    right = [SimpleNamespace(box_xyxy=tuple(box)) for box in truth.boxes]
    assert is_hit(right, truth) and not is_hit([], truth)
    assert not is_hit([*right, SimpleNamespace(box_xyxy=(0, 0, 1, 1))], truth)
    assert is_hit([], replace(truth, boxes=truth.boxes[:0]))


def test_only_expressions_of_the_scene_are_judged(asked: Any, grounding_page: Any) -> None:
    tab = grounding_page.tab
    assert 'class="badge' in asked(true_phrase())[tab.answer.lines]
    assert 'class="badge' not in asked("something else")[tab.answer.lines]


def test_nothing_there_says_so_with_the_words_that_spoil_it(
    asked: Any, grounding_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, asks, raws = grounding_page.tab, [], grounding_page.tab.bench.raws
    monkeypatch.setattr(tab.bench, "raws", lambda image, some, *mix: (asks.append(some), raws(image, some, *mix))[1])
    page = asked("the shiny teal key", {tab.settings["existence"]: 1.0})
    panel = page[tab.answer.absent]
    assert "Nothing in the picture matches “the shiny teal key”" in panel and "No single word spoils it" in panel
    assert "Nothing in the picture" not in page[tab.answer.notices]
    trials = [some for some in asks if len(some) == 3]
    assert [sorted(some) for some in trials] == [["the shiny key", "the shiny teal", "the teal key"]]


def test_the_word_that_spoils_it_is_named() -> None:
    one = SimpleNamespace(phrase="purple star", targets=(), existence=0.1, decodes=("box",))
    result: Any = SimpleNamespace(phrases=[one], thresholds={"existence": 0.5})
    panel = absent_panel(result, {"purple star": [Dropped("purple", "star", 0.93), Dropped("star", "purple", 0.2)]})
    assert "Without the word <b>purple</b> (0.93)" in panel and "star</b>" not in panel


def test_base_experts_and_mix_stand_side_by_side_with_hit_or_miss(asked: Any, grounding_page: Any) -> None:
    tab, page = grounding_page.tab, asked(true_phrase())
    told = tab.compare.when_compared(page)
    names = [name for _, name in told[tab.compare.gallery]["value"]]
    assert [name.split(" · ")[0] for name in names] == ["base", "relation", "refuse", "this mix"]
    assert all(name.endswith(("hit", "miss")) for name in names)
    last = told[tab.compare.table].split("<tr>")[-1]
    assert "this mix" in last and "<td>1.00</td>" in last


def test_the_dial_asks_the_mix_at_five_positions(asked: Any, grounding_page: Any) -> None:
    tab, page = grounding_page.tab, asked("the star")
    job = page[tab.shown]
    found = tab.bench.dial(job)
    weights = dict(job.recipe.coefficients)
    assert tuple(found) == DIAL_STEPS and len({round(values[0], 6) for values in found.values()}) > 1
    at = replace(job.recipe, coefficients=tuple((task, 0.5 if task == "refuse" else weights[task]) for task in weights))
    same = tab.bench.result(replace(job, recipe=at))[0]
    assert found[0.5][0] == pytest.approx(same.phrases[0].existence)
    assert tab.compare.when_turned(page)[tab.compare.dial].count("<td class=") == len(DIAL_STEPS)


def test_a_gauge_says_existence_and_threshold() -> None:
    one = SimpleNamespace(phrase="a star", targets=(1,), existence=0.25, unknown=())
    result: Any = SimpleNamespace(phrases=[one], thresholds={"existence": 0.6})
    line = phrase_lines(result, colours_of(["a star"]), {"a star": True})
    assert "existence 0.25, threshold 0.60" in line and "✓ hit" in line


def test_the_figure_has_the_panels_that_are_ticked(asked: Any, grounding_page: Any) -> None:
    tab, page = grounding_page.tab, asked("the star")
    page |= {tab.figure.is_open: True, tab.figure.parts: ["picture", "answer", "heat", "anchor"]}
    preview = tab.figure.when_changed(page)[tab.figure.picture]
    assert preview.ndim == 3 and preview.std() > 0
