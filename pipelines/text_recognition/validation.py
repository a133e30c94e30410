"""A quick look at a network in training: words read right on held-out rendered crops."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from pipelines.text_recognition.constraint import Constraint
from pipelines.text_recognition.fit import fit
from pipelines.text_recognition.generated import generated_sets
from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.metrics import is_right
from pipelines.text_recognition.options import ReadingOptions
from pipelines.text_recognition.reader import Reader
from pipelines.text_recognition.reading import READERS

PROCEDURES = ("parallel", "ctc")


@lru_cache(maxsize=16)
def crops(recipe: str, count: int, split: str = "validation") -> tuple[np.ndarray, tuple[str, ...]]:
    """Fitted pixels (n, 3, 32, 128) and labels of the first held-out crops of a recipe."""
    (found,) = (one for one in generated_sets(split) if one.name == recipe)
    words = list(found.words(count))
    return np.stack([fit(word.image) for word in words]), tuple(word.label for word in words)


@torch.inference_mode()
def accuracies(model: IGTR, recipe: str, count: int, procedures: tuple[str, ...] = PROCEDURES) -> dict[str, float]:
    """Share of words right without case and marks, by procedure, 0 to 1."""
    pixels, labels = crops(recipe, count)
    device = next(model.parameters()).device
    texts: dict[str, list[str]] = {name: [] for name in procedures}
    for start in range(0, len(pixels), 64):
        visual = model.encode(torch.from_numpy(pixels[start : start + 64]).to(device))
        reader = Reader(model, visual, Constraint.of(ReadingOptions()))
        for name in procedures:
            texts[name] += READERS[name](reader).texts()
    return {
        name: sum(is_right(text, label) for text, label in zip(found, labels, strict=True)) / len(labels)
        for name, found in texts.items()
    }
