"""What the text tab computes, without a widget: jobs, and a bench that keeps the last pictures and readings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np

from demos.bench import Bench
from demos.networks import OWN, family_named, networks_of
from demos.shelf import Shelf
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError
from pipelines.shared.images import to_bytes
from pipelines.shared.recipe_file import InputRef
from pipelines.shared.scoring import scores_so_far
from pipelines.text_recognition.abilities import abilities_of
from pipelines.text_recognition.options import PHOTO, ReadingOptions

if TYPE_CHECKING:
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily
    from pipelines.shared.images import OpenedImage
    from pipelines.shared.notice import Notice
    from pipelines.text_recognition.any_reader import Reader
    from pipelines.text_recognition.detection import OpenedDetector
    from pipelines.text_recognition.photograph import Finding, PhotographReading
    from pipelines.text_recognition.pipeline import TextRecognitionPipeline
    from pipelines.text_recognition.questions import Question
    from pipelines.text_recognition.results import Answer, RecognitionResult


READING_BYTES = 20_000  # what is known of one word: characters, their alternatives, evidence maps
MOST_SHEETS = 12  # of one photograph


@dataclass(frozen=True)
class Job:
    """One reading a visitor asks for: everything that decides its text.

    `path` is a file the page has received; `mode` is CROP (one word) or PHOTO (words are looked for first). `network`
    names a published family that `recipe` mixes; empty is the tab's own.
    """

    path: str
    mode: str
    options: ReadingOptions
    recipe: MergeRecipe
    network: str = OWN

    @property
    def key(self) -> str:
        """Equal for equal jobs."""
        told = (self.path, self.mode, self.options, self.recipe, self.network)
        return hashlib.sha256(repr(told).encode()).hexdigest()


@dataclass(frozen=True)
class Word:
    """One word: its reading, its crop (H, W, 3) uint8, and in a photograph its corners, (4, 2) px."""

    reading: RecognitionResult
    pixels: np.ndarray
    corners: np.ndarray | None = None


@dataclass(frozen=True)
class Sheet:
    """What a run gives: the words in reading order; a crop has one.

    Of a photograph, `photo` is (H, W, 3) uint8, and `photograph` what the pipeline tells of its words.
    """

    words: tuple[Word, ...]
    photo: np.ndarray | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    photograph: PhotographReading | None = None

    @property
    def text(self) -> str:
        """The word; of a photograph all words, a line for each of its lines."""
        return self.photograph.text if self.photograph else self.words[0].reading.text

    @property
    def notices(self) -> tuple[Notice, ...]:
        """About all of a photograph."""
        return self.photograph.notices if self.photograph else ()

    def word(self, index: int) -> Word | None:
        """The chosen word, or the last one there is; None where no word was found."""
        return self.words[min(index, len(self.words) - 1)] if self.words else None


@dataclass(frozen=True)
class Photo:
    """A photograph and the words found in it, as long as they are kept; its sheets are kept with it, and go with it.

    `pixels` is (H, W, 3) uint8: the floats that were looked at take four times as much, and are let go.
    """

    name: str
    sha256: str
    pixels: np.ndarray
    found: Finding
    sheets: Shelf

    @property
    def size_bytes(self) -> int:
        """With all its sheets may take."""
        crops = sum(word.pixels.nbytes for word in self.found.words)
        return self.pixels.nbytes + crops + sheets_bytes(self.found)


def sheets_bytes(found: Finding) -> int:
    """What the sheets of one photograph may take, readings alone; they share its pixels."""
    return MOST_SHEETS * READING_BYTES * max(len(found.words), 1)


class TextBench(Bench["Job", "Sheet", "TextRecognitionPipeline"]):
    """Runs jobs; pictures that were read and texts that were made lately are not made again.

    Attributes:
        networks: the tab's own family, and the published ones that can be asked to read instead.
    """

    most_bytes = 200_000_000  # of pictures and readings

    def __init__(
        self, cache: ModelCache, family: ModelFamily, others: Iterable[ModelFamily] = (),
        make_pipeline: Callable[[], TextRecognitionPipeline] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(cache, family, make_pipeline)
        self.networks = networks_of(family, others)
        self._published: dict[str, Reader] = {}
        self._detector: OpenedDetector | None = None

    def family_of(self, network: str) -> ModelFamily:
        """The family behind a network. Raises UserError naming the known ones."""
        return family_named(self.networks, network)

    def reader(self, network: str) -> Reader:
        """What reads for a network. Raises UserError naming the known ones."""
        family = self.family_of(network)
        if network == OWN:
            return self.pipeline
        if network not in self._published:
            from pipelines.text_recognition.any_reader import open_pipeline

            self._published[network] = open_pipeline(self.cache, family)
        return self._published[network]

    def asked(self, network: str) -> TextRecognitionPipeline:
        """What answers for a network. Raises UserError: it only reads."""
        from pipelines.text_recognition.abilities import check_questions

        check_questions(self.family_of(network))
        return cast("TextRecognitionPipeline", self.reader(network))

    def real_pipeline(self) -> TextRecognitionPipeline:
        """The reading pipeline of this family."""
        from pipelines.text_recognition.pipeline import TextRecognitionPipeline

        return TextRecognitionPipeline(self.cache, self.family)

    def make(self, job: Job) -> Sheet:
        """What is read."""
        if job.mode == PHOTO:
            return self.run(self._photo_sheet, job, self.photo(job))
        return self.run(self._crop_sheet, job)

    def size_of(self, result: Sheet) -> int:
        """What is known of each word, and a crop; the pixels of a photograph are counted once, with it."""
        pixels = 0 if result.photograph else sum(word.pixels.nbytes for word in result.words)
        return pixels + READING_BYTES * max(len(result.words), 1)

    def shelf_of(self, job: Job) -> Shelf:
        """Sheets of a photograph are kept with it: they hold its pixels, which are counted there."""
        return self.photo(job).sheets if job.mode == PHOTO else self._shelf

    def image(self, job: Job) -> OpenedImage:
        """The picture of a job. Raises UserError as `open_image` does."""
        return self.kept(("image", job.path), lambda: _opened(job), lambda image: image.pixels.nbytes)

    def photo(self, job: Job) -> Photo:
        """The photograph of a job, looked through once for words, once for lines. Raises UserError as `open_image`."""
        key = ("photo", job.path, self._reads_lines(job))
        return self.kept(key, lambda: self.run(self._looked_through, job), lambda one: one.size_bytes)

    def _reads_lines(self, job: Job) -> bool:
        return abilities_of(self.family_of(job.network)).reads_lines

    def input_of(self, job: Job) -> InputRef:
        """Name and hash of the picture of a job."""
        image = self.photo(job) if job.mode == PHOTO else self.image(job)
        return InputRef(image.name, image.sha256)

    def _crop_sheet(self, job: Job) -> Sheet:
        image = self.image(job)
        reading = self.reader(job.network)(image, job.options, job.recipe)
        return Sheet((Word(reading, to_bytes(image.pixels)),), seconds=reading.run.seconds)

    def _photo_sheet(self, job: Job, photo: Photo) -> Sheet:
        """Words are looked for once; another mix, or other options, reads the same ones again."""
        from pipelines.text_recognition.photograph import read_found

        told = read_found(photo.found, partial(self.reader(job.network).batch, options=job.options, recipe=job.recipe))
        words = tuple(Word(one.reading, one.found.pixels, one.found.corners) for one in told.words)
        run_seconds = words[0].reading.run.seconds if words else {}
        return Sheet(words, photo.pixels, {**run_seconds, **told.seconds}, told)

    def _looked_through(self, job: Job) -> Photo:
        from pipelines.text_recognition.detection import open_detector
        from pipelines.text_recognition.photograph import find

        image = _opened(job)
        self._detector = self._detector or open_detector()
        found = find(image, self._detector, is_cut=not self._reads_lines(job))
        return Photo(image.name, image.sha256, to_bytes(image.pixels), found, Shelf(sheets_bytes(found)))

    def mixed(self, job: Job, recipes: Mapping[str, MergeRecipe]) -> dict[str, Sheet]:
        """The same picture read by other mixes."""
        return {name: self.result(replace(job, recipe=recipe))[0] for name, recipe in recipes.items()}

    def by_procedure(self, job: Job) -> dict[str, RecognitionResult | UserError]:
        """The same crop read by every procedure."""
        compare = partial(self.asked(job.network).compare, self.image(job), job.options, job.recipe)
        return self.kept(("procedures", job.key), lambda: self.run(compare), lambda _: 100_000)

    def ask(self, job: Job, word: Word, question: Question) -> Answer:
        """What the mix answers to a question about one word."""
        from pipelines.text_recognition.photograph import as_picture

        pipeline = self.asked(job.network)
        image = self.image(job) if word.corners is None else as_picture(word.pixels, "word")
        return self.run(pipeline.ask, image, question, job.options, job.recipe)

    def scores(self, recipe: MergeRecipe) -> Iterator[dict[str, float]]:
        """A mix of the tab's own family on every task's probe set, a set at a time."""
        from pipelines.text_recognition.probe import SETS, score_model

        return scores_so_far(self.cache, self.family, recipe, tuple(SETS), score_model)

    def whole_scores(self, recipe: MergeRecipe) -> Iterator[dict[str, float]]:
        """The same on 1,000 crops a set. Raises UserError, naming packages, where too few fonts are there."""
        from pipelines.text_recognition.probe import SETS, score_whole

        return scores_so_far(self.cache, self.family, recipe, SETS, score_whole)


def _opened(job: Job) -> OpenedImage:
    from pipelines.shared.images import open_image

    if not job.path:
        raise UserError("There is no picture yet: upload one, paste it, or choose an example.", "Nothing to read")
    return open_image(job.path)
