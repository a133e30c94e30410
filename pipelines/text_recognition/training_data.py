"""Batches for training: crops of one or two recipes, made new, with triplets drawn from their labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from pipelines.text_recognition.augmentation import varied
from pipelines.text_recognition.crop_cache import Crops, Shard
from pipelines.text_recognition.triplets import draw
from pipelines.training.loop import Batch

MOST_EMPTY, MOST_TOLD = 48, 24  # questions per picture: of 109 in a word of 25, and of its rest
AHEAD = 4  # shards that must be there before the first step
RELEASED = 0.4  # share of the steps after which every shard is in use


@dataclass(frozen=True)
class Source:
    """Crops of one recipe, and how large a part of each batch they are."""

    shards: tuple[Shard, ...]
    share: float = 1.0

    def pool(self, progress: float, longest: int) -> list[tuple[Crops, np.ndarray]]:
        """Shards in use, and which of their crops are short enough; waits for the last one."""
        grown = AHEAD + int((len(self.shards) - AHEAD) * min(progress / RELEASED, 1.0))
        used = self.shards[: max(1, min(grown, len(self.shards)))]
        return [(shard.wait(), _short(shard, longest)) for shard in used]


@lru_cache(maxsize=4096)
def _short(shard: Shard, longest: int) -> np.ndarray:
    return np.flatnonzero(shard.wait().lengths <= longest)


@dataclass(frozen=True)
class Batches:
    """Makes the batch of a step.

    Attributes:
        steps: of the whole stage.
        alone: share of the steps with the empty condition only; later each picture has `more` conditions besides.
        curriculum: (share of the steps, longest word until then), rising.
    """

    sources: tuple[Source, ...]
    batch: int
    steps: int
    alone: float
    more: int
    curriculum: tuple[tuple[float, int], ...] = ()
    level: float = 0.7

    def __call__(self, rng: np.random.Generator, step: int) -> Batch:
        progress = step / self.steps
        crops = [crop for source in self.sources for crop in self._crops(rng, source, progress)]
        pixels, boxes, words = [], [], []
        for shard, index in crops:
            length = int(shard.lengths[index])
            image, places = varied(rng, shard.pixels[index], shard.boxes[index, :length].astype(np.float32), self.level)
            pixels.append(image)
            boxes.append(np.pad(places, ((0, shard.boxes.shape[1] - length), (0, 0))))
            words.append(shard.words[index, :length].tolist())
        told = self.more if progress >= self.alone else 0
        triplets = [draw(rng, words, True, MOST_EMPTY), *(draw(rng, words, False, MOST_TOLD) for _ in range(told))]
        return {
            "pixels": torch.from_numpy(np.stack(pixels)),
            "boxes": torch.from_numpy(np.stack(boxes).astype(np.float32)),
            "words": torch.from_numpy(np.stack([shard.words[index] for shard, index in crops]).astype(np.int64)),
            "lengths": torch.tensor([len(word) for word in words]),
            "triplets": triplets,
        }

    def _crops(self, rng: np.random.Generator, source: Source, progress: float) -> list[tuple[Crops, int]]:
        pool = source.pool(progress, self.longest(progress))
        ends = np.cumsum([len(indices) for _, indices in pool])
        chosen = []
        for pick in rng.integers(0, ends[-1], round(self.batch * source.share)):
            at = int(np.searchsorted(ends, pick, side="right"))
            crops, indices = pool[at]
            chosen.append((crops, int(indices[pick - ends[at]])))
        return chosen

    def longest(self, progress: float) -> int:
        """Characters of the longest word at a point of the training, 0 to 1."""
        return next((length for share, length in self.curriculum if progress < share), 255)
