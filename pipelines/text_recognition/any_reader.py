"""One call for every family that reads: pictures in, readings out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pipelines.text_recognition.trocr import TrOCR

if TYPE_CHECKING:
    from pipelines.merging.recipe import MergeRecipe
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily
    from pipelines.shared.images import OpenedImage
    from pipelines.text_recognition.options import ReadingOptions
    from pipelines.text_recognition.photograph import Read
    from pipelines.text_recognition.results import RecognitionResult


@dataclass(frozen=True)
class OpenedReader:
    """Reads pictures with one mix of a family. `reads_lines`: several words with the blanks between them."""

    read: Read
    reads_lines: bool

    def __call__(self, images: Sequence[OpenedImage]) -> Sequence[RecognitionResult]:
        """A reading of each picture."""
        return self.read(images)


def open_reader(
    cache: ModelCache, family: ModelFamily, options: ReadingOptions | None = None, recipe: MergeRecipe | None = None
) -> OpenedReader:
    """A reader of the family's mix; TrOCR has none of the options, which are for networks that can be asked."""
    recipe = recipe or family.default
    if isinstance(family.build, TrOCR):
        from pipelines.text_recognition.trocr_reading import TrOCRPipeline

        return OpenedReader(partial(TrOCRPipeline(cache, family).batch, recipe=recipe), reads_lines=True)
    from pipelines.text_recognition.pipeline import TextRecognitionPipeline

    pipeline = TextRecognitionPipeline(cache, family)
    return OpenedReader(partial(pipeline.batch, options=options, recipe=recipe), reads_lines=False)
