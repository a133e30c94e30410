"""What an expert is to leave as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.kept import PIXELS, TRIPLETS, KeepingBatches, kept_loss
from pipelines.text_recognition.triplets import Triplets, draw
from tests.pipelines.text_recognition.tiny import build

WORDS = [[10, 20, 30], [40, 50]]


@pytest.fixture
def networks() -> tuple[IGTR, IGTR]:
    """A network, and the base that it was a copy of."""
    torch.manual_seed(0)
    model, base = build().eval(), build().eval()
    base.load_state_dict(model.state_dict())
    return model, base


@pytest.fixture
def asked() -> tuple[torch.Tensor, Triplets]:
    """Two crops, and questions about them."""
    return torch.rand(2, 3, 32, 128), draw(np.random.default_rng(0), WORDS, True, 48)


def test_a_copy_of_the_base_has_nothing_to_keep(networks: Any, asked: Any) -> None:
    assert kept_loss(*networks, *asked).item() == pytest.approx(0, abs=1e-6)


def test_a_changed_answer_costs_and_pulls_the_expert_alone(networks: Any, asked: Any) -> None:
    model, base = networks
    with torch.no_grad():
        model.heads.characters.bias[5] += 2.0
    loss = kept_loss(model, base, *asked)
    loss.backward()
    assert loss.item() > 0.01
    assert model.heads.characters.bias.grad[5] > 0  # back down
    assert all(parameter.grad is None for parameter in base.parameters())


def test_answers_to_other_questions_do_not_count(networks: Any, asked: Any) -> None:
    """The heads of counts and places stay free: the expert's own labels teach them."""
    model, base = networks
    with torch.no_grad():
        model.heads.count.bias[1] += 2.0
    assert kept_loss(model, base, *asked).item() == pytest.approx(0, abs=1e-6)


def test_what_is_kept_stands_beside_the_expert_s_own_pictures() -> None:
    """Conditions take turns from step to step."""

    def batches(name: str) -> Any:
        return lambda rng, step: {"pixels": name, "triplets": [f"{name} empty", f"{name} told"]}

    both = KeepingBatches(batches("own"), batches("kept"))
    first, second = (both(np.random.default_rng(0), step) for step in (0, 1))
    assert first["pixels"] == "own" and first["triplets"] == ["own empty", "own told"]
    assert (first[PIXELS], first[TRIPLETS], second[TRIPLETS]) == ("kept", "kept empty", "kept told")
