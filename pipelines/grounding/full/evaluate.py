"""Evaluation of published grounders on expressions about photographs, as the RefCOCO family has them.

Three answers to each expression: the detector's surest box, the re-ranked one, and, as what re-ranking could reach at
most, the best of the first five.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.grounding.any_grounder import open_grounder
from pipelines.grounding.full.answers import FullRaw
from pipelines.grounding.full.candidates import overlaps
from pipelines.grounding.full.described import picture_mask
from pipelines.grounding.full.refcoco import Referred, read_refcoco
from pipelines.grounding.metrics import box_scores, mask_scores, overlap
from pipelines.grounding.pipeline import MOST_PHRASES
from pipelines.grounding.thresholds import Thresholds
from pipelines.shared.errors import UserError
from pipelines.shared.images import open_image

if TYPE_CHECKING:
    from pipelines.grounding.any_grounder import Grounder
    from pipelines.merging.recipe import MergeRecipe
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily

FIRST = 5
MASK = Thresholds().mask


def evaluate(
    family: ModelFamily,
    cache: ModelCache,
    data: Path | None = None,
    recipe: MergeRecipe | None = None,
    limit: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Scores on each split of a folder of the RefCOCO family, but for its "train".

    Args:
        cache: lends the network.
        recipe: which mix is scored; None is the family's default.
        limit: objects per split.

    Returns:
        split -> {"n": expressions, "methods": {"detector" | "re-ranked" | "best of 5": {metric: number}}}.

    Raises:
        UserError: no folder is given, or `read_refcoco` cannot read it.
    """
    if data is None:
        raise UserError(
            f"{family.name} is scored on photographs, and none come with Mixdeck: give the folder of RefCOCO, RefCOCO+ "
            "or RefCOCOg with --data.", "No data",
        )  # fmt: skip
    grounder = open_grounder(cache, family)
    return {name: split_report(grounder, objects[:limit], recipe) for name, objects in read_refcoco(data).items()}


def split_report(grounder: Grounder, objects: Sequence[Referred], recipe: MergeRecipe | None) -> dict[str, Any]:
    """Scores on the objects of one split; every sentence counts."""
    ious: dict[str, list[float]] = {"detector": [], "re-ranked": [], f"best of {FIRST}": []}
    painted: list[tuple[int, int]] = []
    for path, some in groupby(objects, key=lambda one: one.picture):
        image = open_image(path)
        size_hw = image.pixels.shape[0], image.pixels.shape[1]
        asked = [(text, one) for one in some for text in one.expressions]
        for first in range(0, len(asked), MOST_PHRASES):
            few = asked[first : first + MOST_PHRASES]
            raws, _ = grounder.raws(image, [text for text, _ in few], recipe)
            for raw, (_, one) in zip(raws, few, strict=True):
                for found, value in zip(ious.values(), _ious(raw, one, size_hw), strict=True):
                    found.append(value)
                painted.append(_overlap(raw, one, size_hw))
    methods = {name: box_scores(np.array(found)) for name, found in ious.items()}
    methods["re-ranked"] |= mask_scores(np.array(painted))
    return {"n": len(painted), "methods": methods}


def _ious(raw: FullRaw, one: Referred, size_hw: tuple[int, int]) -> tuple[float, float, float]:
    """IoU with the true box of the detector's surest box, of the re-ranked one, and of the best of the first ones."""
    if not len(raw.candidates):
        return 0.0, 0.0, 0.0
    true = one.box_xyxy / (size_hw[::-1] * 2)
    found = overlaps(raw.candidates.boxes, true[None].astype(np.float32))[:, 0]
    sure = raw.candidates.probability(raw.expression.references[0].phrase)
    order = np.argsort(-sure, kind="stable")
    return float(found[order[0]]), float(found[raw.rankings[0].order[0]]), float(found[order[:FIRST]].max())


def _overlap(raw: FullRaw, one: Referred, size_hw: tuple[int, int]) -> tuple[int, int]:
    true = one.mask(size_hw)
    if not len(raw.candidates):
        return 0, int(true.sum())
    return overlap(picture_mask(raw, int(raw.rankings[0].order[0]), MASK, size_hw), true)
