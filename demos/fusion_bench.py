"""What the fusion tab computes, without a widget: jobs, and a bench that keeps the last frames and results."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.fusion.options import FusionOptions
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.fusion.inputs import FrameSet
    from pipelines.fusion.pipeline import FusionPipeline, FusionResult
    from pipelines.shared.cache import ModelCache

PREVIEW_PIXELS = 80_000
MOST_BYTES = 400_000_000  # of kept frames and results, together about the size of ten large pictures


@dataclass(frozen=True)
class Job:
    """One fusion a visitor asks for: everything that decides its picture.

    `paths` are files the page has received, in the order of the task; `fit` is for frames of unlike shape.
    """

    paths: tuple[str, ...]
    options: FusionOptions
    recipe: MergeRecipe
    is_aligned: bool = False
    fit: str = "ask"

    @property
    def key(self) -> str:
        """Equal for equal jobs. Engines other than the network do not depend on the recipe."""
        mix = self.recipe if self.options.engine == "net" else None
        return hashlib.sha256(repr((self.paths, self.options, mix, self.is_aligned, self.fit)).encode()).hexdigest()

    def preview(self) -> Job:
        """The same at the resolution of a drag."""
        return replace(self, options=replace(self.options, max_pixels=PREVIEW_PIXELS))

    def by_engine(self, engine: str) -> Job:
        """The same frames fused another way, with nothing adjusted."""
        return replace(self, options=FusionOptions(task=self.options.task, engine=engine))


class Shelf:
    """The values used last, up to a number of bytes. Safe to use from several threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._held = most_bytes, 0
        self._items: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Any:
        """The value, or None."""
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key][0]

    def put(self, key: str, value: Any, size_bytes: int) -> None:
        """Keep a value; the oldest go while there is too much."""
        with self._lock:
            self._held -= self._items.pop(key, (None, 0))[1]
            self._items[key] = (value, size_bytes)
            self._held += size_bytes
            while self._held > self._most and len(self._items) > 1:
                self._held -= self._items.popitem(last=False)[1][1]


class FusionBench:
    """Runs jobs; frames that were read and results that were made lately are not made again."""

    def __init__(self, cache: ModelCache, make_pipeline: Callable[[], FusionPipeline] | None = None) -> None:
        self.cache = cache
        self._make_pipeline = make_pipeline or self._real_pipeline
        self._pipeline: FusionPipeline | None = None
        self._shelf = Shelf(MOST_BYTES)

    def _real_pipeline(self) -> FusionPipeline:
        from pipelines.fusion.pipeline import FusionPipeline

        return FusionPipeline(self.cache)

    @property
    def pipeline(self) -> FusionPipeline:
        """Made when first used: it needs no weights, but its modules take a while to import."""
        self._pipeline = self._pipeline or self._make_pipeline()
        return self._pipeline

    def frames(self, job: Job) -> FrameSet:
        """The frames of a job, read, checked, ordered and, if asked, aligned. Raises UserError as the readers do."""
        key = repr(("frames", job.paths, job.options.task, job.is_aligned, job.fit))
        frames = self._shelf.get(key)
        if frames is None:
            frames = self._read(job)
            self._shelf.put(key, frames, frames.images.nbytes)
        return frames  # type: ignore[no-any-return]

    def _read(self, job: Job) -> FrameSet:
        from pipelines.fusion.inputs import load_frames

        if not job.paths:
            raise UserError("There is no frame yet: upload at least two, or choose an example.", "Nothing to fuse")
        frames = load_frames(job.paths, job.options.task, fit=job.fit)
        if not job.is_aligned:
            return frames
        from pipelines.fusion.align import align

        return align(frames, job.options.task)[0]

    def result(self, job: Job) -> tuple[FusionResult, bool]:
        """The result of a job, and whether it was made before."""
        kept = self._shelf.get(job.key)
        if kept is not None:
            return kept, True
        result = self.pipeline(self.frames(job), job.options, job.recipe)
        self._shelf.put(job.key, result, result.fused.nbytes + result.weights.nbytes)
        return result, False

    def beside(self, job: Job, view: str, other: MergeRecipe, base: MergeRecipe) -> np.ndarray:
        """The picture to compare with, (H, W, 3) uint8: "frame 1", a name of ENGINES, "other" slot or "base"."""
        if view.startswith("frame "):
            images = self.frames(job).images
            return to_bytes(images[min(int(view.removeprefix("frame ")) - 1, len(images) - 1)])
        if view in ("other", "base"):
            mixed = replace(job, options=replace(job.options, engine="net"), recipe=other if view == "other" else base)
            return self.result(mixed)[0].fused
        return self.result(job.by_engine(view))[0].fused


def to_bytes(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 0..1 as uint8."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
