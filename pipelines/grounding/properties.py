"""What should leave an answer as it is: a mirror, a thing that nobody asked for, other words, company in a batch.

Twins are two ways to put one question. How often the answers to them agree needs no right answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pipelines.grounding.augmentation import mirrored
from pipelines.grounding.both_ways import asked_both_ways
from pipelines.grounding.decode import Raw, Thresholds, box_iou, found_in, raw_outputs
from pipelines.grounding.metrics import ONE, exact_boxes
from pipelines.grounding.pipeline import look
from pipelines.grounding.scene_cache import resized
from pipelines.grounding.tokenizer import split

if TYPE_CHECKING:
    from pipelines.grounding.synthetic.world import Sample

CLOSE = 0.9  # IoU of boxes that lie in one place
USUAL = Thresholds()
# Raised, each of these takes objects or pixels away and adds none.
RAISED: dict[str, tuple[float, ...]] = {
    "existence": (0.0, 0.2, 0.5, 0.8, 1.0),
    "centre": (0.0, 0.1, 0.3, 0.5, 0.9),
    "mask": (0.05, 0.2, 0.5, 0.8, 0.95),
    "least_area": (0.0, 0.01, 0.03, 0.1, 0.3),
}


RELATIONAL = ("relation", "hops")


@dataclass(frozen=True)
class Twins:
    """Two questions, (picture uint8 (H, W, 3), expression), to which the answer is the same.

    `is_mirrored`: the second picture is the first one mirrored, and so is its answer.
    """

    first: tuple[np.ndarray, str]
    second: tuple[np.ndarray, str]
    is_mirrored: bool = False


@dataclass(frozen=True)
class Agreement:
    """How far the answers to twins agree.

    Attributes:
        same: share with the same objects, matched at an IoU of 0.5, or none both times.
        close: share whose likeliest boxes have an IoU of 0.9.
    """

    n: int
    same: float
    close: float


@dataclass(frozen=True)
class WordOrder:
    """acc@0.5 of relational expressions with one target: as they are said, and with their words in random order."""

    n: int
    said: float
    shuffled: float


def mirror_twins(scenes: Sequence[Sample]) -> Iterator[Twins]:
    """Each scene and expression, and both mirrored."""
    for scene in scenes:
        for phrase in scene.phrases:
            yield Twins((scene.pixels, phrase.text), (scene.pixels[:, ::-1], mirrored(phrase.text)), True)


def newcomer_twins(scenes: Sequence[Sample], seed: int = 0) -> Iterator[Twins]:
    """Each scene without and with a thing that its expression has nothing to do with, where there is room for one."""
    from pipelines.grounding.synthetic.newcomer import find_newcomer, is_unrelated, with_newcomer

    for number, scene in enumerate(scenes):
        newcomer = find_newcomer(np.random.default_rng([seed, number]), scene.things)
        for phrase in scene.phrases:
            if newcomer is not None and is_unrelated(newcomer, scene, phrase.program):
                yield Twins((scene.pixels, phrase.text), (with_newcomer(newcomer, scene).pixels, phrase.text))


def paraphrase_twins(scenes: Sequence[Sample], seed: int = 0, tries: int = 8) -> Iterator[Twins]:
    """Each expression, and its meaning in other words, where there are any."""
    from pipelines.grounding.synthetic.wording import Speaker

    speaker = Speaker(Random(seed))
    for scene in scenes:
        for phrase in scene.phrases:
            said = (speaker.full(phrase.program) for _ in range(tries))
            other = next((text for text in said if sorted(split(text)) != sorted(split(phrase.text))), None)
            if other is not None:
                yield Twins((scene.pixels, phrase.text), (scene.pixels, other))


def word_order(network: Any, scenes: Sequence[Sample], seed: int = 0) -> WordOrder:
    """What the order of words is worth: a network that reads a bag of words loses nothing without it."""
    rng, said, shuffled = Random(seed), [], []
    for scene in scenes:
        sides = np.tile(scene.ids.shape[::-1], 2)
        for phrase in scene.phrases:
            if phrase.kind not in RELATIONAL or len(phrase.targets) != 1:
                continue
            words = split(phrase.text)
            texts = [phrase.text, " ".join(rng.sample(words, len(words)))]
            raws = look(network, scene.pixels.astype(np.float32) / 255, texts)
            target = scene.boxes_xyxy[phrase.targets[0]] / sides
            hits = [box_iou(found_in(raw, ONE)[0].box, target) >= 0.5 for raw in raws]
            said.append(hits[0])
            shuffled.append(hits[1])
    return WordOrder(len(said), float(np.mean(said)), float(np.mean(shuffled)))


def agreement(network: Any, twins: Sequence[Twins]) -> Agreement:
    """How far the network agrees with itself."""
    same, close = [], []
    for pair in twins:
        first, second = (look(network, pixels.astype(np.float32) / 255, [text])[0] for pixels, text in
                         (pair.first, pair.second))  # fmt: skip
        one, two = _boxes(first, USUAL, False), _boxes(second, USUAL, pair.is_mirrored)
        same.append(len(one) == len(two) and exact_boxes(one, np.reshape(two, (-1, 4))))
        (best,), (other,) = _boxes(first, ONE, False), _boxes(second, ONE, pair.is_mirrored)
        close.append(box_iou(best, other) >= CLOSE)
    return Agreement(len(same), float(np.mean(same)), float(np.mean(close)))


def _boxes(raw: Raw, thresholds: Thresholds, is_mirrored: bool) -> list[np.ndarray]:
    boxes = [one.box for one in found_in(raw, thresholds)]
    return [np.array([1 - x1, y0, 1 - x0, y1]) for x0, y0, x1, y1 in boxes] if is_mirrored else boxes


@torch.inference_mode()
def batch_gap(network: Any, scenes: Sequence[Sample]) -> float:
    """The largest difference that other pictures and expressions in a batch make to any output; boxes in shares of the
    picture, the others probabilities."""
    side = network.shape.side_px
    canvases = np.stack([resized(scene.pixels, scene.ids, side)[0] for scene in scenes])
    pixels, texts = torch.from_numpy(canvases).permute(0, 3, 1, 2).float() / 255, [s.phrases[0].text for s in scenes]
    numbers = torch.arange(len(texts))
    together = raw_outputs(asked_both_ways(network, pixels, texts, numbers))
    alone = [raw_outputs(asked_both_ways(network, pixels[i : i + 1], [text], numbers[:1]))[0]
             for i, text in enumerate(texts)]  # fmt: skip
    gaps = [_gap(a, b) for a, b in zip(together, alone, strict=True)]
    return max(gaps)


def _gap(first: Raw, second: Raw) -> float:
    maps = ("centre", "anchor", "boxes", "mask", "words", "existence")
    return max(float(np.abs(getattr(first, name) - getattr(second, name)).max()) for name in maps)


def threshold_faults(raw: Raw) -> list[str]:
    """Thresholds that, raised, add an object or a pixel; "most" the other way round."""
    faults, start = [], Thresholds(existence=0.0, most=12)
    for name, values in (*RAISED.items(), ("most", (12, 6, 3, 2, 1))):
        changes: list[dict[str, Any]] = [{name: value} for value in values]
        found = [found_in(raw, replace(start, **change)) for change in changes]
        sizes = [(len(some), int(sum(one.mask.sum() for one in some))) for some in found]
        at = 1 if name == "mask" else 0
        if any(later[at] > earlier[at] for earlier, later in pairwise(sizes)):
            faults.append(name)
    return faults
