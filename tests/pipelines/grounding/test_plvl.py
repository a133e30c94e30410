"""The network: shapes, independence of what is computed together, the two switches, folding."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipelines.grounding.freeze import frozen, settle_statistics
from pipelines.grounding.plvl import PLVL, SHAPES
from pipelines.grounding.tokenizer import tokenize

TEXTS = ["the red star", "blue thing left of the small green lamp"]
TEST = SHAPES["test"]


def pixels(count: int = 1, side: int = 64) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def test_outputs_have_the_stated_shapes_and_ranges(network: PLVL) -> None:
    out = network(pixels(2), tokenize(TEXTS))
    assert out.centre.shape == out.anchor.shape == (2, 4, 4)
    assert out.offset.shape == out.size.shape == (2, 2, 4, 4)
    assert out.mask.shape == (2, 16, 16) and out.existence.shape == (2,)
    assert len(out.words) == TEST.injections
    for words in out.words:
        torch.testing.assert_close(words.sum(2), torch.ones(2, 16))
    assert out.offset.min() >= 0 and out.offset.max() <= 1 and out.size.min() > 0 and out.size.max() < 1


@torch.inference_mode()
def test_many_phrases_about_one_picture_are_answered_as_each_alone(network: PLVL) -> None:
    seen = network.see(pixels())
    together = network.ground(seen, tokenize(TEXTS), torch.zeros(2, dtype=torch.long))
    for at, text in enumerate(TEXTS):
        alone = network(pixels(), tokenize([text]))
        torch.testing.assert_close(together.mask[at], alone.mask[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(together.existence[at], alone.existence[0], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_padding_of_the_text_is_never_looked_at(network: PLVL) -> None:
    tokens = tokenize(TEXTS[:1])
    for words in network(pixels(), tokens).words:
        assert words[..., ~tokens.valid[0]].max() < 1e-6


@torch.inference_mode()
def test_a_late_network_runs_every_block_before_it_hears_a_word_a_progressive_one_only_the_first() -> None:
    torch.manual_seed(0)
    progressive, late = PLVL(TEST).eval(), PLVL(replace(TEST, is_progressive=False)).eval()
    late.load_state_dict(progressive.state_dict())  # the same parameters
    for network, before in ((progressive, 1), (late, TEST.blocks)):
        ran: list[int] = []
        for number, block in enumerate(network.backbone.blocks):
            block.attention.register_forward_hook(lambda *_, ran=ran, number=number: ran.append(number))
        seen = network.see(pixels())
        assert ran == list(range(before))
        network.ground(seen, tokenize(TEXTS[:1]), torch.zeros(1, dtype=torch.long))
        assert ran == list(range(TEST.blocks))


def test_apart_the_mask_gives_no_gradient_to_what_the_centre_is_made_of() -> None:
    for is_joint in (True, False):
        network = PLVL(replace(TEST, is_joint=is_joint))
        network(pixels(), tokenize(TEXTS[:1])).mask.sum().backward()
        assert (network.head.semantic.conv.weight.grad is not None) == is_joint


def test_folding_the_norms_keeps_the_function() -> None:
    torch.manual_seed(3)
    model, tokens = PLVL(TEST, is_frozen=False), tokenize(TEXTS)
    settle_statistics(model, [(pixels(2), tokens, torch.arange(2))] * 2)
    stored = frozen(model)
    assert not any("running" in key for key in stored.state_dict())
    with torch.inference_mode():
        before, after = model(pixels(2), tokens), stored(pixels(2), tokens)
    for name in ("centre", "mask", "size", "existence"):
        torch.testing.assert_close(getattr(before, name), getattr(after, name), atol=1e-4, rtol=0)


@pytest.mark.parametrize("side", [32, 96])
def test_other_sides_than_the_shapes_own_are_read(network: PLVL, side: int) -> None:
    with torch.inference_mode():
        assert network(pixels(1, side), tokenize(TEXTS[:1])).mask.shape == (1, side // 4, side // 4)


def test_the_cpu_network_has_the_size_that_its_file_is_promised_to_have() -> None:
    count = sum(p.numel() for p in PLVL(SHAPES["C"]).parameters())
    assert 2.4e6 < count < 3.2e6
