"""Questions put twice: the answer about a mirror image is the mirrored answer."""

from __future__ import annotations

import pytest
import torch

from pipelines.grounding.augmentation import mirrored
from pipelines.grounding.both_ways import asked_both_ways
from pipelines.grounding.decode import raw_outputs
from pipelines.grounding.plvl import PLVL
from pipelines.grounding.tokenizer import tokenize

TEXTS = ["the leftmost red star", "blue thing right of the lamp", "the star"]
OWNER = torch.tensor([0, 1, 1])


@pytest.fixture
def pixels() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))


@torch.inference_mode()
def test_a_mirrored_question_gets_the_mirrored_answer(network: PLVL, pixels: torch.Tensor) -> None:
    said = raw_outputs(asked_both_ways(network, pixels, TEXTS, OWNER))
    turned = raw_outputs(asked_both_ways(network, pixels.flip(3), [mirrored(text) for text in TEXTS], OWNER))
    for one, other in zip(said, turned, strict=True):
        for name in ("centre", "anchor", "mask"):
            torch.testing.assert_close(
                *map(torch.from_numpy, (getattr(one, name), getattr(other, name)[:, ::-1].copy()))
            )
        x0, y0, x1, y1 = other.boxes[:, ::-1].transpose(2, 0, 1)
        for mine, theirs in zip(one.boxes.transpose(2, 0, 1), (1 - x1, y0, 1 - x0, y1), strict=True):
            assert abs(mine - theirs).max() < 1e-5
        assert one.existence == pytest.approx(other.existence, abs=1e-6)


@torch.inference_mode()
def test_the_answer_is_the_mean_of_both_and_attention_is_of_the_picture_itself(
    network: PLVL, pixels: torch.Tensor
) -> None:
    said = asked_both_ways(network, pixels, TEXTS, OWNER)
    plain = network(pixels, tokenize(TEXTS), OWNER)
    other = network(pixels.flip(3), tokenize([mirrored(text) for text in TEXTS]), OWNER)
    torch.testing.assert_close(said.centre, (plain.centre + other.centre.flip(2)) / 2)
    torch.testing.assert_close(said.existence, (plain.existence + other.existence) / 2)
    assert not torch.allclose(said.mask, plain.mask)
    for mine, theirs in zip(said.words, plain.words, strict=True):
        torch.testing.assert_close(mine, theirs)
