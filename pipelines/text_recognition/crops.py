"""Many crops through one network: encoded in batches, tall ones looked at three ways, the surest look kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipelines.text_recognition.calibration import Temperatures
from pipelines.text_recognition.constraint import Constraint
from pipelines.text_recognition.fit import fit
from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.options import ReadingOptions
from pipelines.text_recognition.procedures.reading import Reading
from pipelines.text_recognition.reader import Reader
from pipelines.text_recognition.reading import read
from pipelines.text_recognition.views import turned, turns_of

BATCH = 32
NONE = Temperatures()
Encode = Callable[[IGTR, np.ndarray], Tensor]  # network, pixels (B, 3, 32, 128) -> visual (B, tokens, d)
Progress = Callable[[int, int], None]  # crops done, crops in all


@dataclass(frozen=True)
class Look:
    """One crop as it was read best: how it was turned, its visual tokens (1, T, d), its reading (one row)."""

    turn: int
    visual: Tensor
    reading: Reading

    @property
    def certainty(self) -> float:
        """Product of the probabilities of the characters and the end, 0 to 1; 0 where nothing is read.

        CTC and assembly take the end as certain: a look that reads nothing would else be the surest of all.
        """
        return float(self.reading.probabilities.prod()) if self.reading.lengths[0] else 0.0


def encode(network: IGTR, pixels: np.ndarray) -> Tensor:
    """Visual tokens of fitted crops, (B, 3, 32, 128) float32 -> (B, tokens, d)."""
    device = next(network.parameters()).device
    return network.encode(torch.from_numpy(pixels).to(device))


def read_crops(
    network: IGTR,
    crops: Sequence[np.ndarray],
    options: ReadingOptions,
    temperatures: Temperatures = NONE,
    encode: Encode = encode,
    progress: Progress | None = None,
) -> list[Look]:
    """Read crops (H, W, 3) uint8, each of its own size, in batches of 32.

    Raises:
        UserError: the procedure cannot follow the pattern of the options.
    """
    looks = [(index, turn) for index, crop in enumerate(crops) for turn in turns_of(crop)]
    best: dict[int, Look] = {}
    constraint = Constraint.of(options)
    with torch.inference_mode():
        for start in range(0, len(looks), BATCH):
            some = looks[start : start + BATCH]
            visual = encode(network, np.stack([fit(turned(crops[index], turn)) for index, turn in some]))
            reading = read(Reader(network, visual, constraint, temperatures), options)
            for (index, turn), row in zip(some, range(len(some)), strict=True):
                look = Look(turn, visual[row : row + 1], reading.row(row))
                best[index] = max((best[index], look), key=lambda one: one.certainty) if index in best else look
            if progress is not None:
                progress(min(some[-1][0] + 1, len(crops)), len(crops))
    return [best[index] for index in range(len(crops))]


def batches(count: int) -> Iterator[slice]:
    """Slices of at most 32 of `count` things."""
    return (slice(start, start + BATCH) for start in range(0, count, BATCH))
