"""The base's third lesson: a thing that nobody asked for leaves an answer as it is.

Ours, in training alone. Half of a batch are twins, a scene without and with a newcomer (`newcomer.py`), shown in one
view and asked about in one wording. Where a small network hesitates between two things, a third one that it is to pass
over tips it; so the answers to twins are pulled together, and the centre of what is meant is set apart from all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.grounding.head import Outputs
from pipelines.grounding.losses import Truth
from pipelines.grounding.scene_cache import Scenes
from pipelines.grounding.targets import centre_cells
from pipelines.grounding.training_data import Asking, Batches, Source, collated
from pipelines.training.loop import Batch

TWINS = "twins"
STEADY, APART = 1.0, 0.3  # weights


@dataclass(frozen=True)
class TwinBatches:
    """Batches of which the last `pairs` times two pictures are twins, one after the other.

    TWINS of a batch: int64 (n, 2), the rows that ask one thing of both.
    """

    usual: Batches
    twins: Source
    pairs: int

    def __call__(self, rng: np.random.Generator, step: int) -> Batch:
        views, progress = self.usual.views(rng, step), step / self.usual.steps
        first, pool = sum(len(view.rows) for view in views), self.twins.pool(progress)
        for _ in range(self.pairs):
            views += self._pair(rng, pool[rng.integers(len(pool))], progress)
        batch = collated(views)
        rows = torch.arange(first, len(batch["owner"])).reshape(self.pairs, 2, self.usual.phrases)
        return batch | {TWINS: rows.transpose(1, 2).reshape(-1, 2)}

    def _pair(self, rng: np.random.Generator, shard: Scenes, progress: float) -> list[Asking]:
        at, seed = 2 * int(rng.integers(len(shard.asked) // 2)), int(rng.integers(2**62))
        return [self.usual.asked_of(np.random.default_rng(seed), shard, one, progress) for one in (at, at + 1)]


def steady_terms(outputs: Outputs, truth: Truth, twins: Tensor) -> dict[str, Tensor]:
    """Weighted terms by name."""
    centre = outputs.centre.flatten(1).float().log_softmax(1)
    existence = torch.stack([F.logsigmoid(sign * outputs.existence.float()) for sign in (1, -1)], 1)
    return {
        "steady": STEADY * (divergence(*centre[twins].unbind(1)) + divergence(*existence[twins].unbind(1))),
        "apart": APART * apart_loss(centre, truth, outputs.centre.shape[1]),
    }


def divergence(first: Tensor, second: Tensor) -> Tensor:
    """Jeffreys divergence of distributions (n, values) given as logarithms, mean over n, in nats."""
    return ((first.exp() - second.exp()) * (first - second)).sum(1).mean()


def apart_loss(logs: Tensor, truth: Truth, side: int) -> Tensor:
    """Cross-entropy of where the one thing that is meant has its centre.

    Args:
        logs: logarithms of the shares of all cells, (B, side * side).
    """
    single = torch.nonzero((truth.boxes[:, :, 2] > 0).sum(1) == 1)[:, 0]
    cells = centre_cells(truth.boxes[single], side)
    return F.nll_loss(logs[single], cells.row * side + cells.column) if len(single) else logs.sum() * 0
