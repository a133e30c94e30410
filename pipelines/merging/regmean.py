"""RegMean: the linear layer nearest to every expert's outputs on that expert's own inputs (arXiv:2212.09849)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipelines.merging.errors import MergeError
from pipelines.merging.feed import FeedStep, made_of
from pipelines.merging.method import OfflineMethod, Setting

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipelines.merging.feed import Feed, Samples

RIDGE = 1e-6  # of the mean of the diagonal


def regmean(feed: Feed, *, off_diagonal: float = 0.95, samples: int = 256) -> Iterator[FeedStep]:
    """The experts of a family by the inputs of their linear layers, chunk by chunk; the last step has the network.

    All that is no matrix of a linear layer (biases, norms, convolutions) is the plain mean.
    """
    source: Samples = feed.need("samples")
    stretches = source.stretches(samples)
    found: dict[str, dict[str, Tensor]] = {}
    total = len(stretches) * len(feed.experts)
    for task, expert in feed.experts.items():
        sums: dict[str, Tensor] = {}
        found[task] = sums
        for number, stretch in enumerate(stretches, (len(found) - 1) * len(stretches) + 1):
            add_inner_products(sums, source, expert, task, stretch)
            if number < total:
                yield FeedStep(number, total, f"{task}, {stretch[1]} samples")
    merged, mean = {}, feed.mean()
    for key in (slot.key for slot in feed.ground.layout.slots):
        grams = [one.get(key) for one in found.values()]
        experts = [one[key] for one in feed.experts.values()]
        known = [one for one in grams if one is not None]
        is_linear = len(known) == len(experts)
        merged[key] = regression_mean(experts, known, off_diagonal=off_diagonal) if is_linear else mean[key]
    networks = {REGMEAN.title: feed.network(merged), "mean of the experts": mean}
    yield FeedStep(total, total, f"{samples} samples of each task", made=lambda: made_of(feed, networks))


def add_inner_products(
    sums: dict[str, Tensor], source: Samples, weights: Mapping[str, Tensor], task: str, stretch: tuple[int, int]
) -> None:
    """Add X^T X of the inputs of every linear layer, (in, in) float64, under the key of its matrix."""
    import torch

    with _listening(source.module, sums), torch.no_grad():
        source.answer(weights, source.inputs(task, *stretch), task)


@contextmanager
def _listening(module: nn.Module, sums: dict[str, Tensor]) -> Iterator[None]:
    from torch import nn

    def hook(key: str) -> Any:
        def hear(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
            rows = given[0].detach().reshape(-1, given[0].shape[-1]).double()
            sums[key] = sums[key] + rows.T @ rows if key in sums else rows.T @ rows

        return hear

    layers = [(name, one) for name, one in module.named_modules() if isinstance(one, nn.Linear)]
    handles = [one.register_forward_pre_hook(hook(f"{name}.weight")) for name, one in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def regression_mean(experts: Sequence[Tensor], grams: Sequence[Tensor], *, off_diagonal: float = 0.95) -> Tensor:
    """The matrix whose outputs are nearest to every expert's on its own inputs, (out, in).

    Args:
        experts: matrices (out, in). grams: inner products of the inputs, X^T X, (in, in) each.
        off_diagonal: what the grams' off-diagonals are multiplied by.

    Raises:
        MergeError: inner products of another width.
    """
    import torch

    for expert, products in zip(experts, grams, strict=True):
        if tuple(products.shape) != (expert.shape[1],) * 2:
            raise MergeError(f"a matrix of {tuple(expert.shape)} has inner products of {tuple(products.shape)}")
    softened = [_softened(one.double(), off_diagonal) for one in grams]
    total = sum(softened[1:], softened[0])
    ridge = RIDGE * float(total.diagonal().mean()) or 1.0
    total += ridge * torch.eye(len(total), dtype=torch.float64)
    mean = torch.stack([one.double() for one in experts]).mean(0)
    wanted = sum((one.double() @ own for one, own in zip(experts, softened, strict=True)), ridge * mean)
    return torch.linalg.solve(total, wanted.T).T.to(experts[0].dtype)


def _softened(products: Tensor, off_diagonal: float) -> Tensor:
    diagonal = products.diagonal().diag()
    return off_diagonal * (products - diagonal) + diagonal


REGMEAN = OfflineMethod(
    name="regmean",
    title="RegMean",
    group="statistics",
    paper="arXiv:2212.09849",
    formula="W = (Σ W_t G_t) (Σ G_t)⁻¹,  G_t = X_tᵀ X_t",
    settings=(
        Setting("samples", "Samples", 256.0, "Of each task", 1.0, 4096.0, 1.0),
        Setting("off_diagonal", "Off-diagonals", 0.95, "What they are multiplied by", 0.8, 1.0),
    ),
    needs="about 256 samples of every task, and the inputs of every linear layer",
    cost="256 forward passes for every task, once; a linear system for each layer",
    entry="regmean:regmean",
    feeds=("samples",),
)
