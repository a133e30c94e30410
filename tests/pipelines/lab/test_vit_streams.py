"""Streams of ShapesViT: taken apart and joined, shuffled and matched."""

from __future__ import annotations

import pytest
import torch

from pipelines.lab.vit import ShapesViT
from pipelines.lab.vit_streams import VIT_ALIGNMENT, activations, apart, axes, joined, shuffles, streams
from pipelines.merging.errors import MergeError
from pipelines.merging.optimal_transport import laid_on, plans_by_activations, plans_by_weights
from tests.pipelines.lab.tiny_vit import PICTURES, answer, network


def test_taken_apart_and_joined_it_is_the_same() -> None:
    weights = network(0)
    again = joined(apart(weights))
    assert again.keys() == weights.keys() and all(torch.equal(again[key], weights[key]) for key in weights)


def test_every_tensor_but_none_else_has_axes() -> None:
    split, found = apart(network(0)), axes(network(0))
    assert found.keys() == split.keys()
    assert all(len(found[key]) == split[key].ndim for key in split)


def test_a_shuffled_copy_answers_alike_and_is_matched_back_exactly() -> None:
    weights, model = network(0), ShapesViT().eval()
    start = {key: value.clone() for key, value in model.state_dict().items()}
    copy = joined(laid_on(apart(weights), axes(weights), shuffles(weights)))
    assert not torch.equal(copy["blocks.1.qkv.weight"], weights["blocks.1.qkv.weight"])
    torch.testing.assert_close(answer(copy), answer(weights), rtol=1e-4, atol=1e-4)
    seen = [activations(model, one, PICTURES) for one in (copy, weights)]
    back = joined(laid_on(apart(copy), axes(weights), plans_by_activations(streams(weights), *seen, None)))
    assert all(torch.equal(back[key], weights[key]) for key in weights)
    assert all(torch.equal(value, start[key]) for key, value in model.state_dict().items())


def test_it_is_matched_back_by_its_weights_alone() -> None:
    weights = apart(network(0))
    copy = laid_on(weights, axes(weights), shuffles(joined(weights)))
    plans = plans_by_weights(streams(weights), copy, weights, axes(weights), None)
    back = laid_on(copy, axes(weights), plans)
    assert all(torch.equal(back[key], weights[key]) for key in weights)


def test_rows_that_are_no_q_k_and_v_are_refused() -> None:
    with pytest.raises(MergeError, match=r"blocks\.0\.qkv\.bias has 4 rows"):
        apart({"blocks.0.qkv.bias": torch.zeros(4)})


def test_the_record_names_its_own_functions_in_order() -> None:
    assert (VIT_ALIGNMENT.apart, VIT_ALIGNMENT.joined, VIT_ALIGNMENT.axes) == (apart, joined, axes)
    assert (VIT_ALIGNMENT.streams, VIT_ALIGNMENT.activations, VIT_ALIGNMENT.shuffles) == (
        streams,
        activations,
        shuffles,
    )
