"""Fisher merging: an average that weighs each weight by what the data say about it (arXiv:2111.09832)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pipelines.merging.dare import WORD, draws
from pipelines.merging.errors import MergeError
from pipelines.merging.feed import FeedStep, made_of
from pipelines.merging.method import OfflineMethod, Setting

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.feed import Feed, Samples

FLOOR = 1e-6


def fisher(feed: Feed, *, floor: float = FLOOR, samples: int = 256, seed: int = 0) -> Iterator[FeedStep]:
    """The experts of a family by the information of their own samples, chunk by chunk; the last step has the network.

    Args:
        samples: of each task. seed: of the answers that are drawn for them.
    """
    source: Samples = feed.need("samples")
    keys = [slot.key for slot in feed.ground.layout.slots]
    stretches = source.stretches(samples)
    found: dict[str, dict[str, Tensor]] = {}
    total = len(stretches) * len(feed.experts)
    for task, expert in feed.experts.items():
        sums = {key: expert[key].new_zeros(expert[key].shape) for key in keys}
        for first, last in stretches:
            for key, value in squared_gradients(source, expert, keys, task, (first, last), seed).items():
                sums[key] += value / samples
            if (done := len(found) * len(stretches) + stretches.index((first, last)) + 1) < total:
                yield FeedStep(done, total, f"{task}, {last} samples")
        found[task] = sums
    merged = {key: fisher_mean([one[key] for one in feed.experts.values()], [one[key] for one in found.values()],
                               floor=floor) for key in keys}  # fmt: skip
    networks = {FISHER.title: feed.network(merged), "mean of the experts": feed.mean()}
    yield FeedStep(total, total, f"{samples} samples of each task", made=lambda: made_of(feed, networks))


def squared_gradients(
    source: Samples, weights: Mapping[str, Tensor], keys: Sequence[str], task: str, stretch: tuple[int, int], seed: int
) -> dict[str, Tensor]:
    """Key -> sum over the samples of the squared gradient of the log-likelihood.

    The answer of each sample is drawn from what the network itself believes: no label is needed, and the mean over
    draws is the Fisher information (not the "empirical" one of given labels).
    """
    import torch
    import torch.nn.attention

    inputs = source.inputs(task, *stretch)
    with torch.no_grad():
        beliefs = source.answer(weights, inputs, task).softmax(-1)
    first, last = stretch
    chance = (draws(seed, f"fisher {task}", "", first, last - first).double() + 0.5) / (WORD + 1)
    drawn = (beliefs.double().cumsum(-1) < chance[:, None]).sum(-1).clamp(max=beliefs.shape[-1] - 1)
    answers = torch.nn.functional.one_hot(drawn, beliefs.shape[-1]).to(beliefs.dtype)

    def log_likelihood(moving: Mapping[str, Tensor], one: Tensor, answer: Tensor) -> Tensor:
        logits = source.answer({**weights, **moving}, one[None], task)[0]
        return (logits.log_softmax(-1) * answer).sum()

    moving = {key: weights[key] for key in keys}
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # the fused kernels cannot be batched
        gradients = torch.func.vmap(torch.func.grad(log_likelihood), in_dims=(None, 0, 0))(moving, inputs, answers)
    return {key: gradient.square().sum(0) for key, gradient in gradients.items()}


def fisher_mean(experts: Sequence[Tensor], fishers: Sequence[Tensor], *, floor: float = FLOOR) -> Tensor:
    """Sum of F * weights over sum of F, entry by entry; the plain mean where all F are 0. Shape of the tensors.

    Args:
        fishers: diagonal Fisher information, the mean squared gradient of the log-likelihood over samples.
        floor: least value of F where it is not 0 in all.

    Raises:
        MergeError: shapes or numbers differ.
    """
    import torch

    _check_alike(experts, fishers)
    information = torch.stack([one.double() for one in fishers])
    is_dark = (information == 0).all(0)
    information = torch.where(is_dark, 1.0, information.clamp(min=floor))
    values = torch.stack([one.double() for one in experts])
    return ((information * values).sum(0) / information.sum(0)).to(experts[0].dtype)


def _check_alike(experts: Sequence[Tensor], fishers: Sequence[Tensor]) -> None:
    shapes = {tuple(one.shape) for one in (*experts, *fishers)}
    if len(experts) != len(fishers) or len(shapes) != 1:
        raise MergeError(f"{len(experts)} experts and {len(fishers)} Fisher diagonals of shapes {sorted(shapes)}")


FISHER = OfflineMethod(
    name="fisher",
    title="Fisher merging",
    group="statistics",
    paper="arXiv:2111.09832",
    formula="θ = Σ F_t θ_t / Σ F_t",
    settings=(
        Setting("samples", "Samples", 256.0, "Of each task", 1.0, 4096.0, 1.0),
        Setting("floor", "Floor", FLOOR, "Least information of a weight", 0.0, 1e-3, 1e-7),
        Setting("seed", "Seed", 0.0, "Of the answers that are drawn", 0.0, 2.0**31, 1.0),
    ),
    needs="about 256 samples of every task, gradients, and a network whose outputs are classes",
    cost="256 forward and backward passes for every task, once",
    entry="fisher:fisher",
    feeds=("samples",),
)
