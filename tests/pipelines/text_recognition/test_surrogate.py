"""What igtr's coefficients are learned by."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.text_recognition import examples, generated, surrogate
from pipelines.text_recognition.charset import EOS
from pipelines.text_recognition.fit import fit
from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.reader import Reader
from tests.pipelines.text_recognition.tiny import random_network


@pytest.fixture(autouse=True)
def _without_fonts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(generated, "has_fonts", lambda: False)
    surrogate._crops.cache_clear()
    yield
    surrogate._crops.cache_clear()


def entropy_by_hand(network: IGTR, task: str) -> float:
    pixels = torch.from_numpy(np.stack([fit(picture) for picture in surrogate._examples(task)]))
    with torch.no_grad():
        reader = Reader(network, network.encode(pixels))
        shares = reader.characters(reader.all_positions())
    found = []
    for word in shares:
        ends = (word.argmax(-1) == EOS).nonzero().flatten().tolist()
        found += [-(row * row.log()).sum() for row in word[: ends[0] + 1 if ends else None]]
    return float(torch.stack(found).mean())


def test_the_loss_is_the_mean_entropy_of_what_parallel_reading_reads(network: IGTR) -> None:
    loss = surrogate.token_loss(random_network(5))
    by_hand = [entropy_by_hand(network, task) for task in surrogate.TASKS]
    assert float(loss(network.state_dict(), 0)) == pytest.approx(sum(by_hand) / len(by_hand), rel=1e-4)


def test_its_gradient_reaches_a_coefficient(network: IGTR) -> None:
    coefficient = torch.zeros((), requires_grad=True)
    base, other = network.state_dict(), random_network(1).state_dict()
    mix = {key: value + coefficient * (other[key] - value) for key, value in base.items()}
    surrogate.token_loss(random_network(5))(mix, 0).backward()
    assert float(coefficient.grad.abs()) > 0


def test_sharper_answers_have_less_and_what_follows_the_end_counts_nothing() -> None:
    logits = torch.randn(2, 26, 95, generator=torch.Generator().manual_seed(0))
    logits[:, 3, EOS] = 9.0
    found = surrogate.token_entropy(logits)
    assert float(surrogate.token_entropy(3 * logits)) < float(found)
    logits[:, 4:] = 0.0
    assert torch.equal(surrogate.token_entropy(logits), found)


def test_its_words_are_of_no_other_set() -> None:
    assert surrogate.SEED not in {*generated.SEEDS.values(), examples.SEED}
