"""Rendered word crops on disk, in shards: fitted pixels as a memory map, labels and boxes beside it.

Rendering costs about as much as a training step of the small network, so every crop is rendered once, by processes of
their own, and used several times, each time cut and lit anew (`augmentation.py`). A shard is made from (seed, recipe,
number) alone and appears whole or not at all, so that rendering can be interrupted, and training can begin with the
first shards while the last are being rendered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipelines.text_recognition.charset import MAX_LENGTH, encode
from pipelines.text_recognition.fit import HEIGHT_PX, WIDTH_PX, fit
from pipelines.text_recognition.views import turns_of
from pipelines.training.shards import wait_for

if TYPE_CHECKING:
    from pipelines.text_recognition.synthetic.render import WordCrop

CLOCKWISE = {"up": True, "down": False, "stacked": False}  # the way to turn a word that does not run level


@dataclass(frozen=True)
class Shard:
    """A numbered part of a recipe's crops. `folder` holds the shards of one seed."""

    folder: Path
    recipe: str
    number: int
    size: int
    seed: int

    @property
    def stem(self) -> Path:
        """Path of its two files, without their endings."""
        return self.folder / f"{self.recipe}-{self.size}-{self.number:03d}"

    @property
    def is_there(self) -> bool:
        """Whether it is rendered; the file of labels is written last."""
        return self.stem.with_suffix(".npz").is_file()

    def make(self) -> None:
        """Render it, unless it is there."""
        from pipelines.text_recognition.synthetic.recipes import RECIPES
        from pipelines.text_recognition.synthetic.render import render

        if self.is_there:
            return
        crops = (render((self.seed, self.number, i), RECIPES[self.recipe], held_out=False) for i in range(self.size))
        self.store(fitted(*as_read(crop)) for crop in crops)

    def store(self, crops) -> None:
        """Write (pixels, classes, boxes) of `size` crops, as `fitted` gives them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((self.size, HEIGHT_PX, WIDTH_PX, 3), np.uint8)
        words, boxes = np.zeros((self.size, MAX_LENGTH), np.uint8), np.zeros((self.size, MAX_LENGTH, 4), np.float16)
        lengths = np.zeros(self.size, np.uint8)
        for i, (image, classes, places) in enumerate(crops):
            lengths[i] = len(classes)
            pixels[i], words[i, : len(classes)], boxes[i, : len(classes)] = image, classes, places
        np.save(self.stem.with_suffix(".partial.npy"), pixels)
        self.stem.with_suffix(".partial.npy").replace(self.stem.with_suffix(".npy"))
        np.savez(self.stem.with_suffix(".partial.npz"), words=words, boxes=boxes, lengths=lengths)
        self.stem.with_suffix(".partial.npz").replace(self.stem.with_suffix(".npz"))

    def wait(self) -> Crops:
        """The crops, once they are rendered. Raises UserError when they do not come."""
        wait_for(self)
        return _opened(self.stem)


@dataclass(frozen=True)
class Crops:
    """Crops of one shard.

    Attributes:
        pixels: uint8, (n, 32, 128, 3), a memory map.
        words: classes, uint8 (n, 25), zeros behind the length.
        boxes: float16 (n, 25, 4), cx, cy, w, h in shares of the crop.
        lengths: characters, uint8 (n,).
    """

    pixels: np.ndarray
    words: np.ndarray
    boxes: np.ndarray
    lengths: np.ndarray


@lru_cache(maxsize=512)
def _opened(stem: Path) -> Crops:
    with np.load(stem.with_suffix(".npz")) as table:
        return Crops(np.load(stem.with_suffix(".npy"), mmap_mode="r"), **{name: table[name] for name in table.files})


def as_read(crop: WordCrop) -> tuple[np.ndarray, str, np.ndarray]:
    """Pixels, label and corners, tall crops turned to run level.

    A reader looks at those three ways (views.py) and keeps the surest; the other two teach nothing. Letters of a
    stacked word then lie on their backs.
    """
    from pipelines.text_recognition.synthetic.render import turned

    clockwise = CLOCKWISE.get(str(crop.meta["turn"]))
    if clockwise is None or len(turns_of(crop.pixels)) == 1:
        return crop.pixels, crop.label, crop.boxes
    pixels, corners = turned(crop.pixels, crop.boxes, upwards=not clockwise)
    return np.ascontiguousarray(pixels), crop.label, corners


def fitted(pixels: np.ndarray, label: str, corners: np.ndarray) -> tuple[np.ndarray, list[int], np.ndarray]:
    """A crop as the network sees it, its classes, and its characters' boxes (n, 4) as cx, cy, w, h, 0 to 1.

    Args:
        pixels: uint8 (H, W, 3).
        corners: of the characters, (n, 4, 2) pixels, x before y.
    """
    height, width = pixels.shape[:2]
    shares = np.clip(np.asarray(corners, np.float32) / (width, height), 0, 1)
    low, high = shares.min(1), shares.max(1)
    image = (fit(pixels).transpose(1, 2, 0) * 255).round().astype(np.uint8)
    return image, encode(label), np.concatenate([(low + high) / 2, high - low], 1)
