"""The grounding tab's handlers, called as functions, on a tiny network of random weights and generated scenes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demos.past import PastRun
from pipelines.grounding.pipeline import GroundingPipeline
from pipelines.grounding.random_scene import SceneRef, drawn
from pipelines.shared.errors import UserError

SCENE = SceneRef("base", 1)


@pytest.fixture
def values(grounding_page: Any) -> Callable[..., dict[Any, Any]]:
    """What the page sends with a scene on it and thresholds that find something, with changes."""
    tab = grounding_page.tab

    def sent(changes: dict[Any, Any] | None = None) -> dict[Any, Any]:
        start = {tab.source.scene: SCENE, tab.source.phrase: "the red star", tab.settings["existence"]: 0.0}
        return grounding_page.values({**start, **(changes or {})})

    return sent


@pytest.fixture
def ran(grounding_page: Any, visitor: Callable[[str], Any]) -> Callable[[dict[Any, Any]], dict[Any, Any]]:
    """Updates of one full run."""

    def run(sent: dict[Any, Any]) -> dict[Any, Any]:
        updates: dict[Any, Any] = {}
        for step in grounding_page.tab.force(visitor("anna"), sent):
            updates |= step
        return updates

    return run


def test_a_run_shows_objects_words_and_its_recipe(grounding_page: Any, values: Any, ran: Any) -> None:
    tab, updates = grounding_page.tab, ran(values({grounding_page.tab.source.more: "a mug\nthe key"}))
    result = tab.bench.result(updates[tab.shown])[0]
    assert len(result.objects) == 3 and updates[tab.answer.table].count('class="pick"') == 3
    assert updates[tab.answer.picture].dtype == np.uint8 and updates[tab.answer.picture].shape[1] == 640
    assert "pipeline: grounding" in updates[tab.desk.yaml] and "kind: base" in updates[tab.desk.yaml]
    assert updates[tab.answer.on]["choices"] == ["the red star", "a mug", "the key"]
    assert updates[tab.answer.words].count("<tr>") == 1 + result.phrases[0].raw.words.shape[0]
    assert "3 objects" in updates[tab.version]


def test_a_fader_changes_what_is_found(grounding_page: Any, values: Any, ran: Any) -> None:
    weight = grounding_page.tab.panel.strips[0].weight
    weak, strong = (ran(values({weight: value}))[grounding_page.tab.answer.picture] for value in (-1.0, 1.5))
    assert not np.array_equal(weak, strong)


def test_thresholds_run_no_network(grounding_page: Any, values: Any, ran: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tab = grounding_page.tab
    ran(values())
    monkeypatch.setattr(GroundingPipeline, "raws", lambda *_: pytest.fail("a network ran"))
    moved = ran(values({tab.settings["mask"]: 0.05, tab.settings["most"]: 4, tab.settings["centre"]: 0.0}))
    result = tab.bench.result(moved[tab.shown])[0]
    assert len(result.objects) > 1 and result.run.is_cached


def test_a_further_phrase_asks_that_phrase_alone(
    grounding_page: Any, values: Any, ran: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, asked, raws = grounding_page.tab, [], GroundingPipeline.raws
    ran(values({tab.source.phrase: "the first thing"}))

    def counted(self: Any, image: Any, phrases: Any, recipe: Any = None) -> Any:
        asked.append(list(phrases))
        return raws(self, image, phrases, recipe)

    monkeypatch.setattr(GroundingPipeline, "raws", counted)
    ran(values({tab.source.phrase: "the first thing", tab.source.more: "a second thing"}))
    assert asked == [["a second thing"]]


def test_what_is_missing_is_said_and_not_refused(
    grounding_page: Any, values: Any, visitor: Callable[[str], Any]
) -> None:
    tab = grounding_page.tab
    (no_phrase,) = tab.commit(visitor("ben"), values({tab.source.phrase: "  "}))
    (no_picture,) = tab.commit(visitor("ben"), values({tab.source.scene: None}))
    assert "the red mug on the left" in no_phrase[tab.answer.lines]
    assert "picture first" in no_picture[tab.answer.lines]


def test_run_without_phrase_or_picture_tells_what_to_do(grounding_page: Any, values: Any, ran: Any) -> None:
    source = grounding_page.tab.source
    with pytest.raises(UserError, match="Type what to find"):
        ran(values({source.phrase: ""}))
    with pytest.raises(UserError, match="draw a random scene"):
        ran(values({source.scene: None}))


def test_a_half_typed_restriction_waits_in_the_preview(
    grounding_page: Any, values: Any, visitor: Callable[[str], Any]
) -> None:
    tab = grounding_page.tab
    assert list(tab.preview(visitor("ben"), values({tab.source.phrase: "a mug | bo"}))) == [tab.version]
    assert tab.answer.picture in tab.preview(visitor("ben"), values({tab.source.phrase: "a mug | box"}))


def test_a_row_shows_its_object_alone_and_a_second_click_the_others(grounding_page: Any, values: Any, ran: Any) -> None:
    tab = grounding_page.tab
    asked = {tab.source.more: "the blue thing below"}
    shown = ran(values(asked))
    sent = values({**asked, tab.shown: shown[tab.shown]})
    alone = tab.answer.when_picked(SimpleNamespace(index=2), sent)
    assert alone[tab.answer.chosen] == 2 and alone[tab.answer.table].count('aria-pressed="true"') == 1
    assert not np.array_equal(alone[tab.answer.picture], shown[tab.answer.picture])
    again = tab.answer.when_picked(SimpleNamespace(index=2), {**sent, tab.answer.chosen: 2})
    assert np.array_equal(again[tab.answer.picture], shown[tab.answer.picture])


def test_a_phrase_that_is_switched_off_is_not_drawn_and_stays_off(grounding_page: Any, values: Any, ran: Any) -> None:
    tab = grounding_page.tab
    asked = {tab.source.more: "the blue thing below"}
    shown = ran(values(asked))
    off = values({**asked, tab.shown: shown[tab.shown], tab.answer.on: ["the red star"]})
    hidden = tab.answer.when_changed(off)
    assert not np.array_equal(hidden[tab.answer.picture], shown[tab.answer.picture])
    later = ran({**off, tab.panel.scale: 0.3})
    assert later[tab.answer.on]["value"] == ["the red star"]


def test_a_word_shows_where_it_is_looked_at(grounding_page: Any, values: Any, ran: Any) -> None:
    tab = grounding_page.tab
    shown = ran(values())
    sent = values({tab.shown: shown[tab.shown]})
    picked = tab.answer.when_word_picked(SimpleNamespace(index=103), sent)
    assert picked[tab.answer.token] == (1, 3) and "words" in picked[tab.answer.layers]
    assert not np.array_equal(picked[tab.answer.picture], shown[tab.answer.picture])


@pytest.mark.parametrize("layer", ["heat", "anchor", "truth"])
def test_layers_lie_over_the_picture(grounding_page: Any, values: Any, ran: Any, layer: str) -> None:
    tab = grounding_page.tab
    text = next(one.text for one in drawn(SCENE).phrases if one.targets)
    plain = ran(values({tab.source.phrase: text, tab.answer.layers: []}))
    over = ran(values({tab.source.phrase: text, tab.answer.layers: [layer]}))
    assert not np.array_equal(plain[tab.answer.picture], over[tab.answer.picture])


def test_a_recipe_brings_scene_phrases_and_thresholds_back(grounding_page: Any, values: Any, ran: Any) -> None:
    tab = grounding_page.tab
    changes = {tab.panel.strips[0].weight: -0.25, tab.source.more: "a mug | box", tab.settings["mask"]: 0.25}
    text = ran(values(changes))[tab.desk.yaml]
    restored = tab.when_yaml_used(values({tab.desk.yaml: text}))
    assert restored[tab.panel.strips[0].weight] == -0.25 and restored[tab.source.scene] == SCENE
    assert restored[tab.source.phrase] == "the red star" and restored[tab.source.more] == "a mug | box"
    assert restored[tab.settings["mask"]] == 0.25 and Path(restored[tab.source.image]).is_file()


def test_a_threshold_beyond_its_fader_widens_it_and_a_rounded_one_is_told(
    grounding_page: Any, values: Any, ran: Any
) -> None:
    tab, text = grounding_page.tab, ran(values())[grounding_page.tab.desk.yaml]
    wide = tab.restored(text.replace("least_area: 0.0", "least_area: 0.5"))
    assert wide[tab.settings["least_area"]]["maximum"] == 0.5 and "on the page" not in wide[tab.export.restored]
    fine = tab.restored(text.replace("least_area: 0.0", "least_area: 0.00000012"))
    assert "“least_area” is 1.2e-07 in the recipe, 0.0 on the page" in fine[tab.export.restored]


@pytest.mark.parametrize("changed", ["most: 1", "kind: base"])
def test_a_recipe_with_a_strange_value_is_refused(grounding_page: Any, values: Any, ran: Any, changed: str) -> None:
    tab = grounding_page.tab
    text = ran(values())[tab.desk.yaml].replace(changed, changed.split(":")[0] + ": 77")
    with pytest.raises(UserError):
        tab.when_yaml_used(values({tab.desk.yaml: text}))


def test_one_phrase_of_a_recipe_may_stand_without_a_list(grounding_page: Any, values: Any, ran: Any) -> None:
    tab = grounding_page.tab
    text = ran(values())[tab.desk.yaml]
    listed = re.sub(r"phrases:\s*(\[.*\]|\n\s*- .*)", "phrases: the red mug", text)
    assert listed != text
    restored = tab.when_yaml_used(values({tab.desk.yaml: listed}))
    assert restored[tab.source.phrase] == "the red mug" and restored[tab.source.more] == ""
    with pytest.raises(UserError, match="a kind and a seed"):
        tab.when_yaml_used(values({tab.desk.yaml: text.replace("kind: base", "sort: base")}))


def test_an_earlier_run_comes_back(grounding_page: Any, values: Any, crop_file: Path) -> None:
    tab = grounding_page.tab
    job = tab.job(values({tab.source.more: "a mug", tab.settings["most"]: 3, tab.panel.scale: 0.2}))
    updates = tab.revisited(PastRun(job, "", ""))
    assert updates[tab.source.scene] == SCENE and updates[tab.source.more] == "a mug"
    assert updates[tab.settings["most"]] == 3 and updates[tab.panel.scale] == 0.2
    uploaded = tab.revisited(PastRun(replace(job, scene=None, path=str(crop_file)), "", ""))
    assert uploaded[tab.source.image] == str(crop_file) and uploaded[tab.source.scene] is None


def test_exports_carry_recipe_masks_and_data(
    grounding_page: Any, values: Any, ran: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tab = grounding_page.tab
    monkeypatch.setattr(tab.export.exported, "GRADIO_CACHE", str(tmp_path))
    asked = {tab.panel.scale: 0.77, tab.settings["mask"]: 0.05}
    updates = ran(values(asked))
    every = [name for _, name in tab.export.EXTRAS]
    sent = values({**asked, tab.shown: updates[tab.shown], tab.export.extras: every})
    paths = tab.export.when_exported(sent)[tab.export.exported]
    names = " ".join(Path(path).name for path in paths)
    wanted = ("-coco.json", "-yolo.txt", "-classes.txt", "-mask-1.png", "-cutout.png", ".safetensors", ".yaml")
    assert all(ending in names for ending in wanted)
    assert np.array_equal(np.asarray(Image.open(paths[0])), updates[tab.answer.picture])
    for ending in ("-cutout.png", "-mask-1.png"):
        path = next(path for path in paths if path.endswith(ending))
        assert tab.when_dropped(values({tab.export.drop: path}))[tab.panel.scale] == 0.77
    cutout = np.asarray(Image.open(next(path for path in paths if path.endswith("cutout.png"))))
    found = tab.bench.result(updates[tab.shown])[0].objects
    assert (cutout[..., 3] > 0).sum() == found[0].mask.sum()


def test_masks_that_nobody_asks_for_are_not_exported(
    grounding_page: Any, values: Any, ran: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tab = grounding_page.tab
    monkeypatch.setattr(tab.export.exported, "GRADIO_CACHE", str(tmp_path))
    asked = {tab.source.phrase: "the red star | box", tab.source.more: "a mug | none", tab.settings["mask"]: 0.05}
    sent = values({**asked, tab.shown: ran(values(asked))[tab.shown], tab.export.extras: ["masks", "cutout", "yolo"]})
    names = " ".join(Path(path).name for path in tab.export.when_exported(sent)[tab.export.exported])
    assert "-mask-" not in names and "-cutout" not in names and "-yolo.txt" in names
    job = sent[tab.shown]
    (told,) = tab.export.missing(["masks"], job, tab.bench.result(job)[0])
    assert told == "No phrase asks for a mask, so there is no mask to export."


def test_a_link_names_the_scene(grounding_page: Any, values: Any, ran: Any) -> None:
    tab = grounding_page.tab
    shown = ran(values())[tab.shown]
    query = tab.links.query(values({tab.shown: shown}))
    assert query["tab"] == "grounding" and tab.links.opened_with(query)[tab.source.scene] == SCENE


def test_a_phrase_is_looked_at_when_typing_rests_and_not_at_every_key(grounding_page: Any) -> None:
    config, tab = grounding_page.page.blocks.get_config_file(), grounding_page.tab
    fires = {(target, event) for one in config["dependencies"] if one["inputs"] for target, event in one["targets"]}
    assert (tab.source.pause._id, "input") in fires
    assert not {(box._id, "input") for box in (tab.source.phrase, tab.source.more)} & fires
