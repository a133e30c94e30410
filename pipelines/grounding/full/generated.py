"""Florence-2: text with coordinates in it. It grounds every phrase of a sentence, paints what an expression means, and
says what a region shows.

It gives no probabilities. A word of a phrase counts as seen where the label that Florence-2 gave to a box says it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.grounding.full.candidates import chosen
from pipelines.grounding.full.offers import Offer, mean_colours
from pipelines.grounding.full.references import Expression
from pipelines.grounding.full.segmenting import small_hw
from pipelines.shared.errors import UserError

GROUND, PAINT = "Locate the phrases in the caption: {}", "Locate {} in the image with mask"
NAME = "What does the region {} describe?"
MOST_TOKENS, BEAMS = 512, 3
BINS = 1000  # of a coordinate
SAID, UNSAID = 1.0, 0.1  # evidence of a word that a label says, and of one that it does not
CERTAIN = 12.0  # logit of a painted pixel
_PLACES = re.compile(r"<loc_(\d+)>")
_LABELLED = re.compile(r"([^<>]*)((?:<loc_\d+>\s*)+)")


@dataclass(frozen=True)
class Asking:
    """What stands before the network."""

    images: Any
    tokenizer: Any


def offer(model: Any, folder: Path, picture: np.ndarray, expression: Expression, text: str) -> Offer:
    """Boxes and the painted mask of an expression for a picture (H, W, 3) uint8."""
    asking = asking_of(folder)
    pixels = _pixels(asking, picture)
    found = labelled_boxes(written(model, asking, pixels, GROUND.format(text)))
    polygons = painted_polygons(written(model, asking, pixels, PAINT.format(text)))
    whole = filled(polygons, picture.shape[:2]) if polygons else None
    if not found and polygons:
        corners = np.concatenate(polygons)
        found = [(text, (*corners.min(0), *corners.max(0)))]
    boxes = np.array([box for _, box in found], np.float32).reshape(-1, 4)
    evidence = {phrase: said([label for label, _ in found], phrase) for phrase in expression.phrases}
    candidates, _ = chosen(boxes, evidence)
    return Offer(replace(candidates, colours=mean_colours(picture, candidates.boxes)), whole=whole)


def caption(model: Any, folder: Path, picture: np.ndarray, box: np.ndarray) -> str:
    """What a region of a picture (H, W, 3) uint8 shows; the box is x0, y0, x1, y1 in shares. May be empty."""
    asking = asking_of(folder)
    places = "".join(f"<loc_{int(np.clip(edge * BINS, 0, BINS - 1))}>" for edge in box)
    text = written(model, asking, _pixels(asking, picture), NAME.format(places))
    return " ".join(re.sub(r"<[^<>]*>", " ", text).split())


def said(labels: Sequence[str], phrase: str) -> np.ndarray:
    """(labels, words of the phrase): whether a label says the word, or its singular or plural."""
    words = phrase.split()
    table = np.full((len(labels), len(words)), UNSAID)
    for i, label in enumerate(labels):
        has = {word.removesuffix("s") for word in re.findall(r"[^\W_]+", label.lower())}
        table[i, [j for j, word in enumerate(words) if word.removesuffix("s") in has]] = SAID
    return table


def labelled_boxes(text: str) -> list[tuple[str, tuple[float, ...]]]:
    """(label, box in shares of the picture) of a text such as "the mug<loc_10><loc_20><loc_300><loc_400>"."""
    found = []
    for label, run in _LABELLED.findall(re.sub(r"</?s>|<pad>", "", text)):
        numbers = [(int(number) + 0.5) / BINS for number in _PLACES.findall(run)]
        found += [(label.strip(), tuple(numbers[i : i + 4])) for i in range(0, len(numbers) - 3, 4)]
    return found


def painted_polygons(text: str) -> list[np.ndarray]:
    """Polygons (n, 2) in shares of the picture, of coordinates between separators."""
    parts = re.split(r"<sep>|</?poly>|,", re.sub(r"</?s>|<pad>", "", text))
    runs = [[(int(number) + 0.5) / BINS for number in _PLACES.findall(part)] for part in parts]
    return [np.array(run[: len(run) // 2 * 2]).reshape(-1, 2) for run in runs if len(run) >= 6]


def filled(polygons: Sequence[np.ndarray], size_hw: tuple[int, int]) -> np.ndarray:
    """Polygons as logits (h, w) float16 over the picture."""
    import cv2

    height, width = small_hw(*size_hw)
    mask = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [np.round(polygon * (width, height)).astype(np.int32)], 1)
    return np.where(mask, CERTAIN, -CERTAIN).astype(np.float16)


def written(model: Any, asking: Asking, pixels: Any, prompt: str) -> str:
    """What the network writes about a picture, coordinates as "<loc_0>" to "<loc_999>"."""
    import torch

    tokenizer, parameter = asking.tokenizer, next(model.parameters())
    told = tokenizer(prompt, add_special_tokens=False).input_ids
    seen = [model.config.image_token_id] * picture_tokens(model, pixels.shape[-1])
    ids = torch.tensor([[*seen, tokenizer.bos_token_id, *told, tokenizer.eos_token_id]], device=parameter.device)
    with torch.inference_mode():
        tokens = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids),
            pixel_values=pixels.to(parameter.device, parameter.dtype),
            do_sample=False, num_beams=BEAMS, max_new_tokens=MOST_TOKENS,
        )  # fmt: skip
    return str(tokenizer.decode(tokens[0], skip_special_tokens=False))


def picture_tokens(model: Any, side: int) -> int:
    """Tokens of a picture: one for each cell of the last stage, and their mean."""
    for stride in model.config.vision_config.patch_stride:
        side = -(-side // stride)
    return side * side + 1


def _pixels(asking: Asking, picture: np.ndarray) -> Any:
    from PIL import Image

    return asking.images(images=Image.fromarray(picture), return_tensors="pt").pixel_values


@lru_cache(maxsize=4)
def asking_of(folder: Path) -> Asking:
    """Image processor and tokenizer of a checkpoint folder, without torchvision. Raises UserError: not there."""
    from transformers import AutoTokenizer, CLIPImageProcessorPil

    try:
        images = CLIPImageProcessorPil.from_pretrained(folder)
        return Asking(images, AutoTokenizer.from_pretrained(folder, local_files_only=True))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder.name} is no complete Florence-2: its tokenizer or preprocessor_config.json cannot be read "
            f"({str(error).strip().splitlines()[0]})."
        ) from error
