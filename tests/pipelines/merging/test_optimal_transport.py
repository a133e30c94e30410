"""Optimal transport: plans whose answer is known, networks laid on permuted, widened and narrowed copies."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from pipelines.merging.errors import MergeError
from pipelines.merging.optimal_transport import (
    Axes,
    Plan,
    Stream,
    check_widths,
    cost_between,
    fused,
    head_plan,
    laid_on,
    plan_of,
    plans_by_activations,
    plans_by_weights,
    standardised,
    transport,
)

INPUTS = 5
SAMPLES = torch.randn(200, INPUTS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
AXES: Axes = {
    "one.weight": ("h1", None), "one.bias": ("h1",), "two.weight": ("h2", "h1"), "two.bias": ("h2",),
    "last.weight": (None, "h2"), "last.bias": (None,),
}  # fmt: skip
STREAMS = (Stream("h1", ("h1",)), Stream("h2", ("h2",)))

Weights = dict[str, Tensor]


def random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(seed: int, first: int = 12, second: int = 8) -> Weights:
    shapes = {"one.weight": (first, INPUTS), "one.bias": (first,), "two.weight": (second, first), "two.bias": (second,),
              "last.weight": (3, second), "last.bias": (3,)}  # fmt: skip
    return {
        key: random(17 * seed + place, *shape) / math.sqrt(shape[-1])
        for place, (key, shape) in enumerate(shapes.items())
    }


def run(weights: Mapping[str, Tensor], inputs: Tensor = SAMPLES) -> tuple[Tensor, dict[str, Tensor]]:
    """Outputs, and activations by site."""
    one = torch.tanh(inputs @ weights["one.weight"].T + weights["one.bias"])
    two = torch.tanh(one @ weights["two.weight"].T + weights["two.bias"])
    return two @ weights["last.weight"].T + weights["last.bias"], {"h1": one, "h2": two}


def permuted(weights: Weights, seed: int) -> Weights:
    """The same network with its neurons in another order."""
    generator = torch.Generator().manual_seed(seed)
    one, two = (torch.randperm(len(weights[f"{name}.bias"]), generator=generator) for name in ("one", "two"))
    return {"one.weight": weights["one.weight"][one], "one.bias": weights["one.bias"][one],
            "two.weight": weights["two.weight"][two][:, one], "two.bias": weights["two.bias"][two],
            "last.weight": weights["last.weight"][:, two], "last.bias": weights["last.bias"]}  # fmt: skip


def widened(weights: Weights) -> Weights:
    """Every hidden neuron twice, what leaves it halved: the same outputs."""
    return {"one.weight": weights["one.weight"].repeat_interleave(2, 0),
            "one.bias": weights["one.bias"].repeat_interleave(2),
            "two.weight": weights["two.weight"].repeat_interleave(2, 0).repeat_interleave(2, 1) / 2,
            "two.bias": weights["two.bias"].repeat_interleave(2),
            "last.weight": weights["last.weight"].repeat_interleave(2, 1) / 2,
            "last.bias": weights["last.bias"]}  # fmt: skip


def plans(source: Weights, anchor: Weights, kind: str, epsilon: float | None = None) -> dict[str, Plan]:
    if kind == "weights":
        return plans_by_weights(STREAMS, source, anchor, AXES, epsilon)
    return plans_by_activations(STREAMS, run(source)[1], run(anchor)[1], epsilon)


# --- plans


@pytest.mark.parametrize("epsilon", [None, 0.08, 0.3])
@pytest.mark.parametrize("shape", [(6, 6), (6, 9), (9, 6), (5, 7)])
def test_marginals_are_even_and_maps_have_rows_of_one(shape, epsilon):
    plan = transport(random(1, *shape).abs(), epsilon)
    torch.testing.assert_close(
        plan.mass.sum(1), torch.full((shape[0],), 1 / shape[0], dtype=torch.float64), atol=1e-6, rtol=0
    )
    torch.testing.assert_close(
        plan.mass.sum(0), torch.full((shape[1],), 1 / shape[1], dtype=torch.float64), atol=1e-6, rtol=0
    )
    for turn, size in ((plan.out_map, shape[1]), (plan.in_map, shape[0])):
        torch.testing.assert_close(turn.sum(1), torch.ones(size, dtype=torch.float64), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(6, 6), (4, 6), (5, 3)])
def test_exact_plans_are_as_cheap_as_a_linear_program(shape):
    from scipy.optimize import linprog

    cost = random(2, *shape).abs()
    rows, columns = shape
    sums = [[float(p // columns == r) for p in range(rows * columns)] for r in range(rows)]
    sums += [[float(p % columns == c) for p in range(rows * columns)] for c in range(columns)]
    program = linprog(cost.reshape(-1).numpy(), A_eq=sums, b_eq=[1 / rows] * rows + [1 / columns] * columns)
    assert float((transport(cost, None).mass * cost).sum()) == pytest.approx(program.fun, abs=1e-9)


def test_soft_plans_near_the_exact_one_as_they_harden_and_nowhere_in_particular_when_soft():
    cost = random(3, 7, 7).abs()
    cost /= cost.max()
    exact = transport(cost, None)
    distances = [float((transport(cost, e).mass - exact.mass).abs().sum()) for e in (1.0, 0.2, 0.04)]
    assert distances[0] > distances[1] > distances[2]
    assert exact.entropy == pytest.approx(math.log(7)) and transport(cost, 100.0).entropy == pytest.approx(
        math.log(49), abs=1e-3
    )


@pytest.mark.parametrize("epsilon", [None, 0.005])
def test_identical_networks_keep_their_place(epsilon):
    anchor = network(1)
    for plan in plans(anchor, anchor, "activations", epsilon).values():
        size = len(plan.mass)
        torch.testing.assert_close(plan.mass, torch.eye(size, dtype=torch.float64) / size, atol=1e-3 / size, rtol=0)


def test_size_of_features_does_not_matter_nor_the_order_of_samples():
    source, anchor = run(network(1))[1]["h1"], run(network(2))[1]["h1"]
    cost = cost_between(standardised(source), standardised(anchor))
    assert float(cost.max()) == 1.0
    torch.testing.assert_close(cost_between(3 * standardised(source), 3 * standardised(anchor)), cost)
    order = torch.randperm(len(SAMPLES), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(cost_between(standardised(source[order]), standardised(anchor[order])), cost)


# --- networks


@pytest.mark.parametrize("kind", ["activations", "weights"])
@pytest.mark.parametrize("share", [0.0, 0.3, None, 1.0])
def test_a_permuted_copy_is_the_anchor_at_any_share(kind, share):
    anchor = network(1)
    source = permuted(anchor, 5)
    merged = fused(anchor, [laid_on(source, AXES, plans(source, anchor, kind))], share)
    for key, tensor in anchor.items():
        torch.testing.assert_close(merged[key], tensor, rtol=0, atol=1e-5)


def test_without_matching_a_permuted_copy_spoils_the_mean():
    anchor = network(1)
    outputs = run(anchor)[0]
    spread = float(outputs.std())
    spoilt = run(fused(anchor, [permuted(anchor, 5)], 0.5))[0]
    assert float((spoilt - outputs).abs().mean()) > 0.3 * spread


@pytest.mark.parametrize("kind", ["activations", "weights"])
def test_a_widened_copy_is_laid_on_the_narrow_and_back(kind):
    narrow = network(1)
    wide = permuted(widened(narrow), 6)
    outputs = run(narrow)[0]
    for source, anchor in ((wide, narrow), (narrow, wide)):
        laid = laid_on(source, AXES, plans(source, anchor, kind))
        assert {key: one.shape for key, one in laid.items()} == {key: one.shape for key, one in anchor.items()}
        torch.testing.assert_close(run(laid)[0], outputs, rtol=0, atol=1e-5)


def test_the_anchor_alone_is_the_anchor_to_the_bit_and_shares_are_checked():
    anchor, source = network(1), network(2)
    assert all(torch.equal(one, anchor[key]) for key, one in fused(anchor, [source], 1.0).items())
    mean = fused(anchor, [source, network(3)])
    torch.testing.assert_close(mean["one.bias"], (anchor["one.bias"] + source["one.bias"] + network(3)["one.bias"]) / 3)
    with pytest.raises(MergeError, match="between 0 and 1"):
        fused(anchor, [source], 1.5)
    with pytest.raises(MergeError, match=r"one\.weight has \(10, 5\)"):
        fused(anchor, [network(2, first=10)], 0.5)


def trained(seed: int, width: int) -> Weights:
    """A network that learned sin of a sum of its inputs, from a start of its own."""
    weights = {key: value.requires_grad_() for key, value in network(seed, width, 16).items()}
    adam = torch.optim.Adam(weights.values(), lr=0.02)
    for _ in range(300):
        adam.zero_grad()
        error(weights).backward()
        adam.step()
    return {key: value.detach() for key, value in weights.items()}


def error(weights: Mapping[str, Tensor]) -> Tensor:
    wanted = torch.stack([torch.sin(SAMPLES.sum(1)), torch.cos(SAMPLES[:, 0]), SAMPLES[:, 1] * SAMPLES[:, 2]], 1)
    return (run(weights)[0] - wanted).square().mean()


def test_networks_of_other_starts_and_widths_average_better_matched():
    anchor, same, wider = trained(1, 24), trained(2, 24), trained(3, 36)
    plain = float(error(fused(anchor, [same], 0.5)))
    matched = float(error(fused(anchor, [laid_on(same, AXES, plans(same, anchor, "activations"))], 0.5)))
    unequal = float(error(fused(anchor, [laid_on(wider, AXES, plans(wider, anchor, "activations"))], 0.5)))
    assert matched < 0.7 * plain and unequal < 0.7 * plain


# --- streams of transformers


TRANSFORMER: Axes = {
    "embed.weight": (None, "→width"), "position": (None, None, "→width"), "norm.weight": ("width",),
    "query.weight": ("qk", "width"), "key.weight": ("qk", "width"), "value.weight": ("v", "width"),
    "out.weight": ("width", "v"), "up.weight": ("ffn", "width"), "down.weight": ("width", "ffn"),
    "head.weight": (None, "width"),
}  # fmt: skip
BLOCK = (Stream("width"), Stream("qk", heads=(2, 2)), Stream("v", heads=(2, 2)), Stream("ffn"))


def block(seed: int, width: int = 8, inner: int = 12) -> Weights:
    sizes = {"width": width, "→width": width, "qk": width, "v": width, "ffn": inner}
    lengths = {"embed.weight": 7, "position": 6, "head.weight": 7}
    found = {}
    for place, (key, names) in enumerate(TRANSFORMER.items()):
        free = iter([1, lengths[key]] if len(names) == 3 else [lengths.get(key, 0)])
        shape = tuple(sizes[name] if name else next(free) for name in names)
        found[key] = random(31 * seed + place, *shape) / math.sqrt(shape[-1])
    return found


def run_block(weights: Mapping[str, Tensor], tokens: Tensor) -> Tensor:
    stream = weights["embed.weight"][tokens] + weights["position"]
    stream = stream * weights["norm.weight"]
    heads = [
        (stream @ weights[f"{name}.weight"].T).unflatten(-1, (2, -1)).transpose(-2, -3)
        for name in ("query", "key", "value")
    ]
    mixed = torch.softmax(heads[0] @ heads[1].transpose(-1, -2), -1) @ heads[2]
    stream = stream + mixed.transpose(-2, -3).flatten(-2) @ weights["out.weight"].T
    stream = stream + torch.relu(stream @ weights["up.weight"].T) @ weights["down.weight"].T
    return stream @ weights["head.weight"].T


def test_a_block_with_streams_heads_and_embeddings_in_another_order_is_the_anchor():
    anchor = block(1)
    generator = torch.Generator().manual_seed(3)
    inside = [torch.randperm(4, generator=generator) for _ in range(4)]
    orders = {
        "width": torch.randperm(8, generator=generator), "ffn": torch.randperm(12, generator=generator),
        "qk": torch.cat([4 + inside[0], inside[1]]), "v": torch.cat([4 + inside[2], inside[3]]),
    }  # fmt: skip
    source = {}
    for key, names in TRANSFORMER.items():
        tensor = anchor[key]
        for place, name in enumerate(names):
            tensor = tensor.index_select(place, orders[name.removeprefix("→")]) if name else tensor
        source[key] = tensor
    tokens = torch.randint(0, 7, (9, 6), generator=generator)
    torch.testing.assert_close(run_block(source, tokens), run_block(anchor, tokens))
    laid = laid_on(source, TRANSFORMER, plans_by_weights(BLOCK, source, anchor, TRANSFORMER, None))
    for key, tensor in anchor.items():
        torch.testing.assert_close(laid[key], tensor, rtol=0, atol=1e-9)


def test_heads_are_never_mixed_from_halves():
    plan = head_plan(random(4, 8, 8).abs(), (2, 2), None)
    blocks = plan.mass.view(2, 4, 2, 4).sum((1, 3))
    assert sorted(blocks.reshape(-1).tolist()) == pytest.approx([0, 0, 0.5, 0.5])


def test_policies_of_a_residual_stream():
    costs = [random(5, 6, 6).abs(), random(6, 6, 6).abs()]
    first, last = (transport(one, None).mass for one in costs)
    found = {
        policy: plan_of(Stream("s", policy=policy), costs, None).mass
        for policy in ("first", "last", "mean", "identity")
    }
    assert torch.equal(found["first"], first) and torch.equal(found["last"], last)
    torch.testing.assert_close(found["mean"], (first + last) / 2)
    weighted = plan_of(Stream("s", policy="weighted"), costs, None, [3.0, 1.0])
    torch.testing.assert_close(weighted.mass, (3 * first + last) / 4)
    torch.testing.assert_close(found["identity"], torch.eye(6, dtype=torch.float64) / 6)


def test_the_loudest_site_of_a_residual_stream_decides_where_it_is_weighted():
    loud, low = (100 * torch.eye(6, dtype=torch.float64)[order] for order in ([1, 0, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]))
    stream, still = Stream("s", ("a", "b"), policy="weighted"), 100 * torch.eye(6, dtype=torch.float64)
    plan = plans_by_activations([stream], {"a": loud, "b": 1e-6 * low}, {"a": still, "b": 1e-6 * still}, None)["s"]
    torch.testing.assert_close(plan.mass, loud / 600, atol=1e-6, rtol=0)


def test_other_widths_are_told_from_other_networks():
    anchor = network(1)
    check_widths(STREAMS, AXES, anchor, "other", network(2, first=10, second=9))
    with pytest.raises(MergeError, match=r"other has last\.bias of \(4,\), the anchor has \(3,\)"):
        check_widths(STREAMS, AXES, anchor, "other", {**anchor, "last.bias": torch.zeros(4)})
    with pytest.raises(MergeError, match="other has 11 and 12 neurons in stream h1"):
        check_widths(STREAMS, AXES, anchor, "other", {**anchor, "one.bias": torch.zeros(11)})
    with pytest.raises(MergeError, match="a multiple of 5"):
        check_widths([Stream("h1", heads=(5, 5))], AXES, anchor, "other", anchor)


def test_what_cannot_be_matched_is_refused():
    with pytest.raises(MergeError, match="no activations of h2"):
        plans_by_activations(STREAMS, {"h1": SAMPLES}, {"h1": SAMPLES})
    with pytest.raises(MergeError, match="written by no tensor"):
        plans_by_weights((Stream("elsewhere"),), network(1), network(1), AXES)
    with pytest.raises(MergeError, match="cannot stay as it is"):
        plan_of(Stream("s", policy="identity"), [random(1, 3, 4)], None)
    with pytest.raises(MergeError, match="unknown policy"):
        plan_of(Stream("s", policy="median"), [random(1, 3, 3)], None)
    with pytest.raises(MergeError, match="no small common multiple"):
        transport(random(1, 97, 101).abs(), None)
