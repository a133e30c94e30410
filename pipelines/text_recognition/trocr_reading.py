"""Reading with TrOCR: lines and words as tokens, one after the other, with what each rests on.

Tokens are pieces of words, so every character has the probability of its token, and characters of one token share their
evidence: the cross-attention of the token over the patches, mean of all layers and heads.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_to_dict
from pipelines.shared.errors import UserError
from pipelines.shared.full_tier import folder_of
from pipelines.shared.images import OpenedImage, to_bytes
from pipelines.shared.notice import Notice, warning
from pipelines.shared.run_info import RunInfo
from pipelines.text_recognition.abilities import check_options
from pipelines.text_recognition.results import Box, CharacterReading, RecognitionResult, Scored

if TYPE_CHECKING:
    from pipelines.shared.cache import Lease, ModelCache
    from pipelines.shared.family import ModelFamily
    from pipelines.text_recognition.options import ReadingOptions

MOST_TOKENS = 25
ALTERNATIVES = 5
BATCH = 16


@dataclass(frozen=True)
class Token:
    """One step of the decoder.

    Attributes:
        index: in the vocabulary.
        probability: of that token, 0 to 1.
        alternatives: the next most probable tokens.
        evidence: (rows, columns) float32 over the patches, sums to 1.
    """

    index: int
    probability: float
    alternatives: tuple[tuple[int, float], ...]
    evidence: np.ndarray


@dataclass(frozen=True)
class TrOCRPipeline:
    """Reads pictures of one line or word with a TrOCR family, mixed by a recipe."""

    cache: ModelCache
    family: ModelFamily

    def __call__(
        self, image: OpenedImage, options: ReadingOptions | None = None, recipe: MergeRecipe | None = None
    ) -> RecognitionResult:
        """Read one picture.

        Args:
            options: the usual ones; this network can follow no other.

        Raises:
            UserError: other options, or a checkpoint is not on this machine. MergeError: the recipe does not fit.
        """
        return self.batch([image], options, recipe)[0]

    def batch(
        self,
        images: Sequence[OpenedImage],
        options: ReadingOptions | None = None,
        recipe: MergeRecipe | None = None,
    ) -> tuple[RecognitionResult, ...]:
        """Read many; the seconds of every result are those of all."""
        check_options(self.family, options)
        began = time.perf_counter()
        processor = processor_of(folder_of(self.family.base))
        with self.cache.lease(self.family, recipe) as lease:
            ready = time.perf_counter()
            readings = [
                tokens
                for start in range(0, len(images), BATCH)
                for tokens in read_tokens(lease.model, processor.pixels(images[start : start + BATCH]))
            ]
            now = time.perf_counter()
            seconds = {"load": lease.load_s, "merge": lease.merge_s, "infer": now - ready, "total": now - began}
            run = self._run_info(lease, seconds)
        return tuple(processor.result(tokens, image, run) for tokens, image in zip(readings, images, strict=True))

    def _run_info(self, lease: Lease, seconds: dict[str, float]) -> RunInfo:
        return RunInfo(
            family=self.family.name,
            tier=self.family.tier,
            recipe=recipe_to_dict(lease.recipe),
            recipe_hash=lease.recipe_hash,
            weights_version=lease.weights_version,
            device=self.cache.device,
            seconds=seconds,
            is_cached=lease.is_hit,
            bytes_moved=lease.bytes_moved,
        )


def read_tokens(model: Any, pixels: Any) -> list[list[Token]]:
    """Greedy decoding of a batch (B, 3, H, W), as the processor made it; the end token is part of each list."""
    import torch

    with torch.inference_mode():
        written = model.generate(
            pixels.to(model.device, model.dtype), do_sample=False, num_beams=1, max_new_tokens=MOST_TOKENS,
            use_cache=True, return_dict_in_generate=True, output_scores=True, output_attentions=True,
        )  # fmt: skip
    side = model.config.encoder.image_size // model.config.encoder.patch_size
    steps = [
        _step(scores, attentions, chosen, side)
        for scores, attentions, chosen in zip(
            written.scores, written.cross_attentions, written.sequences[:, 1:].unbind(1), strict=True
        )
    ]
    end = model.generation_config.eos_token_id
    return [_until_end(row, end) for row in zip(*steps, strict=True)]


def _step(scores: Any, attentions: Sequence[Any], chosen: Any, side: int) -> list[Token]:
    """One token per picture, of scores (B, vocabulary) and attentions (B, heads, 1, tokens) of every layer."""
    shares = scores.float().softmax(-1)
    best = shares.topk(min(ALTERNATIVES + 1, shares.shape[-1]))
    patches = sum(layer.float().mean(1)[:, -1, -side * side :] for layer in attentions)  # class tokens come first
    evidence = (patches / patches.sum(-1, keepdim=True)).unflatten(-1, (side, side)).cpu().numpy()
    tokens = []
    for row, index in enumerate(chosen.tolist()):
        pairs = zip(best.indices[row].tolist(), best.values[row].tolist(), strict=True)
        others = tuple(pair for pair in pairs if pair[0] != index)[:ALTERNATIVES]
        tokens.append(Token(index, float(shares[row, index]), others, evidence[row]))
    return tokens


def _until_end(tokens: Sequence[Token], end: int) -> list[Token]:
    stop = next((place for place, token in enumerate(tokens) if token.index == end), len(tokens) - 1)
    return list(tokens[: stop + 1])


@dataclass(frozen=True)
class Processor:
    """What stands before and behind the network: pictures to pixels, tokens to text. `ends`: tokens without a text."""

    images: Any
    tokenizer: Any

    def pixels(self, images: Sequence[OpenedImage]) -> Any:
        """Stretched to the network's size and normalised, (B, 3, H, W) float32."""
        from PIL import Image

        pictures = [Image.fromarray(to_bytes(image.pixels)) for image in images]
        return self.images(pictures, return_tensors="pt").pixel_values

    def result(self, tokens: Sequence[Token], image: OpenedImage, run: RunInfo) -> RecognitionResult:
        """A reading of tokens as text, characters and confidence."""
        confidence = float(np.prod([token.probability for token in tokens]))
        characters = tuple(
            CharacterReading(
                symbol=symbol,
                probability=token.probability,
                alternatives=self._alternatives(token),
                verified=None,
                box_xyxy=_box(token.evidence, image.pixels.shape[:2]),
                evidence=token.evidence,
            )
            for symbol, token in self.characters(tokens)
        )
        text = "".join(character.symbol for character in characters)
        return RecognitionResult(text, confidence, characters, run, notices=self._notices(tokens))

    def characters(self, tokens: Sequence[Token]) -> list[tuple[str, Token]]:
        """Characters with their tokens, without the blanks at either end.

        Texts of growing length are compared, because a character may need several tokens (bytes of one letter) and
        a token may be several characters.
        """
        owned: list[tuple[str, Token]] = []
        for count, token in enumerate(tokens, 1):
            text = self._text(tokens[:count])
            kept = 0
            while kept < min(len(owned), len(text)) and owned[kept][0] == text[kept]:
                kept += 1
            owned = owned[:kept] + [(symbol, token) for symbol in text[kept:]]
        visible = [place for place, (symbol, _) in enumerate(owned) if not symbol.isspace()]
        return owned[visible[0] : visible[-1] + 1] if visible else []

    def _text(self, tokens: Sequence[Token]) -> str:
        indices = [token.index for token in tokens]
        return self.tokenizer.decode(indices, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _alternatives(self, token: Token) -> tuple[Scored, ...]:
        return tuple((self.tokenizer.decode([index]).strip(), share) for index, share in token.alternatives)

    def _notices(self, tokens: Sequence[Token]) -> tuple[Notice, ...]:
        if tokens[-1].index == self.tokenizer.eos_token_id:
            return ()
        return (warning(f"The reading was cut off after {MOST_TOKENS} tokens: one line of text is read at a time."),)


@lru_cache(maxsize=4)
def processor_of(folder: Path) -> Processor:
    """Image processor and tokenizer of a checkpoint folder, without torchvision.

    Raises:
        UserError: they are not there, or the tokenizer needs the package sentencepiece.
    """
    import json

    from transformers import AutoTokenizer, DeiTImageProcessorPil, ViTImageProcessorPil

    _check_sentencepiece(folder)
    try:
        stated = json.loads((folder / "preprocessor_config.json").read_text())
        kind = stated.get("image_processor_type") or stated.get("feature_extractor_type", "")
        images = DeiTImageProcessorPil if kind.startswith("DeiT") else ViTImageProcessorPil
        return Processor(images.from_pretrained(folder), AutoTokenizer.from_pretrained(folder, local_files_only=True))
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"{folder.name} is no complete TrOCR checkpoint: its tokenizer or preprocessor_config.json cannot be read "
            f"({reason})."
        ) from error


def _check_sentencepiece(folder: Path) -> None:
    from importlib.util import find_spec

    is_needed = (folder / "sentencepiece.bpe.model").is_file() and not (folder / "tokenizer.json").is_file()
    if is_needed and find_spec("sentencepiece") is None:
        raise UserError(
            f"The tokenizer of {folder.name} needs a package: `pip install sentencepiece protobuf`; the other sizes of "
            "TrOCR do without.",
            title="Package missing",
        )


def _box(evidence: np.ndarray, size_hw: tuple[int, int]) -> Box:
    """Smallest rectangle around the patches with at least half of the strongest evidence, in pixels; coarse."""
    rows, columns = np.nonzero(evidence >= evidence.max() / 2)
    scale_y, scale_x = size_hw[0] / evidence.shape[0], size_hw[1] / evidence.shape[1]
    return (
        float(columns.min() * scale_x), float(rows.min() * scale_y),
        float((columns.max() + 1) * scale_x), float((rows.max() + 1) * scale_y),
    )  # fmt: skip
