"""GroundingPipeline: a picture and phrases in, objects with boxes and masks out.

Each picture is seen twice, as it is and mirrored (both_ways.py), whatever the number of phrases.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pipelines.grounding.decode import Raw, Thresholds, found_in
from pipelines.grounding.full.expression import most_meant
from pipelines.grounding.letterbox import Letterbox
from pipelines.grounding.results import GroundedObject, GroundingResult, PhraseResult, check_masks, disagreement
from pipelines.grounding.tokenizer import TOKENS, WORD, every_word, split, unknown
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_hash, recipe_to_dict
from pipelines.shared.errors import UserError
from pipelines.shared.images import OpenedImage, to_bytes
from pipelines.shared.notice import Notice, info, warning
from pipelines.shared.run_info import RunInfo

if TYPE_CHECKING:
    import numpy as np

    from pipelines.shared.cache import Lease, ModelCache
    from pipelines.shared.family import ModelFamily

MOST_PHRASES = 32
KNOWN = "English words for colours, shapes, places and relations are."
MAP_PIXELS = 1_000_000  # of a map that is looked at, not measured


class GroundingPipeline:
    """Callable: a picture, phrases, thresholds and a merge recipe give a result. Keeps nothing of a visitor."""

    def __init__(self, cache: ModelCache, family: ModelFamily | None = None) -> None:
        from pipelines.registry import family as family_named

        self.cache = cache
        self.family = family or family_named("plvl")

    def __call__(
        self,
        image: OpenedImage,
        phrases: Sequence[str],
        options: Thresholds | None = None,
        recipe: MergeRecipe | None = None,
    ) -> GroundingResult:
        """Find what each phrase refers to.

        Args:
            image: as `open_image` gives it.
            recipe: which mix of the family looks; None is the family's default.

        Raises:
            UserError: there is no phrase, an empty one, or too many.
        """
        asked = checked(phrases)
        raws, run = self.raws(image, asked, recipe)
        return described(image, asked, raws, options or Thresholds(), run)

    def raws(
        self, image: OpenedImage, phrases: Sequence[str], recipe: MergeRecipe | None = None
    ) -> tuple[list[Raw], RunInfo]:
        """What the mix says about each phrase before any threshold; `described` makes results of it."""
        asked = checked(phrases)
        began = time.perf_counter()
        with self.cache.lease(self.family, recipe or self.family.default) as lease:
            raws = look(lease.model, image.pixels, asked)
        return raws, self._run_info(lease, time.perf_counter() - began)

    def described(
        self, image: OpenedImage, phrases: Sequence[str], raws: Sequence[Raw], thresholds: Thresholds, run: RunInfo
    ) -> GroundingResult:
        """`described`, so that the pipelines of both tiers can be used alike."""
        return described(image, phrases, raws, thresholds, run)

    def _run_info(self, lease: Lease, seconds: float) -> RunInfo:
        return RunInfo(
            family=self.family.name,
            tier=self.family.tier,
            recipe=recipe_to_dict(lease.recipe),
            recipe_hash=recipe_hash(lease.recipe),
            weights_version=lease.weights_version,
            device=self.cache.device,
            seconds={
                "load": lease.load_s,
                "merge": lease.merge_s,
                "infer": max(seconds - lease.load_s - lease.merge_s, 0.0),
                "total": seconds,
            },
            is_cached=lease.is_hit,
            bytes_moved=lease.bytes_moved,
        )


def checked(phrases: Sequence[str]) -> list[str]:
    """Phrases without blanks around them. Raises UserError where there is nothing to look for."""
    asked = [phrase.strip() for phrase in phrases]
    if not asked or any(not WORD.search(phrase) for phrase in asked):
        raise UserError("A phrase is empty: say what to look for, for example “the red mug”.", title="Nothing asked")
    if len(asked) > MOST_PHRASES:
        raise UserError(f"{len(asked)} phrases; at most {MOST_PHRASES} go through at once. Leave some out.")
    return asked


def look(network: Any, pixels: np.ndarray, phrases: Sequence[str]) -> list[Raw]:
    """What the network says about each phrase; pixels (H, W, 3) float32, 0 to 1."""
    import torch

    from pipelines.grounding.both_ways import asked_both_ways
    from pipelines.grounding.decode import raw_outputs

    height, width = pixels.shape[:2]
    eight = to_bytes(pixels)
    canvas = Letterbox.of(width, height, network.shape.side_px).place(eight)
    device = next(network.parameters()).device
    with torch.inference_mode():
        seen = torch.from_numpy(canvas).to(device).permute(2, 0, 1)[None].float() / 255
        owner = torch.zeros(len(phrases), dtype=torch.long, device=device)
        return raw_outputs(asked_both_ways(network, seen, phrases, owner))


def described(
    image: OpenedImage, phrases: Sequence[str], raws: Sequence[Raw], thresholds: Thresholds, run: RunInfo
) -> GroundingResult:
    """The result of raw answers under thresholds; no network runs, so a moved threshold costs little.

    Raises:
        UserError: so much was found that the masks would not fit into memory.
    """
    height, width = image.pixels.shape[:2]
    objects: list[GroundedObject] = []
    found: list[PhraseResult] = []
    for phrase, raw in zip(phrases, raws, strict=True):
        canvas = Letterbox.of(width, height, 4 * len(raw.mask))
        some = _objects(phrase, raw, canvas, thresholds, len(objects))
        objects += some
        ids = tuple(one.id for one in some)
        maps = canvas.map(raw.centre, MAP_PIXELS), canvas.map(raw.anchor, MAP_PIXELS)
        found.append(PhraseResult(phrase, raw.existence, ids, *maps, tuple(unknown(phrase)), raw))
    said = [info(text) for text in image.notices] + [warning(text) for text in image.warnings]
    said += [notice for one in found for notice in _notices(one, objects)]
    return GroundingResult((width, height), tuple(objects), tuple(found), run, asdict(thresholds), tuple(said))


def _objects(phrase: str, raw: Raw, canvas: Letterbox, thresholds: Thresholds, first: int) -> list[GroundedObject]:
    objects = []
    found = found_in(raw, _meant(phrase, canvas, thresholds))
    check_masks(first + len(found), (canvas.width, canvas.height))
    for number, one in enumerate(found, first + 1):
        box = canvas.box(one.box)
        centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        mask = canvas.map(one.mask) >= 0.5
        objects.append(GroundedObject(number, phrase, box, one.score, mask, centre, one.consistency, one.cell))
    return objects


def _meant(phrase: str, canvas: Letterbox, thresholds: Thresholds) -> Thresholds:
    """Thresholds for a phrase that may mean several things, and for boxes in shares of the canvas."""
    most = max(thresholds.most, most_meant(phrase))
    return replace(thresholds, most=most, least_area=thresholds.least_area * canvas.share)


def _notices(one: PhraseResult, objects: Sequence[GroundedObject]) -> list[Notice]:
    said = []
    if not one.targets:
        said.append(info(f"Nothing in the picture matches “{one.phrase}” (existence {one.existence:.2f})."))
    if one.unknown and len(one.unknown) == len(dict.fromkeys(split(one.phrase))):
        said.append(warning(f"Not a word of “{one.phrase[:40]}” is known: the answer is a guess. {KNOWN}"))
    elif one.unknown:
        owner = "its" if len(one.unknown) == 1 else "their"
        said.append(warning(f"No training said {', '.join(one.unknown)}: only {owner} letters are known."))
    if len(every_word(one.phrase)) >= TOKENS:
        said.append(warning(f"“{one.phrase[:40]}…” is long: its first {TOKENS - 1} words are read."))
    for number in one.targets:
        if objects[number - 1].consistency < 0.5:
            said.append(warning(disagreement(number)))
    return said
