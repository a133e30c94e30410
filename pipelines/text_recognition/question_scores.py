"""How well questions are answered whose answers the label knows: yes or no, how many, where, and the box.

With `is_case_sure` False a character counts in both its cases, for labels do not always have the case of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipelines.text_recognition.charset import CHARACTERS, CLASSES, EOS, encode
from pipelines.text_recognition.crops import Look, batches
from pipelines.text_recognition.datasets import Word
from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.lookalikes import LOOKALIKES
from pipelines.text_recognition.metrics import area_under_curve, overlap
from pipelines.text_recognition.reader import Reader
from pipelines.text_recognition.views import box_turned_back

Scores = dict[str, float]
ABSENT = 16  # characters per word that are asked for and not there


def question_scores(network: IGTR, looks: Sequence[Look], words: Sequence[Word], is_case_sure: bool) -> Scores:
    """q2_auc (true characters against their look-alikes), q3_exact, q3_false_alarm, q4_accuracy; all 0 to 1."""
    tallies: dict[str, list[float]] = {name: [] for name in ("yes", "no", "counted", "alarms", "placed")}
    rng = np.random.default_rng(0)
    with torch.inference_mode():
        for some in batches(len(words)):
            reader = Reader(network, torch.cat([look.visual for look in looks[some]]))
            labels = [encode(word.label) for word in words[some]]
            for name, values in _answers(reader, labels, is_case_sure, rng).items():
                tallies[name] += values
    return {
        "q2_auc": area_under_curve(tallies["yes"], tallies["no"]),
        "q3_exact": float(np.mean(tallies["counted"])),
        "q3_false_alarm": float(np.mean(tallies["alarms"])),
        "q4_accuracy": float(np.mean(tallies["placed"])),
    }


def localisation_scores(network: IGTR, looks: Sequence[Look], words: Sequence[Word]) -> Scores:
    """Of words read exactly: share of boxes with overlap of 0.5 and more, mean distance of centres in widths."""
    overlaps: list[float] = []
    distances: list[float] = []
    for look, word in zip(looks, words, strict=True):
        if word.boxes_xyxy is None or len(word.boxes_xyxy) != len(word.label):
            continue
        if look.reading.texts()[0].lower() != word.label.lower():
            continue
        true, found = word.boxes_xyxy, _boxes(network, look, word)
        overlaps.extend(overlap(found, true))
        centres = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (found, true)]
        widths = np.maximum(true[:, 2] - true[:, 0], 1.0)
        distances.extend(np.linalg.norm(centres[0] - centres[1], axis=1) / widths)
    if not overlaps:
        return {}
    return {
        "n": len(overlaps),
        "iou_50": float((np.array(overlaps) >= 0.5).mean()),
        "mean_iou": float(np.mean(overlaps)),
        "centre_error": float(np.mean(distances)),
    }


def _boxes(network: IGTR, look: Look, word: Word) -> np.ndarray:
    with torch.inference_mode():
        boxes, _ = Reader(network, look.visual).located(len(word.label))
    size_wh = word.image.shape[1], word.image.shape[0]
    return np.array([box_turned_back(tuple(box), look.turn, size_wh) for box in boxes[0].tolist()])


def _answers(
    reader: Reader, labels: Sequence[list[int]], is_case_sure: bool, rng: np.random.Generator
) -> dict[str, list[float]]:
    every = torch.arange(1, CLASSES).expand(len(reader), -1)
    cases = _cases(is_case_sure)
    yes = _every_yes(reader, max(len(label) for label in labels))
    counts = reader.counts(every).argmax(-1).cpu().numpy()
    counts = np.concatenate([np.zeros((len(labels), 1), int), counts], 1)
    told: dict[str, list[float]] = {name: [] for name in ("yes", "no", "counted", "alarms", "placed")}
    for row, label in enumerate(labels):
        for place, index in enumerate(label):
            told["yes"].append(max(float(yes[row, place, one]) for one in cases[index]))
            told["no"] += [
                float(yes[row, place, other]) for other in LOOKALIKES.get(index, ()) if other not in cases[index]
            ]
        present = {cases[index] for index in label}
        told["counted"] += [
            sum(int(counts[row, one]) for one in group) == sum(index in group for index in label) for group in present
        ]
        absent = [one for one in range(1, CLASSES) if cases[one] not in present]
        told["alarms"] += [counts[row, one] > 0 for one in rng.choice(absent, ABSENT, replace=False)]
    told["placed"] = _placed(reader, labels, cases)
    return told


def _every_yes(reader: Reader, longest: int) -> Tensor:
    """Logit of yes for every class at the first positions, (B, longest, 95)."""
    classes = torch.arange(CLASSES).expand(len(reader), -1)
    columns = [reader.verify(classes, torch.full_like(classes, place)) for place in range(1, longest + 1)]
    return torch.stack(columns, 1).cpu()


def _placed(reader: Reader, labels: Sequence[list[int]], cases: Sequence[tuple[int, ...]]) -> list[float]:
    """Whether each character of each word is found at its place; of a character in both cases nothing is asked."""
    asked = [
        [
            (index, label[:place].count(index), place + 1)
            for place, index in enumerate(label)
            if sum(one in label for one in cases[index]) == 1
        ]
        for label in labels
    ]
    longest = max(1, *(len(row) for row in asked))
    padded = torch.tensor([row + [(EOS, 0, 0)] * (longest - len(row)) for row in asked])
    found = reader.places(padded[..., 0], padded[..., 1]).argmax(-1).cpu()
    return [
        float(found[row, column] == place)
        for row, each in enumerate(asked)
        for column, (_, _, place) in enumerate(each)
    ]


def _cases(is_case_sure: bool) -> list[tuple[int, ...]]:
    """The classes that count as one with each class."""
    alone: list[tuple[int, ...]] = [(index,) for index in range(CLASSES)]
    if is_case_sure:
        return alone
    return [(EOS,), *(tuple(sorted({*encode(symbol), *encode(symbol.swapcase())})) for symbol in CHARACTERS)]
