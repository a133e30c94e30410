"""TextRecognitionPipeline: word crops in, what they say out, with everything the network can tell about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_hash, recipe_to_dict
from pipelines.shared.errors import UserError
from pipelines.shared.notice import Notice, info, warning
from pipelines.shared.run_info import RunInfo
from pipelines.text_recognition.abilities import check_options
from pipelines.text_recognition.inputs import Crop, crop_of
from pipelines.text_recognition.options import PROCEDURES, ReadingOptions
from pipelines.text_recognition.questions import Question, expected
from pipelines.text_recognition.results import Answer, RecognitionResult

if TYPE_CHECKING:
    from pipelines.shared.cache import Lease, ModelCache
    from pipelines.shared.family import ModelFamily
    from pipelines.shared.images import OpenedImage
    from pipelines.text_recognition.crops import Look

NO_TEXT = "No text is seen in {name}."
EVEN_TONE = "{name} is one even tone: there is no text in it."


class TextRecognitionPipeline:
    """Callable: a picture of one word, options and a merge recipe give a RecognitionResult. Keeps nothing of a visitor.

    Visual tokens of the last crops are kept by content and weights, so a change of procedure does not encode again.
    """

    def __init__(self, cache: ModelCache, family: ModelFamily | None = None) -> None:
        from pipelines.registry import family as family_named
        from pipelines.text_recognition.calibration import temperatures_of
        from pipelines.text_recognition.token_cache import TokenCache

        self.cache = cache
        self.family = family or family_named("igtr")
        self.temperatures = temperatures_of(cache.assets, self.family.name)
        self._tokens = TokenCache()

    def __call__(
        self, image: OpenedImage, options: ReadingOptions | None = None, recipe: MergeRecipe | None = None
    ) -> RecognitionResult:
        """Read one word.

        Args:
            image: as `open_image` gives it.
            recipe: which mix of the family reads; None is the family's default.

        Raises:
            UserError: the picture is too small, or the network or its procedure cannot follow the options.
        """
        return self.batch([image], options, recipe)[0]

    def batch(
        self,
        images: Sequence[OpenedImage],
        options: ReadingOptions | None = None,
        recipe: MergeRecipe | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[RecognitionResult, ...]:
        """Read many words, in batches of 32; `progress` is told how many of all are read."""
        check_options(self.family, options)
        if not images:
            return ()
        crops = [crop_of(image) for image in images]
        began = time.perf_counter()
        with self.cache.lease(self.family, recipe or self.family.default) as lease:
            results = self._read(lease, crops, options or ReadingOptions(), progress)
        run = self._run_info(lease, time.perf_counter() - began)
        return tuple(replace(result, run=run) for result in results)

    def compare(
        self, image: OpenedImage, options: ReadingOptions | None = None, recipe: MergeRecipe | None = None
    ) -> dict[str, RecognitionResult | UserError]:
        """One word by every procedure; a UserError where one cannot follow the pattern.

        No word list is used: it would take the place of the procedure.
        """
        asked = replace(options or ReadingOptions(), lexicon=())
        results: dict[str, RecognitionResult | UserError] = {}
        for name in PROCEDURES:
            try:
                results[name] = self(image, replace(asked, procedure=name), recipe)
            except UserError as error:
                results[name] = error
        return results

    def ask(
        self,
        image: OpenedImage,
        question: Question,
        options: ReadingOptions | None = None,
        recipe: MergeRecipe | None = None,
    ) -> Answer:
        """Answer a question about one word; what the options know of it beforehand is known to the network.

        The answer is held against the word as these options read it.

        Raises:
            UserError: the picture is one even tone.
        """
        from pipelines.text_recognition.asking import ask
        from pipelines.text_recognition.constraint import Constraint
        from pipelines.text_recognition.reader import Reader
        from pipelines.text_recognition.views import turned_back

        crop, asked = crop_of(image), options or ReadingOptions()
        if crop.is_even:
            raise UserError(EVEN_TONE.format(name=crop.name), "Nothing to ask about")
        began = time.perf_counter()
        with self.cache.lease(self.family, recipe or self.family.default) as lease:
            (look,) = self._looks(lease, [crop], asked, None)
            reader = Reader(_network(lease), look.visual, Constraint.of(asked), self.temperatures)
            told = ask(reader, question)
        (text,) = look.reading.texts()
        return Answer(
            told.text,
            told.probability,
            turned_back(told.evidence.float().cpu().numpy(), look.turn),
            told.text == expected(question, text),
            text,
            self._run_info(lease, time.perf_counter() - began),
        )

    def _read(
        self, lease: Lease, crops: Sequence[Crop], options: ReadingOptions, progress: Callable[[int, int], None] | None
    ) -> list[RecognitionResult]:
        from pipelines.text_recognition.description import described

        looks = self._looks(lease, crops, options, progress)
        characters = described(_network(lease), looks, [crop.size_wh for crop in crops], options)
        by_columns = self._by_columns(lease, looks)
        run = self._run_info(lease, 0.0)
        return [
            _finished(crop, look, told, columns, run)
            for crop, look, told, columns in zip(crops, looks, characters, by_columns, strict=True)
        ]

    def _looks(
        self, lease: Lease, crops: Sequence[Crop], options: ReadingOptions,
        progress: Callable[[int, int], None] | None,
    ) -> list[Look]:  # fmt: skip
        from pipelines.text_recognition.crops import read_crops

        def encode(network: Any, pixels: Any) -> Any:
            return self._tokens.encode(network, pixels, lease.weights_version)

        pixels = [crop.pixels for crop in crops]
        return read_crops(_network(lease), pixels, options, self.temperatures, encode, progress)

    def _by_columns(self, lease: Lease, looks: Sequence[Look]) -> list[str]:
        """What the CTC head reads in each; the reading itself where the network has no such head."""
        import torch

        from pipelines.text_recognition.procedures.ctc import read_ctc
        from pipelines.text_recognition.reader import Reader

        if not getattr(lease.model, "has_ctc", True):
            return [look.reading.texts()[0] for look in looks]
        with torch.inference_mode():
            return read_ctc(Reader(_network(lease), torch.cat([look.visual for look in looks]))).texts()

    def _run_info(self, lease: Lease, seconds: float) -> RunInfo:
        parts: Mapping[str, float] = {"load": lease.load_s, "merge": lease.merge_s, "total": seconds}
        return RunInfo(
            family=self.family.name,
            tier=self.family.tier,
            recipe=recipe_to_dict(lease.recipe),
            recipe_hash=recipe_hash(lease.recipe),
            weights_version=lease.weights_version,
            device=self.cache.device,
            seconds={**parts, "infer": max(seconds - lease.load_s - lease.merge_s, 0.0)},
            is_cached=lease.is_hit,
            bytes_moved=lease.bytes_moved,
        )


def _network(lease: Lease) -> Any:
    """The lent network, which for these families is an IGTR."""
    return lease.model


def _finished(crop: Crop, look: Look, characters: Any, by_columns: str, run: RunInfo) -> RecognitionResult:
    """The result of one crop, with what has to be said about it."""
    from pipelines.text_recognition.doubt import reasons_for_doubt

    (text,), (confidence,) = look.reading.texts(), look.reading.confidences()
    if crop.is_even or not text:
        said = warning((EVEN_TONE if crop.is_even else NO_TEXT).format(name=crop.name))
        return RecognitionResult("", 0.0, (), run, notices=(*crop.notices, said), turned=look.turn, is_doubtful=True)
    reasons = reasons_for_doubt(text, confidence, [one.verified for one in characters], by_columns)
    return RecognitionResult(
        text,
        confidence,
        characters,
        run,
        trace=look.reading.traces[0] if look.reading.traces else (),
        ranking=look.reading.rankings[0] if look.reading.rankings else (),
        notices=(*crop.notices, *_told(look, text, characters, reasons)),
        turned=look.turn,
        is_doubtful=bool(reasons),
    )


def _told(look: Look, text: str, characters: Any, reasons: Sequence[str]) -> list[Notice]:
    from pipelines.text_recognition.doubt import doubt_of

    said = [info(f"Read after a turn by {look.turn:+d}°.")] if look.turn else []
    said += [
        warning(f"The hint {one.symbol!r} at {place} is not what the picture shows ({one.verified:.0%} yes).")
        for place, one in enumerate(characters, 1)
        if one.is_given and one.verified < 0.1
    ]
    return [*said, warning(doubt_of(text, reasons))] if reasons else said
