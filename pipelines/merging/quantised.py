"""Quantised task vectors: whole numbers of few bits and a step, alone or beside a shared mean (arXiv:2503.06921)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.coded import coded_writer, spread
from pipelines.merging.method import MergeMethod, Setting

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.coded import Code, Decoded
    from pipelines.merging.layout import Slot
    from pipelines.merging.mixture import Mixture, TileWriter

    Ranges = dict[tuple[str | None, str], Tensor]  # (task or None for the mean, key) -> (2, groups) least and largest

GROUP = 128  # consecutive entries that share a step
LEAST_STEP = 2.0**-149  # of float32: keeps 0 / 0 out where nothing moved


def quantised(mixture: Mixture, *, bits: float, along: str, shared: float) -> TileWriter:
    """base + factor * sum of coefficient * the vector's numbers of `bits` bits.

    As a file that is `bits` for each weight and task, `shared` for each weight, and two float32 for each tensor or
    group; here only those two are kept.

    Args:
        bits: of each vector, 2 to 8.
        along: what has a step of its own, "tensor" or "group" (of 128 entries).
        shared: bits of the mean of the family's vectors. It is coded first, and `bits` hold what each vector has beside
            it as decoded, so that its error is made up for. 0: no mean.

    Differs: the range of the numbers always holds 0, so that without a shared mean what did not move stays.
    """
    return coded_writer(mixture, integer_code(mixture, int(bits), along, int(shared)))


def integer_code(mixture: Mixture, bits: int, along: str, shared: int) -> Code:
    """The nearest of 2^bits evenly spaced values."""
    ranges = mixture.remembered("code ranges", (along, shared), lambda: all_ranges(mixture, along, shared))

    def code(slot: Slot, first: int, count: int) -> Decoded:
        width = width_of(slot, along)

        def rounded(task: str | None, vector: Tensor, bits: int = bits) -> Tensor:
            return nearest(vector, ranges[task, slot.key], width, first, bits)

        if not shared:
            return rounded
        mean = rounded(None, mean_vector(mixture, slot.start + first, slot.start + first + count), shared)
        return lambda task, vector: rounded(task, vector - mean).add_(mean)

    return code


def all_ranges(mixture: Mixture, along: str, shared: int) -> Ranges:
    """Least and largest number of every tensor or group: of the mean, and of each vector or what it has beside that."""
    from pipelines.merging.halves import decoded

    ranges: Ranges = {}
    for slot in mixture.layout.slots:
        width, mean = width_of(slot, along), None
        if shared:
            mean = mean_vector(mixture, slot.start, slot.stop)
            ranges[None, slot.key] = ranges_of(mean, width)
            mean = nearest(mean, ranges[None, slot.key], width, 0, shared)
        for task, stored in mixture.stored.items():
            own = decoded(stored[slot.start : slot.stop])
            ranges[task, slot.key] = ranges_of(own if mean is None else own - mean, width)
    mixture.note(*mixture.stored.values())
    return ranges


def width_of(slot: Slot, along: str) -> int:
    """How many entries share a step."""
    return GROUP if along == "group" else slot.stop - slot.start


def mean_vector(mixture: Mixture, start: int, stop: int) -> Tensor:
    """Mean of all vectors of the family, raised or not, (stop - start,) float32."""
    from pipelines.merging.halves import decoded
    from pipelines.merging.ties import sum_of

    return sum_of([decoded(one[start:stop]) for one in mixture.stored.values()]).div_(len(mixture.stored))


def ranges_of(vector: Tensor, width: int) -> Tensor:
    """Least and largest entry of each `width`, 0 among them, (2, groups)."""
    import torch

    missing = -len(vector) % width
    rows = torch.cat([vector, vector.new_zeros(missing)]) if missing else vector
    low, high = rows.view(-1, width).aminmax(dim=1)
    return torch.stack([low.clamp(max=0), high.clamp(min=0)])


def nearest(vector: Tensor, ranges: Tensor, width: int, first: int, bits: int) -> Tensor:
    """Entries of a tensor from `first` on, (n,), as whole numbers of steps: 2^bits - 1 of them make up a range.

    Args:
        ranges: of the tensor, as `ranges_of` gives them.
    """
    import torch

    low, high = (spread(one, width, first, len(vector)) for one in ranges)
    step = ((high - low) / (2**bits - 1)).clamp(min=LEAST_STEP)
    least = torch.round(low / step)
    return torch.round(vector / step).clamp_(least, least + (2**bits - 1)).mul_(step)


QUANTISED = MergeMethod(
    name="quantised",
    title="Quantised vectors",
    group="codes",
    paper="arXiv:2503.06921",
    formula="θ = θ0 + α Σ w_t Δ_t round(τ_t / Δ_t),  Δ_t = (max τ_t - min τ_t) / (2^b - 1)",
    settings=(
        Setting("bits", "Bits", 4.0, "Of each weight of a task vector", 2.0, 8.0, 1.0),
        Setting("along", "Step of each", "tensor", "What has a step of its own; a group is 128 weights",
                choices=("tensor", "group")),
        Setting("shared", "Shared bits", 0.0, "Of the experts' mean, coded once for all; 0: no mean", 0.0, 8.0, 1.0),
    ),
    combine=quantised,
    default_scale=0.3,  # as in task arithmetic, which it stands for
    is_expert_alone=False,
    cost="one pass for the ranges, once; then one pass over all vectors, two with a shared mean",
    piecewise_when=(),
)  # fmt: skip
