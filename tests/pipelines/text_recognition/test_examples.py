"""Examples are chosen by what base, expert and mix read, and say what was read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.family import ModelFamily
from pipelines.text_recognition import examples
from pipelines.text_recognition.crops import read_crops
from pipelines.text_recognition.datasets import Word
from pipelines.text_recognition.examples import (
    PHOTO_HW,
    Candidate,
    Entry,
    Reading,
    chosen,
    easy_entries,
    reader,
    task_entries,
    wall,
    write_examples,
)
from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.options import ReadingOptions


def picture(label: str) -> Word:
    return Word(np.full((20, 60, 3), len(label), np.uint8), label)


WORDS = [picture(label) for label in ("all", "both", "alone", "none", "case")]
READS = {  # by base, expert, mix
    "all": ("all", "all", "all"), "both": ("bath", "both", "both"), "alone": ("al0ne", "alone", "al0ne"),
    "none": ("n", "n", "n"), "case": ("c", "CASE", "CASE"),
}  # fmt: skip


def read(words: Sequence[Word], recipe: MergeRecipe) -> list[Reading]:
    """By the table above; the surer, the longer."""
    which = 0 if not recipe.coefficients else 1 if recipe.scale == 1 else 2
    return [Reading(READS[word.label][which], len(word.label) / 10) for word in words]


def test_the_mix_comes_first_then_what_only_the_expert_reads() -> None:
    candidates = [Candidate(word, *(Reading(text, 0.5) for text in READS[word.label])) for word in WORDS]
    assert [one.word.label for one in chosen(candidates, 9)] == ["both", "case", "alone"]
    assert [one.word.label for one in chosen(candidates, 1)] == ["both"]


@pytest.fixture
def mixing(tiny_family: ModelFamily) -> ModelFamily:
    from dataclasses import replace

    return replace(tiny_family, default=MergeRecipe(coefficients=(("curved", 1.0),), scale=0.4))


def test_captions_say_what_was_read_and_the_experts_own_brings_its_mix(mixing: ModelFamily) -> None:
    made = [entry for entry, _ in task_entries("curved", WORDS, mixing, read)]
    assert made[0] == Entry(
        "curved-1", "Curved 1", "The base reads “bath”, the curved expert and this mix “both”.", "crop",
        ("curved-1.png",),
    )  # fmt: skip
    assert made[-1].recipe == {"weights": {"curved": 1.0}, "scale": 1.0} and "“alone”" in made[-1].caption
    assert [word.label for _, word in easy_entries(WORDS, mixing, read)] == ["all"]


def test_the_index_is_what_the_page_reads_and_old_pictures_go(tmp_path: Path) -> None:
    from demos.examples import read_examples

    first, second = (Entry(slug, "T", "“é”", "crop", (f"{slug}.png",)) for slug in ("one", "two"))
    (tmp_path / "probe").mkdir()
    write_examples([(first, WORDS[0].image)], tmp_path)
    write_examples([(second, WORDS[1].image)], tmp_path)
    (shown,) = read_examples(tmp_path)
    assert (shown.slug, shown.caption, shown.task) == ("two", "“é”", "crop")
    assert shown.frames[0].is_file() and not (tmp_path / "one.png").exists() and (tmp_path / "probe").is_dir()
    assert json.loads((tmp_path / "index.json").read_text(encoding="utf-8"))[0]["recipe"] == {}


def test_a_wall_shows_every_word_within_its_frame() -> None:
    rng = np.random.default_rng(0)
    signs = [Word(np.full((30, 100, 3), (value, 0, 255), np.uint8), "x") for value in (10, 60, 110, 160, 210, 250)]
    made = wall(signs, rng)
    assert made.shape == (*PHOTO_HW, 3)
    assert all((made == sign.image[0, 0]).all(-1).sum() > 1000 for sign in signs)


def test_the_reader_reads_as_the_page_does(
    cache: ModelCache, mixing: ModelFamily, network: IGTR, crops: list[np.ndarray]
) -> None:
    (look,) = read_crops(network, crops[:1], ReadingOptions())
    (found,) = reader(mixing, cache)([Word(crops[0], "x")], MergeRecipe())
    assert found.text == look.reading.texts()[0] and found.certainty == pytest.approx(look.certainty, rel=1e-4)


def test_words_that_are_not_worth_looking_at_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.text_recognition.synthetic import render
    from pipelines.text_recognition.synthetic.render import WordCrop

    made = iter([("ok3", (20, 60)), ("no", (20, 60)), ("no!!", (20, 60)), ("flat", (8, 60)), ("fine", (20, 60))])

    def fake(seed: tuple[int, ...], recipe: object, held_out: bool) -> WordCrop:
        label, size = next(made)
        assert held_out and seed[0] == examples.SEED
        return WordCrop(np.zeros((*size, 3), np.uint8), label, np.zeros((len(label), 4, 2), np.float32), {})

    monkeypatch.setattr(render, "render", fake)
    assert [word.label for word in examples.rendered("curved", 5)] == ["ok3", "fine"]
