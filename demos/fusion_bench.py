"""What the fusion tab computes, without a widget: jobs, and a bench that keeps the last frames and results."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from demos.pace import Pace
from demos.shelf import Shelf
from pipelines.fusion.options import FusionOptions
from pipelines.fusion.registration import UNMOVED, Placement, Registration
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError
from pipelines.shared.scoring import scores_so_far

if TYPE_CHECKING:
    from pipelines.fusion.align import Transform
    from pipelines.fusion.inputs import FrameSet
    from pipelines.fusion.pipeline import FusionPipeline, FusionResult
    from pipelines.shared.cache import ModelCache

Kept = TypeVar("Kept")
MOST_BYTES = 400_000_000  # of kept frames and results, together about the size of ten large pictures


@dataclass(frozen=True)
class Job:
    """One fusion a visitor asks for: everything that decides its picture.

    `paths` are files the page has received, in the order of the task; `placement` is where frames are moved before
    they are fused.
    """

    paths: tuple[str, ...]
    options: FusionOptions
    recipe: MergeRecipe
    placement: Placement = UNMOVED

    @property
    def key(self) -> str:
        """Equal for equal jobs. Engines other than the network do not depend on the recipe."""
        mix = self.recipe if self.options.engine == "net" else None
        return hashlib.sha256(repr((self.paths, self.options, mix, self.placement)).encode()).hexdigest()

    def preview(self, pixels: int) -> Job:
        """The same with the network at fewer pixels."""
        return replace(self, options=replace(self.options, max_pixels=pixels))

    def by_engine(self, engine: str) -> Job:
        """The same frames fused another way, with nothing adjusted."""
        return replace(self, options=replace(self.options.for_frames(), engine=engine))


class FusionBench:
    """Runs jobs; frames that were read and results that were made lately are not made again."""

    def __init__(self, cache: ModelCache, make_pipeline: Callable[[], FusionPipeline] | None = None) -> None:
        self.cache = cache
        self._make_pipeline = make_pipeline or self._real_pipeline
        self._pipeline: FusionPipeline | None = None
        self._shelf = Shelf(MOST_BYTES)
        self.pace = Pace()
        # One for what is committed, one for a preview beside it: each thread that runs a network keeps its buffers.
        self._runners = ThreadPoolExecutor(2, thread_name_prefix="fusion")

    def _real_pipeline(self) -> FusionPipeline:
        from pipelines.fusion.pipeline import FusionPipeline

        return FusionPipeline(self.cache)

    def forget(self) -> None:
        """Frames and results leave memory."""
        self._shelf.clear()

    @property
    def pipeline(self) -> FusionPipeline:
        """Made when first used: it needs no weights, but its modules take a while to import."""
        self._pipeline = self._pipeline or self._make_pipeline()
        return self._pipeline

    def frames(self, job: Job) -> FrameSet:
        """The frames of a job, read, checked, ordered and put in their places. Raises UserError as the readers do."""
        return self.registration(job).frames

    def registration(self, job: Job) -> Registration:
        """Those frames, and how they were moved."""
        from pipelines.fusion.registration import register

        def placed() -> Registration:
            found = self._found(job) if job.placement.is_aligned else ()
            return register(self._read(job), found, job.placement.moves)

        key = ("placed", job.paths, job.options.for_frames(), job.placement)
        return self._kept(key, placed, lambda registration: registration.frames.images.nbytes)

    def _read(self, job: Job) -> FrameSet:
        from pipelines.fusion.inputs import load_frames

        if not job.paths:
            raise UserError("There is no frame yet: upload at least two, or choose an example.", "Nothing to fuse")
        key = ("frames", job.paths, job.options.for_frames())
        return self._kept(key, lambda: load_frames(job.paths, job.options), lambda frames: frames.images.nbytes)

    def _found(self, job: Job) -> tuple[Transform, ...]:
        """What `align` finds; kept, so that a move by hand does not wait for it."""
        from pipelines.fusion.align import align

        key = ("found", job.paths, job.options.for_frames())
        return self._kept(key, lambda: align(self._read(job), job.options.task)[1], lambda _: 1000)

    def _kept(self, key: tuple[Any, ...], make: Callable[[], Kept], size_of: Callable[[Kept], int]) -> Kept:
        value: Kept | None = self._shelf.get(repr(key))
        if value is None:
            value = make()
            self._shelf.put(repr(key), value, size_of(value))
        return value

    def result(self, job: Job) -> tuple[FusionResult, bool]:
        """The result of a job, and whether it was made before."""
        kept = self._shelf.get(job.key)
        if kept is not None:
            return kept, True
        result = self._runners.submit(self.pipeline, self.frames(job), job.options, job.recipe).result()
        self._shelf.put(job.key, result, result.fused.nbytes + result.weights.nbytes)
        return result, False

    def labels_alone(self, job: Job) -> dict[str, np.ndarray]:
        """What is named in the thermal and in the visible frame alone, (h, w) uint8 each."""

        def named() -> dict[str, np.ndarray]:
            frames = self.frames(job)
            return self._runners.submit(self.pipeline.labels_alone, frames, job.options, job.recipe).result()

        return self._kept(("alone", job.key), named, lambda labels: sum(one.nbytes for one in labels.values()))

    def scores(self, recipe: MergeRecipe) -> Iterator[dict[str, float]]:
        """The mix on every task's probe scenes, a task at a time."""
        from pipelines.fusion.probe import MEASURES, score_model
        from pipelines.registry import family

        return scores_so_far(self.cache, family("fusenet"), recipe, tuple(MEASURES), score_model)

    def preview(self, job: Job) -> FusionResult:
        """The result at the resolution that the machine can follow a drag with."""
        pixels = self.pace.pixels
        result, is_kept = self.result(job.preview(pixels))
        seconds = result.run.seconds.get("infer")
        if seconds and not is_kept and job.options.engine == "net":
            self.pace.note(pixels, seconds)
        return result

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
