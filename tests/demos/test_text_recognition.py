"""The text tab's handlers, called as functions, on a tiny reader of random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demos.past import PastRun
from pipelines.shared.errors import UserError
from pipelines.text_recognition.options import CROP, PHOTO, ReadingOptions


@pytest.fixture
def values(text_page: Any, crop_file: Path) -> Callable[..., dict[Any, Any]]:
    """What the page sends with a crop on it, with changes."""

    def sent(changes: dict[Any, Any] | None = None) -> dict[Any, Any]:
        return text_page.values({text_page.tab.source.image: str(crop_file), **(changes or {})})

    return sent


@pytest.fixture
def ran(text_page: Any, visitor: Callable[[str], Any]) -> Callable[[dict[Any, Any]], dict[Any, Any]]:
    """Updates of one full run."""

    def run(sent: dict[Any, Any]) -> dict[Any, Any]:
        updates: dict[Any, Any] = {}
        for step in text_page.tab.force(visitor("anna"), sent):
            updates |= step
        return updates

    return run


def test_a_run_shows_the_reading_its_boxes_and_its_recipe(text_page: Any, values: Any, ran: Any) -> None:
    tab, updates = text_page.tab, ran(values())
    text = tab.bench.result(updates[tab.shown])[0].text
    assert text and updates[tab.reading.line].count('class="char') == len(text)
    assert updates[tab.reading.picture].dtype == np.uint8 and "of 1 experts" in updates[tab.version]
    assert "pipeline: text_recognition" in updates[tab.desk.yaml] and "word.png" in updates[tab.desk.yaml]
    assert updates[tab.reading.table].count("<tr>") == len(text) + 1


def test_a_fader_changes_what_is_read(text_page: Any, values: Any, ran: Any) -> None:
    weight = text_page.tab.panel.strips[0].weight
    weak, strong = (
        ran(values({weight: value}))[text_page.tab.reading.line] for value in (0.0, 1.0)
    )  # fmt: skip
    assert weak != strong


def test_no_picture_is_told_with_what_to_do(text_page: Any, ran: Any) -> None:
    with pytest.raises(UserError, match="choose an example"):
        ran(text_page.values({text_page.tab.source.image: None}))


def test_a_preview_of_a_word_is_its_reading_and_a_photograph_waits(
    text_page: Any, values: Any, visitor: Callable[[str], Any]
) -> None:
    tab = text_page.tab
    moved = {tab.panel.strips[0].weight: 0.37}
    assert tab.reading.line in tab.preview(visitor("ben"), values(moved))
    assert tab.reading.line not in tab.preview(visitor("ben"), values({**moved, tab.source.mode: PHOTO}))


def test_a_click_on_a_character_shows_its_evidence_and_a_second_one_hides_it(
    text_page: Any, values: Any, ran: Any
) -> None:
    tab = text_page.tab
    shown = ran(values())
    event: Any = SimpleNamespace(index=0)
    picked = tab.reading.when_picked(event, values({tab.shown: shown[tab.shown]}))
    assert picked[tab.reading.chosen] == 0 and 'aria-pressed="true"' in picked[tab.reading.line]
    assert not np.array_equal(picked[tab.reading.picture], shown[tab.reading.picture])
    again = tab.reading.when_picked(event, values({tab.shown: shown[tab.shown], tab.reading.chosen: 0}))
    assert again[tab.reading.chosen] is None
    assert np.array_equal(again[tab.reading.picture], shown[tab.reading.picture])


def test_settings_become_options_and_options_settings(text_page: Any, values: Any) -> None:
    tab = text_page.tab
    settings, source = tab.settings, tab.source
    changes = {source.procedure: "autoregressive", source.refinements: 2, settings.pattern: " C?F* ",
               settings.charset: "own", settings.own: "CF", settings.lexicon: "one two\none",
               settings.threshold: 0.5, settings.lookalikes: True}  # fmt: skip
    options = tab.job(values(changes)).options
    assert options == ReadingOptions("autoregressive", 2, "C?F*", "custom:CF", ("one", "two"), 0.5, True)
    shown = settings.shown(options)
    back = {one: update["value"] if isinstance(update, dict) else update for one, update in shown.items()}
    assert tab.job(values(back)).options == options


def test_a_refused_pattern_is_told_once_and_marks_the_reading(text_page: Any, values: Any, ran: Any) -> None:
    tab = text_page.tab
    updates = ran(values())
    refused = {tab.settings.pattern: "C*F", tab.drawn: updates[tab.drawn], tab.shown: updates[tab.shown]}
    with pytest.raises(UserError, match="end only"):
        ran(values(refused))
    assert "stale" in tab.settle(values(refused))[tab.version]


def test_a_recipe_comes_back_as_it_was(text_page: Any, values: Any, ran: Any) -> None:
    tab = text_page.tab
    changes = {tab.panel.strips[0].weight: -0.25, tab.source.procedure: "ctc", tab.settings.lexicon: "stop\ngo"}
    text = ran(values(changes))[tab.desk.yaml]
    restored = tab.when_yaml_used(values({tab.desk.yaml: text}))
    assert restored[tab.panel.strips[0].weight] == -0.25 and restored[tab.source.procedure] == "ctc"
    assert restored[tab.settings.lexicon] == "stop\ngo" and restored[tab.source.mode] == CROP
    assert "word.png" not in restored[tab.export.restored], "it is on the page"
    alone = tab.when_yaml_used(values({tab.desk.yaml: text, tab.source.image: None}))
    assert "word.png" in alone[tab.export.restored]


def test_what_a_recipe_has_beyond_the_page_is_told(text_page: Any, values: Any, ran: Any) -> None:
    tab, text = text_page.tab, ran(values())[text_page.tab.desk.yaml]
    assert "on the page" not in tab.restored(text)[tab.export.restored]
    more = text.replace("options: {}", "options: {lexicon: [stop, stop]}")
    assert "“lexicon” is ('stop', 'stop') in the recipe" in tab.restored(more)[tab.export.restored]
    with pytest.raises(UserError, match="known are crop and photo"):
        tab.restored(text.replace("options: {}", "options: {mode: strip}"))


def test_a_recipe_of_another_pipeline_is_refused(text_page: Any, values: Any) -> None:
    tab = text_page.tab
    text = "mixdeck_recipe: 1\npipeline: fusion\nfamily: fusenet\n"
    with pytest.raises(UserError, match="here is text_recognition/igtr"):
        tab.when_yaml_used(values({tab.desk.yaml: text}))


def test_an_exported_picture_carries_the_recipe(
    text_page: Any, values: Any, ran: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tab = text_page.tab
    monkeypatch.setattr(tab.export.exported, "GRADIO_CACHE", str(tmp_path))
    updates = ran(values({tab.panel.scale: 0.77}))
    sent = values({tab.shown: updates[tab.shown], tab.export.extras: ["checkpoint"]})
    picture, recipe, checkpoint = tab.export.when_exported(sent)[tab.export.exported]
    assert np.array_equal(np.asarray(Image.open(picture)), updates[tab.reading.picture])
    assert tab.when_dropped(values({tab.export.drop: picture}))[tab.panel.scale] == 0.77
    assert Path(recipe).name.startswith("mixdeck-text_recognition-") and checkpoint.endswith(".safetensors")


def test_an_earlier_run_brings_picture_settings_and_mix_back(text_page: Any, values: Any, crop_file: Path) -> None:
    tab = text_page.tab
    job = tab.job(values({tab.source.procedure: "ctc", tab.panel.scale: 0.2}))
    updates = tab.revisited(PastRun(job, "", ""))
    assert updates[tab.source.image] == str(crop_file) and updates[tab.source.procedure] == "ctc"
    assert updates[tab.panel.scale] == 0.2


def test_a_link_says_the_recipe_and_opens_it(text_page: Any, values: Any, ran: Any) -> None:
    tab = text_page.tab
    shown = ran(values({tab.source.procedure: "assembly"}))[tab.shown]
    query = tab.links.query(values({tab.shown: shown}))
    assert query["tab"] == "text_recognition" and "example" not in query
    assert tab.links.opened_with(query)[tab.source.procedure] == "assembly"
