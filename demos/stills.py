"""Pictures on the page as files: encoded once, found again by their content. Lossless, except while a fader is held."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

FASTEST = 1  # zlib level: a third of the time of the usual 6 for a file a sixth larger
SKETCH_QUALITY = 90


@dataclass(frozen=True)
class Sketch:
    """A picture that will be replaced at once: (H, W, 3) uint8, sent as JPEG."""

    pixels: np.ndarray


def still(image: Any, folder: str) -> Any:
    """Path of the file of an array or a sketch below `folder`; anything else is given back."""
    if isinstance(image, Sketch):
        return _file(image.pixels, Path(folder), "jpeg", quality=SKETCH_QUALITY)
    if isinstance(image, np.ndarray):
        return _file(image, Path(folder), "png", compress_level=FASTEST)
    return image


def _file(pixels: np.ndarray, folder: Path, kind: str, **how: Any) -> str:
    mark = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=20, key=repr((kind, pixels.shape)).encode())
    path = folder / mark.hexdigest() / f"image.{kind}"
    if path.is_file():
        path.touch()  # old files are deleted by age
        return str(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"part-{threading.get_ident()}")
    Image.fromarray(pixels).save(part, kind, **how)
    part.replace(path)  # in one step: another visitor may want the same picture at this moment
    return str(path)


class StillSlider(gr.ImageSlider):
    """Two pictures with a handle between them."""

    def get_block_name(self) -> str:
        """Rendered by the stock component; a subclass is otherwise looked up as a custom one."""
        return "imageslider"

    def postprocess(self, value: Any) -> Any:
        """Pairs of arrays, sketches or paths."""
        return super().postprocess(None if value is None else tuple(still(one, self.GRADIO_CACHE) for one in value))


class StillImage(gr.Image):
    """One picture."""

    def get_block_name(self) -> str:
        """As above."""
        return "image"

    def postprocess(self, value: Any) -> Any:
        """An array, a sketch or a path."""
        return super().postprocess(still(value, self.GRADIO_CACHE))


class StillGallery(gr.Gallery):
    """Several pictures with their captions."""

    def get_block_name(self) -> str:
        """As above."""
        return "gallery"

    def postprocess(self, value: Any) -> Any:
        """Pairs of a picture and its caption."""
        return super().postprocess(None if value is None else [(still(one, self.GRADIO_CACHE), name)
                                                               for one, name in value])  # fmt: skip


class OriginalImage(gr.Image):
    """A picture from a visitor, as the file it came as: it is opened, and refused, by the readers of the pipelines."""

    def get_block_name(self) -> str:
        """As above."""
        return "image"

    def preprocess(self, payload: Any) -> str | None:
        """The path of the uploaded file."""
        return None if payload is None else payload.path
