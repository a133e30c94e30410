"""What leaves an answer as it is: of the shipped network on a few scenes, and of what makes the questions.

Bars are what a network has to hold that understands at all; measured rates are the benchmark's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.grounding.pipeline import look
from pipelines.grounding.properties import (
    Twins,
    agreement,
    batch_gap,
    mirror_twins,
    newcomer_twins,
    paraphrase_twins,
    threshold_faults,
    word_order,
)
from pipelines.grounding.synthetic.newcomer import find_newcomer, is_unrelated, with_newcomer
from pipelines.grounding.synthetic.world import Sample, sample
from pipelines.registry import family
from pipelines.shared.cache import ModelCache

SEED, SCENES = 6_000_003, 24  # scenes that nothing else draws


@pytest.fixture(scope="module")
def scenes() -> list[Sample]:
    return [sample((SEED, number), "iid", 1) for number in range(SCENES)]


@pytest.fixture(scope="module")
def sided() -> list[Sample]:
    """Scenes in whose expressions left and right matter."""
    drawn = (sample((SEED + 1, number), "iid", 3) for number in range(SCENES))
    kept = [replace(one, phrases=tuple(p for p in one.phrases if {"left", "right"} & set(p.text.lower().split())))
            for one in drawn]  # fmt: skip
    return [one for one in kept if one.phrases]


@pytest.fixture(scope="module")
def shipped(root: Path) -> Iterator[Any]:
    """The network as the page starts with it."""
    plvl = family("plvl")
    with ModelCache(root / "assets", device="cpu").lease(plvl, plvl.default) as lease:
        yield lease.model


def test_a_mirror_and_exchanged_words_mirror_the_answer(shipped: Any, sided: list[Sample]) -> None:
    twins = list(mirror_twins(sided))
    deaf = [Twins(pair.first, (pair.second[0], pair.first[1]), True) for pair in twins]
    right, wrong = agreement(shipped, twins), agreement(shipped, deaf)
    assert right.n >= 10 and right.same >= 0.6
    assert wrong.same <= right.same - 0.3  # the words decide, not the picture alone


def test_a_thing_that_nobody_asked_for_changes_few_answers(shipped: Any, scenes: list[Sample]) -> None:
    found = agreement(shipped, list(newcomer_twins(scenes)))
    assert found.n >= SCENES / 2 and found.same >= 0.7


def test_other_words_of_the_same_meaning_change_few_answers(shipped: Any, scenes: list[Sample]) -> None:
    twins = list(paraphrase_twins(scenes))
    strange = [Twins(one.first, (one.first[0], two.first[1])) for one, two in pairwise(twins)]
    found = agreement(shipped, twins)
    assert found.n >= SCENES / 2 and found.same >= 0.6
    assert agreement(shipped, strange).same <= found.same - 0.2  # the words of another scene


def test_the_order_of_words_is_worth_something(shipped: Any, scenes: list[Sample]) -> None:
    related = [sample((SEED + 2, number), "rel-hard", 3) for number in range(SCENES)]
    order = word_order(shipped, related)
    assert order.n >= SCENES and order.shuffled < order.said


def test_an_answer_in_a_batch_is_the_answer_alone(shipped: Any, scenes: list[Sample]) -> None:
    assert batch_gap(shipped, scenes[:8]) <= 1e-5


def test_raised_thresholds_only_take_away(shipped: Any, scenes: list[Sample]) -> None:
    raws = [look(shipped, one.pixels.astype(np.float32) / 255, [one.phrases[0].text])[0] for one in scenes]
    assert [name for raw in raws for name in threshold_faults(raw)] == []


def test_a_threshold_that_adds_something_is_found_out(
    shipped: Any, scenes: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.grounding import properties

    (raw,) = look(shipped, scenes[0].pixels.astype(np.float32) / 255, ["the shape"])
    turned = {name: values[::-1] for name, values in properties.RAISED.items()}
    monkeypatch.setattr(properties, "RAISED", turned)
    assert {"existence", "mask"} <= set(threshold_faults(raw))


def test_a_newcomer_stands_apart_and_leaves_the_rest_as_it_was(scenes: list[Sample]) -> None:
    came = 0
    for number, scene in enumerate(scenes):
        newcomer = find_newcomer(np.random.default_rng(number), scene.things)
        if newcomer is None:
            continue
        came += 1
        changed = (with_newcomer(newcomer, scene).pixels != scene.pixels).any(2)
        assert changed.any() and changed.mean() < 0.08 and not (changed & (scene.ids > 0)).any()
        assert newcomer.look.category not in {thing.look.category for thing in scene.things}
    assert came >= len(scenes) / 2


def test_whom_a_newcomer_concerns_is_known(scenes: list[Sample]) -> None:
    newcomer = find_newcomer(np.random.default_rng(0), scenes[0].things)
    assert newcomer is not None
    mine = ["has", "category", newcomer.look.category]
    assert not is_unrelated(newcomer, scenes[0], [mine])
    assert is_unrelated(newcomer, scenes[0], [["has", "category", scenes[0].things[0].look.category]])


def test_paraphrases_say_it_otherwise(scenes: list[Sample]) -> None:
    for pair in paraphrase_twins(scenes):
        assert pair.first[0] is pair.second[0] and pair.first[1].lower() != pair.second[1].lower()
