"""One call for every family that reads: pictures in, readings out; `READERS` for the menu of networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from pipelines.text_recognition.abilities import abilities_of
from pipelines.text_recognition.igtr_authors_family import IGTR_AUTHORS
from pipelines.text_recognition.trocr import TROCR_FAMILIES, TrOCR

if TYPE_CHECKING:
    from pipelines.merging.recipe import MergeRecipe
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily
    from pipelines.shared.images import OpenedImage
    from pipelines.text_recognition.options import ReadingOptions
    from pipelines.text_recognition.photograph import Read
    from pipelines.text_recognition.results import RecognitionResult

READERS: tuple[ModelFamily, ...] = (*TROCR_FAMILIES, IGTR_AUTHORS)  # of the full tier


class Reader(Protocol):
    """What the pipelines of every family can do."""

    def __call__(
        self, image: OpenedImage, options: ReadingOptions | None = None, recipe: MergeRecipe | None = None
    ) -> RecognitionResult:
        """Read one picture."""

    def batch(
        self,
        images: Sequence[OpenedImage],
        options: ReadingOptions | None = None,
        recipe: MergeRecipe | None = None,
    ) -> tuple[RecognitionResult, ...]:
        """Read many."""


@dataclass(frozen=True)
class OpenedReader:
    """Reads pictures with one mix of a family. `reads_lines`: several words with the blanks between them."""

    read: Read
    reads_lines: bool

    def __call__(self, images: Sequence[OpenedImage]) -> Sequence[RecognitionResult]:
        """A reading of each picture."""
        return self.read(images)


def open_pipeline(cache: ModelCache, family: ModelFamily) -> Reader:
    """What runs the family's mixes; it needs no weights yet."""
    if isinstance(family.build, TrOCR):
        from pipelines.text_recognition.trocr_reading import TrOCRPipeline

        return TrOCRPipeline(cache, family)
    from pipelines.text_recognition.pipeline import TextRecognitionPipeline

    return TextRecognitionPipeline(cache, family)


def open_reader(
    cache: ModelCache, family: ModelFamily, options: ReadingOptions | None = None, recipe: MergeRecipe | None = None
) -> OpenedReader:
    """A reader of the family's mix; options that its network cannot follow are refused when it reads."""
    read = partial(open_pipeline(cache, family).batch, options=options, recipe=recipe or family.default)
    return OpenedReader(read, abilities_of(family).reads_lines)
