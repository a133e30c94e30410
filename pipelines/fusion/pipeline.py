"""FusionPipeline: frames of one scene in, one picture out, by the mixed network, by tables or by a classical method."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.fusion.options import TASKS, FusionOptions
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_hash, recipe_to_dict
from pipelines.shared.errors import UserError
from pipelines.shared.images import to_bytes
from pipelines.shared.run_info import RunInfo

if TYPE_CHECKING:
    from pipelines.fusion.inputs import FrameSet
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily
    from pipelines.shared.notice import Notice

GHOST_PX = 2_000_000  # what moving things are looked for on
LARGE_PX = 4_000_000  # from which baselines work in tiles
MERTENS_PX = 20_000_000  # of all frames: OpenCV keeps a pyramid of each
Steady = Callable[[np.ndarray], np.ndarray]  # weights of one frame of a clip -> weights that flicker less


@dataclass(frozen=True)
class FusionResult:
    """One fused picture and what went into it.

    Attributes:
        fused: (H, W, 3) uint8 RGB.
        weights: (K, h, w) float32, 0 to 1, sums to 1 over frames; h, w may be smaller than the picture.
        labels: (h, w) uint8 class per pixel (infrared-visible by the network), else None.
        tables: (K, 256) of the table engine, else None.
        alpha: (H, W) float32, 0 to 1, where a frame was transparent, else None.
    """

    fused: np.ndarray
    weights: np.ndarray
    run: RunInfo
    labels: np.ndarray | None = None
    tables: np.ndarray | None = None
    notices: tuple[Notice, ...] = ()
    alpha: np.ndarray | None = None

    @property
    def picture(self) -> np.ndarray:
        """What is stored: (H, W, 3) uint8, or (H, W, 4) where a frame was transparent."""
        if self.alpha is None:
            return self.fused
        return np.dstack([self.fused, to_bytes(self.alpha)])


@dataclass
class _Draft:
    """What an engine hands back before colour and finish. `luma` (H, W) float32, not clipped."""

    luma: np.ndarray
    weights: np.ndarray
    labels: np.ndarray | None = None
    tables: np.ndarray | None = None
    colour: np.ndarray | None = None  # (H, W, 3) of engines that fuse colour themselves
    about: Mapping[str, Any] = field(default_factory=dict)


class FusionPipeline:
    """Callable: frames, options and a merge recipe give a FusionResult. Holds no state of any visitor."""

    def __init__(self, cache: ModelCache, family: ModelFamily | None = None) -> None:
        from pipelines.registry import family as family_named

        self.cache = cache
        self.family = family or family_named("fusenet")

    def __call__(
        self, frames: FrameSet, options: FusionOptions | None = None, recipe: MergeRecipe | None = None,
        steady: Steady | None = None,
    ) -> FusionResult:  # fmt: skip
        """Fuse.

        Args:
            frames: as `prepare_frames` gives them, in the order of the task.
            recipe: which mix of the family runs (engine "net"); None is the family's default.
            steady: called with the weights of the network or the tables; what it gives back is used instead.

        Raises:
            UserError: a frame count or a setting that does not fit the task.
        """
        options = options or FusionOptions()
        _check_count(len(frames.images), options)
        recipe = recipe or self.family.default
        from pipelines.fusion.finish import finished
        from pipelines.fusion.polarity import oriented

        began = time.perf_counter()
        images, guesses = oriented(frames.images, options)
        draft = self._drafted(images, options, recipe, steady)
        fused = finished(draft.luma, images, options, draft.colour, draft.weights)
        seconds = dict(draft.about.get("seconds", {})) | {"total": time.perf_counter() - began}
        run = self._run_info(draft, options, recipe, seconds)
        told = (*frames.notices, *guesses)
        return FusionResult(fused, draft.weights, run, draft.labels, draft.tables, told, frames.alpha)

    def labels_alone(self, frames: FrameSet, options: FusionOptions, recipe: MergeRecipe) -> dict[str, np.ndarray]:
        """Labels of the thermal and of the visible frame alone, of the size of the result's labels."""
        from pipelines.fusion.compose import reduced
        from pipelines.fusion.labels import labels_alone
        from pipelines.fusion.polarity import oriented

        small = reduced(_luma(oriented(frames.images, options)[0]), options.max_pixels)
        with self.cache.lease(self.family, recipe) as lease:
            return labels_alone(lease.model, small)

    def _drafted(
        self, images: np.ndarray, options: FusionOptions, recipe: MergeRecipe, steady: Steady | None
    ) -> _Draft:
        """By the engine, from the frames that have something to say; a single one is the result itself."""
        from pipelines.fusion.content import informative, options_for, spread_out

        kept = informative(images)
        if len(kept) == 1:
            return _alone(images, kept[0])
        if len(kept) == len(images):
            return self._engine(images, options, recipe, steady)
        draft = self._engine(images[kept], options_for(options, kept), recipe, steady)
        draft.weights = spread_out(draft.weights, kept, len(images))
        return draft

    def _engine(self, images: np.ndarray, options: FusionOptions, recipe: MergeRecipe, steady: Steady | None) -> _Draft:
        if options.engine == "net":
            return self._by_network(images, options, recipe, steady)
        if options.engine == "lut":
            return _by_tables(images, options, self.cache, steady)
        return _by_baseline(images, options)

    def _by_network(
        self, images: np.ndarray, options: FusionOptions, recipe: MergeRecipe, steady: Steady | None
    ) -> _Draft:
        from pipelines.fusion.compose import composed, reduced
        from pipelines.fusion.content import find_ghosts

        luma = _luma(images)
        small = reduced(luma, options.max_pixels)
        ghosts = find_ghosts(small) if options.deghost and options.task == "mef" else None
        with self.cache.lease(self.family, recipe) as lease:
            began = time.perf_counter()
            weights, residual, labels = run_network(lease.model, ghosts.cleaned if ghosts else small, options.task)
            seconds = {"load": lease.load_s, "merge": lease.merge_s, "infer": time.perf_counter() - began}
            about = {
                "seconds": seconds,
                "weights_version": lease.weights_version,
                "is_cached": lease.is_hit,
                "bytes_moved": lease.bytes_moved,
            }
        weights = _adjusted(weights, options, ghosts.trust if ghosts else None)
        weights = steady(weights) if steady else weights
        fused = composed(luma, small, weights, residual * options.residual)
        return _Draft(fused, weights, labels, about=about)

    def _run_info(
        self, draft: _Draft, options: FusionOptions, recipe: MergeRecipe, seconds: Mapping[str, float]
    ) -> RunInfo:
        is_net = options.engine == "net"
        return RunInfo(
            family=self.family.name if is_net else {"lut": "meflut"}.get(options.engine, options.engine),
            tier=self.family.tier if is_net else "embedded",
            recipe=recipe_to_dict(recipe),
            recipe_hash=recipe_hash(recipe),
            weights_version=draft.about.get("weights_version", 0),
            device=self.cache.device if is_net else "cpu",
            seconds=seconds,
            is_cached=draft.about.get("is_cached", False),
            bytes_moved=draft.about.get("bytes_moved", 0),
        )


def _check_count(count: int, options: FusionOptions) -> None:
    task = TASKS[options.task]
    if not task.fewest_frames <= count <= task.most_frames:
        upper = f" to {task.most_frames}" if task.most_frames > 2 else ""
        raise UserError(f"{task.title} fuses {task.fewest_frames}{upper} frames; {count} came.")
    if len(options.gains) > count:
        raise UserError(f"{len(options.gains)} gains for {count} frames; give one EV per frame or none.")


def run_network(model: Any, luma: np.ndarray, task: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """A network on a stack of luma planes (K, H, W), at their size.

    Returns:
        weights (K, H, W); residual (H, W), zeros of a task that adds no detail; labels (H, W) uint8, or None of a task
        that has none.
    """
    import torch

    from pipelines.fusion.labels import to_labels

    roles = torch.tensor(TASKS[task].roles or (-1,) * len(luma))
    with torch.inference_mode():
        device = next(model.parameters()).device
        pixels = torch.from_numpy(np.ascontiguousarray(luma, np.float32))[None].to(device)
        output = model(pixels, roles.to(device), with_segmentation=task == "ivis")
        labels = None if output.logits is None else to_labels(output.logits, luma.shape[1:])
        residual = output.residual if TASKS[task].adds_detail else torch.zeros_like(output.residual)
        return output.weights[0].float().cpu().numpy(), residual[0].float().cpu().numpy(), labels


def _adjusted(weights: np.ndarray, options: FusionOptions, trust: np.ndarray | None) -> np.ndarray:
    """Weights after the gains per frame and the ghost rejection, summing to 1 again."""
    if options.gains:
        gains = np.zeros(len(weights), np.float32)
        gains[: len(options.gains)] = options.gains
        weights = weights * np.exp2(gains)[:, None, None]
    if trust is not None:
        weights = weights * trust
    return (weights / np.maximum(weights.sum(0), 1e-8)).astype(np.float32)


def _alone(images: np.ndarray, kept: int) -> _Draft:
    """The one frame that says something, as it is."""
    weights = np.zeros((len(images), 1, 1), np.float32)
    weights[kept] = 1
    return _Draft(_luma(images[kept][None])[0], weights, colour=images[kept])


def _by_tables(images: np.ndarray, options: FusionOptions, cache: ModelCache, steady: Steady | None = None) -> _Draft:
    from pipelines.fusion.bands import blend_colour, normalised
    from pipelines.fusion.compose import reduced
    from pipelines.fusion.content import find_ghosts
    from pipelines.fusion.finish import enlarged
    from pipelines.fusion.meflut import load_tables, with_points
    from pipelines.fusion.operators import fuse_with_tables

    tables = np.asarray(options.tables, np.float32)
    if not options.tables:
        tables = load_tables(cache.assets, len(images), options.table_kind)
    if tables.shape != (len(images), 256):
        raise UserError(f"Tables of {tables.shape} for {len(images)} frames; expected ({len(images)}, 256).")
    tables = with_points(tables, options.table_points) if options.table_points else tables
    began = time.perf_counter()
    trust = find_ghosts(reduced(_luma(images), GHOST_PX)).trust if options.deghost else None
    fusion = fuse_with_tables(images, tables, options.operator, _gains(options, len(images)), trust)
    fused, weights = fusion.fused, fusion.weights
    if steady:  # whatever the operator: the blend by bands is the one that takes weights of any make
        weights = steady(weights)
        fused = blend_colour(images, normalised(enlarged(weights, images.shape[1:3])))
    about = {"seconds": {"infer": time.perf_counter() - began}}
    return _Draft(_luma(fused[None])[0], weights, tables=tables, colour=fused, about=about)


def _gains(options: FusionOptions, count: int) -> Sequence[float] | None:
    """One per frame: those that are not stated are 0."""
    return (*options.gains, *(0.0,) * (count - len(options.gains))) if options.gains else None


def _by_baseline(images: np.ndarray, options: FusionOptions) -> _Draft:
    from pipelines.fusion.baselines import BASELINES
    from pipelines.fusion.finish import in_tiles

    began = time.perf_counter()
    fuse, pixels = BASELINES[options.engine], images[0, ..., 0].size
    if options.engine == "mertens" and pixels * len(images) > MERTENS_PX:
        raise UserError(
            f"Mertens takes {MERTENS_PX / 1e6:.0f} megapixels in all frames together; these have "
            f"{pixels * len(images) / 1e6:.0f}. Choose another engine, or make them smaller.",
            title="Image too large",
        )
    colour = in_tiles(fuse, images) if pixels > LARGE_PX and options.engine != "mertens" else fuse(images)
    equal = np.full((len(images), 1, 1), 1 / len(images), np.float32)
    about = {"seconds": {"infer": time.perf_counter() - began}}
    return _Draft(_luma(colour[None])[0], equal, colour=None if TASKS[options.task].roles else colour, about=about)


def _luma(images: np.ndarray) -> np.ndarray:
    from pipelines.fusion.operators import luma

    return luma(images)
