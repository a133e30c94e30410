"""BitDelta: of every task vector only signs, and the mean size of each matrix or row (arXiv:2402.10193)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.coded import coded_writer, spread
from pipelines.merging.kinds import is_matrix
from pipelines.merging.method import MergeMethod, Setting

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.coded import Code, Decoded
    from pipelines.merging.layout import Slot
    from pipelines.merging.mixture import Mixture, TileWriter


def bitdelta(mixture: Mixture, *, along: str) -> TileWriter:
    """base + factor * sum of coefficient * s * sign(vector) for every matrix; other tensors take the plain sum.

    As a file that is a bit for each weight of a matrix, a float32 for each matrix or row, and vectors and tables of
    embeddings as they are; here only the scales are kept.

    Args:
        along: what has a scale of its own, "tensor" or "row".

    Convention: a bit has no third value, so an entry that did not move counts as negative, as in the paper. Differs:
    scales are not distilled, which takes samples.
    """
    return coded_writer(mixture, bit_code(mixture, along))


def bit_code(mixture: Mixture, along: str) -> Code:
    """Signs and scales: s = mean |τ|, which is the nearest of all scales (least squares)."""
    scales = mixture.remembered("bit scales", along, lambda: all_scales(mixture, along))

    def code(slot: Slot, first: int, count: int) -> Decoded:
        def signs(task: str, vector: Tensor) -> Tensor:
            import torch

            if not is_matrix(slot):
                return vector
            own = scales[task, slot.key]
            scale = spread(own, (slot.stop - slot.start) // len(own), first, count)
            return torch.where(vector > 0, scale, -scale)

        return signs

    return code


def all_scales(mixture: Mixture, along: str) -> dict[tuple[str, str], Tensor]:
    """(task, key of a matrix) -> mean size of its entries or of each row's, (1,) or (rows,) float32."""
    from pipelines.merging.halves import decoded

    scales = {}
    for slot in filter(is_matrix, mixture.layout.slots):
        for task, stored in mixture.stored.items():
            own = stored[slot.start : slot.stop]
            scales[task, slot.key] = mean_sizes(decoded(own), slot.shape[0] if along == "row" else 1)
            mixture.note(own)
    return scales


def mean_sizes(vector: Tensor, rows: int) -> Tensor:
    """Mean size of the entries of each row, (rows,) float32; summed in float64, in an order that threads leave."""
    import torch

    from pipelines.merging.sums import absolute_sum

    if rows > 1:  # threads share out rows, and never a row
        return vector.view(rows, -1).abs().mean(1, dtype=torch.float64).float()
    return torch.tensor([absolute_sum(vector) / len(vector)])


BITDELTA = MergeMethod(
    name="bitdelta",
    title="BitDelta",
    group="codes",
    paper="arXiv:2402.10193",
    formula="θ = θ0 + α Σ w_t s_t sign(τ_t),  s_t = mean |τ_t| of each matrix",
    settings=(Setting("along", "Scale of each", "tensor", "What has a scale of its own", choices=("tensor", "row")),),
    combine=bitdelta,
    default_scale=0.3,  # as in task arithmetic, which it stands for
    is_expert_alone=False,
    cost="one pass for the scales, once; then one pass over all vectors",
    piecewise_when=(),
)
