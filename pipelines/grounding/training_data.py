"""Batches for training: cached scenes of one or two recipes, several expressions each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pipelines.grounding.augmentation import View, draw_view, lit, slipped
from pipelines.grounding.looks import cell_looks
from pipelines.grounding.scene_cache import Asked, Scenes, Shard
from pipelines.grounding.tokenizer import tokenize
from pipelines.training.loop import Batch

EASY = ("attribute", "place")  # kinds of the first lessons
AHEAD = 2  # shards that must be there before the first step
RELEASED = 0.4  # share of the steps after which every shard is in use
MOST_TARGETS = 8  # boxes of an expression
CELL_PX = 16  # side of a cell of the token grid


@dataclass(frozen=True)
class Source:
    """Scenes of one recipe, and how large a part of each batch they are."""

    shards: tuple[Shard, ...]
    share: float = 1.0

    def pool(self, progress: float) -> list[Scenes]:
        """Shards in use; waits for the last one."""
        grown = AHEAD + int((len(self.shards) - AHEAD) * min(progress / RELEASED, 1.0))
        return [shard.wait() for shard in self.shards[: max(1, min(grown, len(self.shards)))]]


def side_at(sides: tuple[tuple[float, int], ...], progress: float) -> int:
    """Side of the pictures in pixels at a point of the training, 0 to 1."""
    return next((side for share, side in sides if progress < share), sides[-1][1])


@dataclass(frozen=True)
class Asking:
    """A picture as it is shown, with what its cells show, and rows (text, target boxes, anchor boxes, mask)."""

    pixels: np.ndarray
    looks: np.ndarray
    rows: tuple[tuple, ...]


@dataclass(frozen=True)
class Batches:
    """Makes the batch of a step.

    Attributes:
        scenes, phrases: pictures of a batch, and expressions about each.
        steps: of the whole stage.
        easy: share of the steps in which only attributes and places are asked for.
        sides: (share of the steps, side in pixels until then), rising; the last share is 1.
        false: how much likelier than any other an expression with a false premise is taken.
    """

    sources: tuple[Source, ...]
    scenes: int
    phrases: int
    steps: int
    easy: float
    sides: tuple[tuple[float, int], ...]
    false: float = 1.0

    def __call__(self, rng: np.random.Generator, step: int) -> Batch:
        return collated(self.views(rng, step))

    def views(self, rng: np.random.Generator, step: int) -> list[Asking]:
        """What the batch of a step is made of."""
        views, progress = [], step / self.steps
        for source in self.sources:
            pool = source.pool(progress)
            for _ in range(round(self.scenes * source.share)):
                shard = pool[rng.integers(len(pool))]
                views.append(self.asked_of(rng, shard, int(rng.integers(len(shard.asked))), progress))
        return views

    def asked_of(self, rng: np.random.Generator, shard: Scenes, at: int, progress: float) -> Asking:
        """A scene of a shard in a new view, and some of its expressions."""
        side, kinds, view = side_at(self.sides, progress), EASY if progress < self.easy else (), draw_view(rng)
        pixels, ids = lit(rng, view.picture(shard.pixels[at], side)), view.ids(shard.ids[at], side // 2)
        looks = cell_looks(ids, shard.looks[at], side // CELL_PX)
        return Asking(pixels, looks, tuple(self._rows(rng, shard, at, view, ids, kinds)))

    def _rows(
        self, rng: np.random.Generator, shard: Scenes, at: int, view: View, ids: np.ndarray, kinds: tuple[str, ...]
    ):
        asked = [one for one in shard.asked[at] if one.kind in kinds] or shard.asked[at]
        weights = np.array([1.0 if one.targets else self.false for one in asked])
        picks = rng.choice(len(asked), min(len(asked), self.phrases), False, weights / weights.sum())
        boxes = view.boxes(shard.boxes[at])
        for pick in (*picks, *rng.integers(0, len(asked), self.phrases - len(picks))):
            one = asked[pick]
            yield slipped(rng, view.text(one.text)), *answer(one, ids, boxes)


def answer(one: Asked, ids: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes of targets and of anchors, (8, 4) each, and the mask at half the side of the instance map."""
    is_target = np.zeros(256, np.float32)
    is_target[[number + 1 for number in one.targets]] = 1
    half = ids.shape[0] // 2
    mask = is_target[ids].reshape(half, 2, half, 2).mean((1, 3))
    return _some(boxes, one.targets), _some(boxes, one.anchors), mask


def _some(boxes: np.ndarray, numbers: tuple[int, ...]) -> np.ndarray:
    rows = np.zeros((MOST_TARGETS, 4), np.float32)
    chosen = boxes[list(numbers[:MOST_TARGETS])]
    rows[: len(chosen)] = chosen
    return rows


def collated(views: Sequence[Asking]) -> Batch:
    """Pictures and what is asked of them as tensors."""
    owner = [number for number, view in enumerate(views) for _ in view.rows]
    texts, targets, anchors, masks = zip(*(row for view in views for row in view.rows), strict=True)
    tokens = tokenize(texts)
    return {
        "pixels": torch.from_numpy(np.stack([view.pixels for view in views])),
        "looks": torch.from_numpy(np.stack([view.looks for view in views])),
        "owner": torch.tensor(owner),
        "words": tokens.words,
        "grams": tokens.grams,
        "boxes": torch.from_numpy(np.stack(targets)),
        "anchors": torch.from_numpy(np.stack(anchors)),
        "mask": torch.from_numpy(np.stack(masks)),
    }
