from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.family import ModelFamily
from pipelines.shared.scoring import scores_so_far
from pipelines.text_recognition import generated, probe, shipped_words
from pipelines.text_recognition.crops import read_crops
from pipelines.text_recognition.datasets import Word
from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.options import ReadingOptions


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crops: list[np.ndarray], network: IGTR) -> None:
    """Sets of five crops: labels of "curved" are what the base reads in three of them, of "digits" in none."""
    read = [look.reading.texts()[0] for look in read_crops(network, crops, ReadingOptions())]
    labels = {"curved": [*read[:3], "no", "no"], "digits": ["no"] * 5}
    for name, texts in labels.items():
        for split in ("test", "validation"):
            words = [Word(crop, text) for crop, text in zip(crops, texts, strict=True)]
            shipped_words.store_set(name, split, words[: 5 if split == "test" else 4], tmp_path)
    monkeypatch.setattr(shipped_words.ShippedSet.__init__, "__defaults__", ("test", tmp_path, True))
    probe.probe_set.cache_clear()
    yield
    probe.probe_set.cache_clear()


@pytest.mark.usefixtures("shipped")
def test_a_score_is_the_share_of_crops_read_right(network: IGTR) -> None:
    assert probe.score_model(network, ("curved", "digits")) == {"curved": 0.6, "digits": 0.0}
    assert probe.score_model(network, ("curved",), "validation") == {"curved": 0.75}


@pytest.mark.usefixtures("shipped")
def test_scores_come_a_set_at_a_time_and_follow_the_mix(cache: ModelCache, tiny_family: ModelFamily) -> None:
    told = scores_so_far(cache, tiny_family, None, ("curved", "digits"), probe.score_model)
    assert next(told) == {"curved": 0.6}
    assert list(told) == [{"curved": 0.6, "digits": 0.0}]
    expert = MergeRecipe(coefficients=(("curved", 1.0),), scale=1.0)
    assert list(scores_so_far(cache, tiny_family, expert, ("curved",), probe.score_model)) == [{"curved": 0.0}]


def test_whole_sets_are_the_rendered_test_crops(
    network: IGTR, crops: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [look.reading.texts()[0] for look in read_crops(network, crops[:4], ReadingOptions())]
    labels = {"digits": [texts[0], "no", "no", "no"], "curved": ["no", texts[1], texts[2], "no"]}
    asked = []

    def rendered(name: str, split: str, index: int) -> Word:
        asked.append(split)
        return Word(crops[index], labels[name][index])

    monkeypatch.setattr(generated, "rendered", rendered)
    monkeypatch.setattr(generated, "COUNT", 4)
    assert probe.score_whole(network, ("digits", "curved")) == {"digits": 0.25, "curved": 0.5}
    assert asked == ["test"] * 8
