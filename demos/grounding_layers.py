"""Which layers lie over an answer: boxes, masks, heat of the centre, anchors, a word's map, the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from demos.drawing import Colour
from demos.grounding_drawing import GREYED, RIGHT, Mark, Scenery
from demos.grounding_tiers import nearest_box, tells_words
from demos.grounding_words import label_of
from pipelines.grounding.results import is_absent

if TYPE_CHECKING:
    from pipelines.grounding.random_scene import Truth
    from pipelines.grounding.results import GroundingResult, PhraseResult

LAYERS = (("Box", "box"), ("Mask", "mask"), ("Centre heat", "heat"), ("Anchor", "anchor"), ("Word attention", "words"),
          ("Truth", "truth"))  # fmt: skip
ABOUT = (
    "Heat is where the centre may be, the anchor where the thing is that a relation refers to; a dot is the highest. "
    "Both, and the words, are those of the chosen object's phrase. Truth is known of generated scenes alone."
)


@dataclass(frozen=True)
class Looked:
    """What of a result is looked at.

    Attributes:
        layers: of LAYERS. opacity: of masks and heat, 0 to 1.
        phrases: those that are switched on.
        chosen: id of the object that is shown alone, or None.
        token: (depth, word) whose map is shown, or None.
    """

    layers: tuple[str, ...]
    opacity: float
    phrases: tuple[str, ...]
    chosen: int | None = None
    token: tuple[int, int] | None = None

    def phrase_of(self, result: GroundingResult) -> PhraseResult | None:
        """The phrase of the chosen object, or the first one that is switched on."""
        chosen = next((one.phrase for one in result.objects if one.id == self.chosen), None)
        wanted = chosen or next(iter(self.phrases), None)
        return next((one for one in result.phrases if one.phrase == wanted), None)


def scenery_of(
    result: GroundingResult, looked: Looked, colours: Mapping[str, Colour], truths: Mapping[str, Truth]
) -> Scenery:
    """Everything that is to be drawn, masks and heat below boxes."""
    marks = [*_truths(looked, truths), *_candidates(result, looked), *_objects(result, looked, colours)]
    return Scenery(marks, _heats(result, looked), looked.opacity)


def shown_of(result: GroundingResult, looked: Looked) -> list[int]:
    """Ids of the objects that are seen."""
    return [
        one.id for one in result.objects if one.phrase in looked.phrases and looked.chosen in (None, one.id)
    ]  # fmt: skip


def _objects(result: GroundingResult, looked: Looked, colours: Mapping[str, Colour]) -> list[Mark]:
    wanted = {one.phrase: one.decodes for one in result.phrases}
    seen = shown_of(result, looked)

    def has(layer: str, phrase: str) -> bool:
        return layer in looked.layers and layer in wanted[phrase]

    return [
        Mark(
            label_of(one),
            colours[one.phrase],
            one.box_xyxy if has("box", one.phrase) else None,
            one.mask if has("mask", one.phrase) else None,
        )
        for one in result.objects
        if one.id in seen
    ]


def _candidates(result: GroundingResult, looked: Looked) -> list[Mark]:
    """Of each phrase of which nothing was found the nearest candidate, greyed."""
    if "box" not in looked.layers or looked.chosen is not None:
        return []
    least = result.thresholds["existence"]
    absent = [one for one in result.phrases if is_absent(one, least) and one.phrase in looked.phrases]
    boxes = [(one, nearest_box(one, result.size_wh)) for one in absent]
    return [
        Mark(f"not “{one.phrase[:30]}” {one.existence:.2f}", GREYED, box, is_dashed=True)
        for one, box in boxes
        if box is not None
    ]


def _truths(looked: Looked, truths: Mapping[str, Truth]) -> list[Mark]:
    if "truth" not in looked.layers:
        return []
    return [
        Mark("", RIGHT, tuple(float(value) for value in box), is_dashed=True)  # type: ignore[arg-type]
        for phrase, truth in truths.items()
        if phrase in looked.phrases
        for box in truth.boxes
    ]


def _heats(result: GroundingResult, looked: Looked) -> list[np.ndarray]:
    one = looked.phrase_of(result)
    if one is None:
        return []
    found = []
    if "heat" in looked.layers:
        found.append(one.heat)
    if "anchor" in looked.layers:
        found.append(one.anchor)
    if "words" in looked.layers and looked.token is not None and tells_words(one.raw):
        found += _word_heat(one, looked.token, result.size_wh)
    return found


def _word_heat(one: PhraseResult, token: tuple[int, int], size_wh: tuple[int, int]) -> list[np.ndarray]:
    from pipelines.grounding.letterbox import Letterbox
    from pipelines.grounding.pipeline import MAP_PIXELS
    from pipelines.grounding.words import word_map, words_of

    depth, word = token
    if depth >= len(one.raw.words) or word >= len(words_of(one.phrase)):
        return []
    plane = word_map(one.raw, depth, word)
    return [Letterbox.of(*size_wh, 4 * len(one.raw.mask)).map(plane / max(float(plane.max()), 1e-6), MAP_PIXELS)]
