"""What the fusion tab computes, without a widget: jobs, and a bench that keeps the last frames and results."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from demos.bench import Bench
from demos.pace import Pace
from demos.shelf import Shelf
from pipelines.fusion.options import FusionOptions
from pipelines.fusion.registration import UNMOVED, Placement, Registration
from pipelines.merging.recipe import MergeRecipe
from pipelines.registry import family
from pipelines.shared.errors import UserError
from pipelines.shared.images import resized, to_bytes
from pipelines.shared.scoring import scores_so_far

if TYPE_CHECKING:
    import numpy as np

    from pipelines.fusion.align import Transform
    from pipelines.fusion.inputs import FrameSet
    from pipelines.fusion.pipeline import FusionPipeline, FusionResult
    from pipelines.shared.cache import ModelCache


PREVIEWED = 200_000  # pixels of a preview by tables or a classical method


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
        """The same frames fused another way, with nothing adjusted; hot stays what it is."""
        options = replace(self.options.for_frames(), engine=engine, polarity=self.options.polarity)
        return replace(self, options=options)


class FusionBench(Bench["Job", "FusionResult", "FusionPipeline"]):
    """Runs jobs; frames that were read and results that were made lately are not made again."""

    most_bytes = 250_000_000  # of results: three of 24 megapixels
    most_frame_bytes = 400_000_000  # on a shelf of their own: a result that is put away must not cost a second reading

    def __init__(self, cache: ModelCache, make_pipeline: Callable[[], FusionPipeline] | None = None) -> None:
        super().__init__(cache, family("fusenet"), make_pipeline)
        self.pace = Pace()
        self._frame_shelf = Shelf(self.most_frame_bytes)

    def real_pipeline(self) -> FusionPipeline:
        """The fusion pipeline on this cache."""
        from pipelines.fusion.pipeline import FusionPipeline

        return FusionPipeline(self.cache)

    def make(self, job: Job) -> FusionResult:
        """The frames of a job, fused."""
        return self.run(self.pipeline, self.frames(job), job.options, job.recipe)

    def size_of(self, result: FusionResult) -> int:
        """Of the picture and its weights."""
        return result.fused.nbytes + result.weights.nbytes

    def frames(self, job: Job) -> FrameSet:
        """The frames of a job, read, checked, ordered and put in their places. Raises UserError as the readers do."""
        return self.registration(job).frames

    def registration(self, job: Job) -> Registration:
        """Those frames, and how they were moved; unmoved ones are those that were read, and kept once."""
        from pipelines.fusion.registration import register

        moves = job.placement.moves
        found = self._found(job) if job.placement.is_aligned else ()

        def placed() -> Registration:
            return register(self._read(job), found, moves)

        if not any(one.is_accepted for one in found) and all(one.is_identity for one in moves):
            return placed()
        key = ("placed", job.paths, job.options.for_frames(), job.placement)
        return self.kept(key, placed, lambda registration: registration.frames.images.nbytes, self._frame_shelf)

    def forget(self) -> None:
        """All that is kept leaves memory."""
        super().forget()
        self._frame_shelf.clear()

    def rival(self, job: Job, engine: str, frames: FrameSet) -> np.ndarray:
        """What another engine makes of frames of a job, (H, W, 3) uint8."""
        other = job.by_engine(engine)
        return self.run(self.pipeline, frames, other.options, other.recipe).fused

    def _read(self, job: Job) -> FrameSet:
        from pipelines.fusion.inputs import load_frames

        if not job.paths:
            raise UserError("There is no frame yet: upload at least two, or choose an example.", "Nothing to fuse")
        key = ("frames", job.paths, job.options.for_frames())
        return self.kept(
            key, lambda: load_frames(job.paths, job.options), lambda frames: frames.images.nbytes, self._frame_shelf
        )

    def _found(self, job: Job) -> tuple[Transform, ...]:
        """What `align` finds; kept, so that a move by hand does not wait for it."""
        from pipelines.fusion.align import align

        key = ("found", job.paths, job.options.for_frames())
        return self.kept(key, lambda: align(self._read(job), job.options.task)[1], lambda _: 1000)

    def labels_alone(self, job: Job) -> dict[str, np.ndarray]:
        """What is named in the thermal and in the visible frame alone, (h, w) uint8 each."""

        def named() -> dict[str, np.ndarray]:
            frames = self.frames(job)
            return self.run(self.pipeline.labels_alone, frames, job.options, job.recipe)

        return self.kept(("alone", job.key), named, lambda labels: sum(one.nbytes for one in labels.values()))

    def scores(self, recipe: MergeRecipe) -> Iterator[dict[str, float]]:
        """The mix on every task's probe scenes, a task at a time."""
        from pipelines.fusion.probe import MEASURES, score_model

        return scores_so_far(self.cache, self.family, recipe, tuple(MEASURES), score_model)

    def preview(self, job: Job) -> FusionResult:
        """The result at the resolution that the machine can follow a drag with."""
        if job.options.engine != "net":
            return self._of_small_frames(job)
        pixels = self.pace.pixels
        result, is_kept = self.result(job.preview(pixels))
        seconds = result.run.seconds.get("infer")
        if seconds and not is_kept:
            self.pace.note(pixels, seconds)
        return result

    def _of_small_frames(self, job: Job) -> FusionResult:
        """For engines that run at the frames' own size; of small frames it is the result itself, which stays."""
        from pipelines.fusion.measured import frames_at, size_within

        height, width = self.frames(job).images.shape[1:3]
        size_hw = size_within((height, width), PREVIEWED)
        if size_hw == (height, width):
            return self.result(job)[0]
        key = ("small", job.paths, job.options.for_frames(), job.placement)
        frames = self.kept(key, lambda: frames_at(self.frames(job), size_hw), lambda small: small.images.nbytes)
        result = self.run(self.pipeline, frames, job.options, job.recipe)
        return replace(result, fused=resized(result.fused, (height, width)))

    def beside(self, job: Job, view: str, other: MergeRecipe, base: MergeRecipe) -> np.ndarray:
        """The picture to compare with, (H, W, 3) uint8: "frame 1", a name of ENGINES, "other" slot or "base"."""
        if view.startswith("frame "):
            images = self.frames(job).images
            return to_bytes(images[min(int(view.removeprefix("frame ")) - 1, len(images) - 1)])
        if view in ("other", "base"):
            mixed = replace(job, options=replace(job.options, engine="net"), recipe=other if view == "other" else base)
            return self.result(mixed)[0].fused
        return self.result(job.by_engine(view))[0].fused
