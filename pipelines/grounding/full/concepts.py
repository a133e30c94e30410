"""SAM 3: every instance of a noun phrase with its mask, and whether there is such a thing in the picture at all.

Its image processor needs torchvision; here pictures are stretched by `resizing.py`. Box prompts need it too, and are
not used. The picture is encoded once for all phrases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.grounding.full.candidates import MOST_BOXES, chosen, overlaps, suppressed
from pipelines.grounding.full.offers import Offer, mean_colours
from pipelines.grounding.full.references import Expression
from pipelines.grounding.full.resizing import HALF, stretch
from pipelines.grounding.full.segmenting import over_picture
from pipelines.shared.errors import UserError

TEXT_TOKENS = 32
SAME = 0.6  # overlap of boxes of two phrases that are one thing
NOTHING = 1e-6  # probability of a box that a phrase did not offer


@dataclass(frozen=True)
class Instances:
    """What a phrase finds: boxes (n, 4) in shares of the picture, probabilities (n,), mask logits (n, m, m)."""

    boxes: np.ndarray
    probabilities: np.ndarray
    masks: Any


def offer(model: Any, folder: Path, picture: np.ndarray, expression: Expression) -> Offer:
    """Instances of every phrase of an expression in a picture (H, W, 3) uint8."""
    import torch

    fitted = stretch(picture, _side(model), HALF)
    parameter = next(model.parameters())
    with torch.inference_mode():
        seen = model.get_vision_features(
            torch.from_numpy(fitted.pixels)[None].to(parameter.device, parameter.dtype), return_dict=True
        )
        found = {phrase: instances(model, tokenizer_of(folder), seen, phrase) for phrase in expression.phrases}
    boxes = np.concatenate([one.boxes for one in found.values()])
    evidence = {phrase: shared(one, boxes)[:, None] for phrase, one in found.items()}
    candidates, kept = chosen(boxes, evidence)
    logits = torch.cat([one.masks for one in found.values()])[torch.from_numpy(kept)]
    masks = over_picture(logits, fitted, *picture.shape[:2])
    return Offer(replace(candidates, colours=mean_colours(picture, candidates.boxes)), masks)


def instances(model: Any, tokenizer: Any, seen: Any, phrase: str) -> Instances:
    """What one phrase finds, best first; a probability is that of the query times that of there being such a thing."""
    coded = tokenizer(phrase, return_tensors="pt", padding="max_length", max_length=TEXT_TOKENS, truncation=True)
    device = next(model.parameters()).device
    output = model(
        vision_embeds=seen,
        input_ids=coded.input_ids.to(device),
        attention_mask=coded.attention_mask.to(device),
    )
    presence = output.presence_logits[0].float().sigmoid()
    probabilities = (output.pred_logits[0].float().sigmoid() * presence).cpu().numpy()
    boxes = output.pred_boxes[0].float().cpu().numpy()
    sound = np.flatnonzero(np.isfinite(boxes).all(1) & np.isfinite(probabilities))
    best = sound[suppressed(boxes[sound], probabilities[sound], MOST_BOXES)] if len(sound) else sound
    return Instances(boxes[best], probabilities[best], output.pred_masks[0].float().cpu()[best])


def shared(found: Instances, boxes: np.ndarray) -> np.ndarray:
    """Probability of each box being what a phrase found, (n,): of the same thing, whoever offered the box."""
    if not len(found.boxes):
        return np.full(len(boxes), NOTHING)
    is_same = overlaps(boxes, found.boxes) > SAME
    return np.maximum((is_same * found.probabilities).max(1), NOTHING)


def _side(model: Any) -> int:
    side = model.config.vision_config.backbone_config.image_size
    return side if isinstance(side, int) else side[0]


@lru_cache(maxsize=4)
def tokenizer_of(folder: Path) -> Any:
    """The tokenizer of a checkpoint folder. Raises UserError: not there."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder.name} is no complete SAM 3: its tokenizer cannot be read.") from error
