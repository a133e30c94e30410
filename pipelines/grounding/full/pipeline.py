"""FullGroundingPipeline: the call of `GroundingPipeline`, answered by published networks.

A network offers candidates for the phrases of an expression, the expression's places, orders and relations rank them
(`rerank.py`), and SAM makes masks of the best boxes where the network makes none. The networks are in memory one after
the other, as everywhere in the full tier.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pipelines.grounding.full.answers import FullRaw, shortlist
from pipelines.grounding.full.described import described
from pipelines.grounding.full.expression import Expression, parse
from pipelines.grounding.full.families import SAM2_TINY, Grounder, Segmenter
from pipelines.grounding.full.generated import CERTAIN
from pipelines.grounding.full.offers import Offer
from pipelines.grounding.full.rerank import rankings
from pipelines.grounding.full.segmenting import mask_logits
from pipelines.grounding.pipeline import checked
from pipelines.grounding.results import GroundingResult
from pipelines.grounding.thresholds import Thresholds
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_to_dict
from pipelines.shared.errors import UserError
from pipelines.shared.full_tier import folder_of
from pipelines.shared.images import OpenedImage, to_bytes
from pipelines.shared.run_info import RunInfo

if TYPE_CHECKING:
    from pipelines.shared.cache import Lease, ModelCache
    from pipelines.shared.family import ModelFamily

COVERED = 0.25  # share of its box from which on an expression's mask is a candidate's


@dataclass(frozen=True)
class FullGroundingPipeline:
    """Callable: a picture, phrases, thresholds and a merge recipe give a result.

    Attributes:
        segmenter: makes the masks; where its weights are not on this machine, masks are the boxes, and it is said.
    """

    cache: ModelCache
    family: ModelFamily
    segmenter: ModelFamily = SAM2_TINY

    def __call__(
        self,
        image: OpenedImage,
        phrases: Sequence[str],
        options: Thresholds | None = None,
        recipe: MergeRecipe | None = None,
    ) -> GroundingResult:
        """Find what each phrase refers to.

        Raises:
            UserError: no phrase, an empty one, or too many; or the checkpoint is not on this machine.
        """
        asked = checked(phrases)
        raws, run = self.raws(image, asked, recipe)
        return self.described(image, asked, raws, options or Thresholds(), run)

    def raws(
        self, image: OpenedImage, phrases: Sequence[str], recipe: MergeRecipe | None = None
    ) -> tuple[list[FullRaw], RunInfo]:
        """What the mix says about each phrase before any threshold; `described` makes results of it."""
        asked = checked(phrases)
        began = time.perf_counter()
        picture = to_bytes(image.pixels)
        expressions = [parse(phrase) for phrase in asked]
        folder = folder_of(self.family.base)
        with self.cache.lease(self.family, recipe or self.family.default) as lease:
            pairs = zip(expressions, asked, strict=True)
            offers = [self._offer(lease, folder, picture, expression, text) for expression, text in pairs]
            run = self._run_info(lease)
        raws = [self._ranked(expression, offer, picture) for expression, offer in zip(expressions, offers, strict=True)]
        raws = self._segmented(raws, picture)
        seconds = time.perf_counter() - began
        told = dict(run.seconds)
        infer = max(seconds - told["load"] - told["merge"], 0.0)
        return raws, replace(run, seconds=told | {"infer": infer, "total": seconds})

    def described(
        self,
        image: OpenedImage,
        phrases: Sequence[str],
        raws: Sequence[FullRaw],
        thresholds: Thresholds,
        run: RunInfo,
    ) -> GroundingResult:
        """The result of raw answers under thresholds; no network runs, so a moved threshold costs little."""
        return described(image, phrases, raws, thresholds, run)

    @property
    def can_name(self) -> bool:
        """Whether the network writes, so that it can say what a region shows."""
        return self._build.way == "generated"

    def caption(self, image: OpenedImage, box_xyxy: Sequence[float]) -> str:
        """What a region shows, in the words of a network that writes; box in pixels. May be empty."""
        from pipelines.grounding.full import generated

        height, width = image.pixels.shape[:2]
        box = np.asarray(box_xyxy) / (width, height, width, height)
        with self.cache.lease(self.family, self.family.default) as lease:
            return generated.caption(lease.model, folder_of(self.family.base), to_bytes(image.pixels), box)

    @property
    def _build(self) -> Grounder:
        assert isinstance(self.family.build, Grounder)
        return self.family.build

    def _offer(self, lease: Lease, folder, picture: np.ndarray, expression: Expression, text: str) -> Offer:
        if self._build.way == "generated":
            from pipelines.grounding.full import generated

            return generated.offer(lease.model, folder, picture, expression, text)
        if self._build.way == "concepts":
            from pipelines.grounding.full import concepts

            return concepts.offer(lease.model, folder, picture, expression)
        from pipelines.grounding.full import phrase_detector

        return phrase_detector.offer(lease.model, folder, picture, expression)

    def _ranked(self, expression: Expression, offer: Offer, picture: np.ndarray) -> FullRaw:
        found = rankings(expression, offer.candidates)
        short = shortlist(found)
        masks = None if offer.masks is None else offer.masks[list(short)]
        if offer.whole is not None and short:
            masks = np.stack([cut_to_box(offer.whole, offer.candidates.boxes[i]) for i in short])
        is_scored = self._build.way != "generated"
        return FullRaw(expression, offer.candidates, found, short, masks, self._build.usual, is_scored)

    def _segmented(self, raws: list[FullRaw], picture: np.ndarray) -> list[FullRaw]:
        """With masks of all candidates, where the segmenter's weights are at hand."""
        bare = [k for k, raw in enumerate(raws) if raw.maskless]
        if not bare:
            return raws
        assert isinstance(self.segmenter.build, Segmenter)
        try:
            folder_of(self.segmenter.base)
        except UserError:
            return raws
        boxes = [raws[k].candidates.boxes[[raws[k].shortlist[place] for place in raws[k].maskless]] for k in bare]
        with self.cache.lease(self.segmenter) as lease:
            logits = mask_logits(lease.model, self.segmenter.build, picture, np.concatenate(boxes))
        parts = np.split(logits, np.cumsum([len(some) for some in boxes])[:-1])
        made = dict(zip(bare, parts, strict=True))
        return [_with_masks(raw, made[k]) if k in made else raw for k, raw in enumerate(raws)]

    def _run_info(self, lease: Lease) -> RunInfo:
        return RunInfo(
            family=self.family.name,
            tier=self.family.tier,
            recipe=recipe_to_dict(lease.recipe),
            recipe_hash=lease.recipe_hash,
            weights_version=lease.weights_version,
            device=self.cache.device,
            seconds={"load": lease.load_s, "merge": lease.merge_s},
            is_cached=lease.is_hit,
            bytes_moved=lease.bytes_moved,
        )


def _with_masks(raw: FullRaw, made: np.ndarray) -> FullRaw:
    """With masks (n, h, w) for the candidates that have none."""
    masks = np.empty((len(raw.shortlist), *made.shape[1:]), made.dtype) if raw.masks is None else raw.masks.copy()
    masks[list(raw.maskless)] = made
    return replace(raw, masks=masks)


def cut_to_box(whole: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The part of an expression's mask, logits (h, w), that lies in the box of a candidate, x0, y0, x1, y1 in shares;
    NaN where that is too little of the box to be the candidate's own."""
    height, width = whole.shape
    x0, y0, x1, y1 = np.round(box * (width, height, width, height)).astype(int)
    inside = slice(y0, max(y1, y0 + 1)), slice(x0, max(x1, x0 + 1))
    if not whole[inside].size or (whole[inside] > 0).mean() < COVERED:
        return np.full_like(whole, np.nan)
    cut = np.full_like(whole, -CERTAIN)
    cut[inside] = whole[inside]
    return cut
