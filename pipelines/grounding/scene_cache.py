"""Generated scenes on disk, in shards: pixels and instance maps as memory maps, boxes and expressions beside them.

A scene is drawn once, by processes of their own, with more expressions than a look needs, and looked at several times,
each time with other expressions, lit and placed anew (`augmentation.py`). A shard is made from (seed, recipe, number)
alone and appears whole or not at all, so training can begin while the last ones are being drawn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipelines.training.shards import wait_for

if TYPE_CHECKING:
    from pipelines.grounding.synthetic.world import Sample

PHRASES = 10  # per scene
MOST_OBJECTS = 24  # of a scene
STORED_PX = 160


@dataclass(frozen=True)
class Asked:
    """An expression about a cached scene; numbers are those of its objects."""

    text: str
    kind: str
    targets: tuple[int, ...]
    anchors: tuple[int, ...]


@dataclass(frozen=True)
class Scenes:
    """Scenes of one shard.

    Attributes:
        pixels: uint8 (n, side, side, 3), a memory map.
        ids: uint8 (n, side, side), 0 or the number of the object seen there plus 1, a memory map.
        boxes: float32 (n, 24, 4), cx, cy, w, h of the visible parts, 0 to 1; rows behind the last are zeros.
        looks: int64 (n, 24, fields), see `looks.py`.
        asked: expressions of each scene.
    """

    pixels: np.ndarray
    ids: np.ndarray
    boxes: np.ndarray
    looks: np.ndarray
    asked: tuple[tuple[Asked, ...], ...]


@dataclass(frozen=True)
class Shard:
    """A numbered part of a recipe's scenes. `folder` holds the shards of one seed.

    `are_twins`: every second scene is the one before it with a newcomer, asked about in the same words.
    """

    folder: Path
    recipe: str
    number: int
    size: int
    seed: int
    side: int = STORED_PX
    phrases: int = PHRASES
    are_twins: bool = False

    @property
    def stem(self) -> Path:
        """Path of its files, without their endings."""
        kind = f"{self.recipe}-twins" if self.are_twins else self.recipe
        return self.folder / f"{kind}-{self.size}x{self.side}-{self.number:03d}"

    @property
    def is_there(self) -> bool:
        """Whether it is drawn; the file of things is written last."""
        return self.stem.with_suffix(".things.npz").is_file()

    def make(self) -> None:
        """Draw it, unless it is there."""
        from pipelines.grounding.looks import FIELDS, NO_VALUE, looks_of

        if self.is_there:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((self.size, self.side, self.side, 3), np.uint8)
        ids = np.zeros((self.size, self.side, self.side), np.uint8)
        boxes, asked = np.zeros((self.size, MOST_OBJECTS, 4), np.float32), []
        looks = np.full((self.size, MOST_OBJECTS, len(FIELDS)), NO_VALUE)
        for i, one in enumerate(self._drawn()):
            pixels[i], ids[i] = resized(one.pixels, one.ids, self.side)
            boxes[i, : len(one.boxes_xyxy)] = shares(one.boxes_xyxy, one.ids.shape[1], one.ids.shape[0])
            looks[i, : len(one.things)] = looks_of(one.things)
            asked.append([(p.text, p.kind, list(p.targets), list(p.anchors)) for p in one.phrases])
        np.save(self.stem.with_suffix(".pixels.npy"), pixels)
        np.save(self.stem.with_suffix(".ids.npy"), ids)
        self.stem.with_suffix(".json").write_text(json.dumps(asked))
        np.savez(self.stem.with_suffix(".partial.npz"), boxes=boxes, looks=looks)
        self.stem.with_suffix(".partial.npz").replace(self.stem.with_suffix(".things.npz"))

    def _drawn(self) -> Iterator[Sample]:
        from pipelines.grounding.synthetic.newcomer import twin_scenes
        from pipelines.grounding.synthetic.world import sample

        for i in range(0, self.size, 2 if self.are_twins else 1):
            seed = (self.seed, self.number, i)
            if self.are_twins:
                yield from twin_scenes(seed, self.recipe, self.phrases)
            else:
                yield sample(seed, self.recipe, self.phrases)

    def wait(self) -> Scenes:
        """The scenes, once they are made. Raises UserError when they do not come."""
        wait_for(self)
        return _opened(self.stem)


@lru_cache(maxsize=512)
def _opened(stem: Path) -> Scenes:
    asked = tuple(
        tuple(Asked(text, kind, tuple(targets), tuple(anchors)) for text, kind, targets, anchors in scene)
        for scene in json.loads(stem.with_suffix(".json").read_text())
    )
    with np.load(stem.with_suffix(".things.npz")) as table:
        boxes, looks = table["boxes"], table["looks"]
    pixels = np.load(stem.with_suffix(".pixels.npy"), mmap_mode="r")
    return Scenes(pixels, np.load(stem.with_suffix(".ids.npy"), mmap_mode="r"), boxes, looks, asked)


def resized(pixels: np.ndarray, ids: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Picture and instance map at another side: by area, and by nearest."""
    import cv2

    if pixels.shape[0] == side:
        return pixels, ids
    return (
        cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA),
        cv2.resize(ids, (side, side), interpolation=cv2.INTER_NEAREST),
    )


def shares(boxes_xyxy: np.ndarray, width: int, height: int) -> np.ndarray:
    """Boxes in pixels to cx, cy, w, h in shares of the picture."""
    boxes = np.asarray(boxes_xyxy, np.float32) / (width, height, width, height)
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1)
