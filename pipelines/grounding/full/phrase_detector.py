"""GroundingDINO and MM-GroundingDINO (LLMDet too): boxes, and a probability for every word of every phrase.

All phrases of an expression go through in one text, lower-case, each ended by a dot. The stock post-processing says
which tokens pass a threshold, and labels become mixtures of word pieces; here each phrase keeps the probabilities of
its own words, the best piece for each, so that a box is never given a label that nobody asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.grounding.full.candidates import chosen
from pipelines.grounding.full.offers import Offer, mean_colours
from pipelines.grounding.full.references import Expression
from pipelines.shared.errors import UserError

MOST_TOKENS = 256
NO_WORD = 1e-6  # probability of a word that did not fit into the text


@dataclass(frozen=True)
class Asking:
    """What stands before the network: the picture's and the text's preparation."""

    images: Any
    tokenizer: Any

    def text(self, phrases: tuple[str, ...]) -> tuple[Any, list[list[list[int]]]]:
        """Token tensors, and for each word of each phrase its tokens."""
        text, spans, at = "", [], 0
        for phrase in phrases:
            words = []
            for word in phrase.split():
                at = len(text)
                text += f"{word} "
                words.append((at, at + len(word)))
            text = text.rstrip() + ". "
            spans.append(words)
        coded = self.tokenizer(
            text.rstrip(), return_tensors="pt", return_offsets_mapping=True, return_token_type_ids=True,
            truncation=True, max_length=MOST_TOKENS,
        )  # fmt: skip
        places = coded.pop("offset_mapping")[0].tolist()
        owners = [
            [[k for k, (a, b) in enumerate(places) if a < b and first <= a and b <= last] for first, last in words]
            for words in spans
        ]
        return coded, owners


def offer(model: Any, folder: Path, picture: np.ndarray, expression: Expression) -> Offer:
    """Boxes of a picture (H, W, 3) uint8 for the phrases of an expression."""
    import torch
    from PIL import Image

    asking = asking_of(folder)
    coded, owners = asking.text(expression.phrases)
    parameter = next(model.parameters())
    seen = asking.images(images=Image.fromarray(picture), return_tensors="pt")
    with torch.inference_mode():
        output = model(
            pixel_values=seen["pixel_values"].to(parameter.device, parameter.dtype),
            pixel_mask=seen["pixel_mask"].to(parameter.device),
            **coded.to(parameter.device),
        )
    tokens = output.logits[0].float().sigmoid().cpu().numpy()  # (queries, tokens)
    middle, size = output.pred_boxes[0].float().cpu().numpy().reshape(-1, 2, 2).transpose(1, 0, 2)
    boxes = np.concatenate([middle - size / 2, middle + size / 2], 1)
    evidence = {
        phrase: np.stack([_word(tokens, owned) for owned in words], 1)
        for phrase, words in zip(expression.phrases, owners, strict=True)
    }
    candidates, _ = chosen(boxes, evidence)
    return Offer(replace(candidates, colours=mean_colours(picture, candidates.boxes)))


def _word(tokens: np.ndarray, owned: list[int]) -> np.ndarray:
    return tokens[:, owned].max(1) if owned else np.full(len(tokens), NO_WORD, np.float32)


@lru_cache(maxsize=4)
def asking_of(folder: Path) -> Asking:
    """Image processor and tokenizer of a checkpoint folder, without torchvision. Raises UserError: not there."""
    from transformers import AutoTokenizer, GroundingDinoImageProcessorPil

    try:
        images = GroundingDinoImageProcessorPil.from_pretrained(folder)
        return Asking(images, AutoTokenizer.from_pretrained(folder, local_files_only=True))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder.name} is no complete detector: its tokenizer or preprocessor_config.json cannot be read "
            f"({str(error).strip().splitlines()[0]})."
        ) from error
