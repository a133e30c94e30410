"""From ranked candidates to objects, boxes and masks, under thresholds. No network runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from pipelines.grounding.decode import box_iou, tight_box
from pipelines.grounding.full.answers import FullRaw
from pipelines.grounding.full.candidates import overlaps
from pipelines.grounding.results import GroundedObject, GroundingResult, PhraseResult, check_masks
from pipelines.grounding.thresholds import MOST_OBJECTS, Thresholds
from pipelines.shared.notice import Notice, info, warning

if TYPE_CHECKING:
    from pipelines.grounding.full.rerank import Ranking
    from pipelines.shared.images import OpenedImage
    from pipelines.shared.run_info import RunInfo

AGREE = 0.7  # IoU of a box and its mask's box above which the mask's is taken
HEAT_SIDE = 64


def described(
    image: OpenedImage, phrases: Sequence[str], raws: Sequence[FullRaw], thresholds: Thresholds, run: RunInfo
) -> GroundingResult:
    """The result of raw answers under thresholds.

    Raises:
        UserError: so much was found that the masks would not fit into memory.
    """
    size_hw = image.pixels.shape[0], image.pixels.shape[1]
    objects: list[GroundedObject] = []
    found: list[PhraseResult] = []
    said = [info(text) for text in image.notices] + [warning(text) for text in image.warnings]
    for phrase, raw in zip(phrases, raws, strict=True):
        numbers = kept(raw, thresholds)
        check_masks(len(objects) + len(numbers), size_hw[::-1])
        ids = range(len(objects) + 1, len(objects) + 1 + len(numbers))
        objects += [_object(one, phrase, raw, number, thresholds, size_hw) for one, number in zip(ids, numbers)]  # noqa: B905
        maps = heat(raw, size_hw), anchor_heat(raw, size_hw)
        found.append(PhraseResult(phrase, raw.existence, tuple(ids), *maps, (), raw))  # type: ignore[arg-type]
        said += list(_notices(phrase, raw, numbers, thresholds))
    return GroundingResult(size_hw[::-1], tuple(objects), tuple(found), run, asdict(thresholds), tuple(said))


def kept(raw: FullRaw, thresholds: Thresholds) -> list[int]:
    """Numbers of the candidates that are answers, in the order of the references, best first."""
    numbers: list[int] = []
    for ranking in raw.rankings:
        if not _is_there(raw, ranking, thresholds):
            continue  # whatever else is meant
        sure = raw.sureness_of(ranking)
        best = ranking.scores.max(initial=0)
        more = [int(i) for i in ranking.order if ranking.scores[i] >= thresholds.centre * best]
        limit = thresholds.most if ranking.count == 1 else max(thresholds.most, ranking.count or MOST_OBJECTS)
        wanted = ranking.meant if ranking.count != 1 and thresholds.most == 1 else more
        some = [i for i in wanted if i in raw.shortlist and sure[i] >= thresholds.existence]
        numbers += _apart(raw, some, numbers, thresholds)[:limit]
    return numbers


def _is_there(raw: FullRaw, ranking: Ranking, thresholds: Thresholds) -> bool:
    """Whether what one reference means is in the picture."""
    return len(ranking.order) > 0 and bool(raw.sureness_of(ranking)[ranking.order[0]] >= thresholds.existence)


def _apart(raw: FullRaw, some: Sequence[int], taken: Sequence[int], thresholds: Thresholds) -> list[int]:
    """Those that are large enough and overlap no better one."""
    boxes = raw.candidates.boxes
    new: list[int] = []
    for i in some:
        others = [*taken, *new]
        is_new = not others or overlaps(boxes[i : i + 1], boxes[others]).max() <= thresholds.overlap
        if is_new and (boxes[i, 2:] - boxes[i, :2]).prod() >= thresholds.least_area:
            new.append(i)
    return new


def _object(
    identity: int, phrase: str, raw: FullRaw, number: int, thresholds: Thresholds, size_hw: tuple[int, int]
) -> GroundedObject:
    box = raw.candidates.boxes[number].astype(float)
    mask = picture_mask(raw, number, thresholds.mask, size_hw)
    tight = tight_box(mask)
    agreement = 0.0 if tight is None else box_iou(box, tight)
    if tight is not None and agreement >= AGREE:
        box = tight
    x0, y0, x1, y1 = (float(edge) for edge in box * (size_hw[::-1] * 2))
    centre = (x0 + x1) / 2, (y0 + y1) / 2
    return GroundedObject(identity, phrase, (x0, y0, x1, y1), float(raw.sureness[number]), mask, centre, agreement)


def picture_mask(raw: FullRaw, number: int, threshold: float, size_hw: tuple[int, int]) -> np.ndarray:
    """The mask of a candidate, bool (H, W); its box where no network made one."""
    import cv2

    height, width = size_hw
    place = raw.shortlist.index(number)
    if raw.masks is not None and place not in raw.maskless:
        logits = raw.masks[place].astype(np.float32)
        least = np.log(max(threshold, 1e-6) / max(1 - threshold, 1e-6))
        return cv2.resize(logits, (width, height), interpolation=cv2.INTER_LINEAR) > least
    x0, y0, x1, y1 = np.round(raw.candidates.boxes[number] * (width, height, width, height)).astype(int)
    mask = np.zeros(size_hw, bool)
    mask[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)] = True
    return mask


def heat(raw: FullRaw, size_hw: tuple[int, int]) -> np.ndarray:
    """Where the candidates' middles are, as high as they are sure, (h, w), 0 to 1."""
    return _hills(raw, enumerate(raw.sureness), size_hw)


def anchor_heat(raw: FullRaw, size_hw: tuple[int, int]) -> np.ndarray:
    """The same of the candidates that the best answer is related to."""
    related = {
        int(term.anchors[ranking.order[0]]): 1.0
        for ranking in raw.rankings
        for term in ranking.terms
        if len(term.anchors) and len(ranking.order)
    }
    return _hills(raw, related.items(), size_hw)


def _hills(raw: FullRaw, heights, size_hw: tuple[int, int]) -> np.ndarray:
    scale = HEAT_SIDE / max(size_hw)
    rows, columns = max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))
    y, x = (np.arange(rows)[:, None] + 0.5) / rows, (np.arange(columns)[None] + 0.5) / columns
    field = np.zeros((rows, columns), np.float32)
    for number, height in heights:
        x0, y0, x1, y1 = raw.candidates.boxes[number]
        wide, high = max((x1 - x0) / 4, 0.01), max((y1 - y0) / 4, 0.01)
        hill = np.exp(-(((x - (x0 + x1) / 2) / wide) ** 2 + ((y - (y0 + y1) / 2) / high) ** 2) / 2)
        field = np.maximum(field, height * hill)
    return field.astype(np.float32)


def _notices(phrase: str, raw: FullRaw, numbers: Sequence[int], thresholds: Thresholds) -> Iterator[Notice]:
    if not numbers:
        yield _nothing(phrase, raw)
    for reference, ranking in zip(raw.expression.references, raw.rankings, strict=True):
        if numbers and not _is_there(raw, ranking, thresholds):
            yield info(
                f"Nothing in the picture matches “{reference.phrase}”: only the rest of “{phrase[:40]}” is shown."
            )
    for said in raw.unjudged:
        yield warning(f"Boxes do not tell “{said}”: that part of “{phrase[:40]}” was left out.")
    if not raw.is_scored and numbers:
        yield info("This network gives no probabilities: the score says how well its labels, places and relations fit.")
    if any(raw.shortlist[place] in numbers for place in raw.maskless):
        yield warning("No network for masks is on this machine: the masks are the boxes.")


def _nothing(phrase: str, raw: FullRaw) -> Notice:
    text = f"Nothing in the picture matches “{phrase}” (existence {raw.existence:.2f})."
    if raw.nearest is None:
        return info(text)
    _, term = raw.nearest
    return info(f"{text} The nearest candidate fails in “{term.said}”.")
