"""What is asked, as text: phrases, and what of each answer is wanted (REF-VLM's triplets, in words)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipelines.grounding.results import DECODES, GroundingResult, disagreement
from pipelines.shared.errors import UserError
from pipelines.shared.notice import Notice

MOST_CHARACTERS = 1000  # of a phrase
SEPARATORS = re.compile(r"[\n;]|\s\.\s")  # a line, a semicolon, and the " . " of other detectors
NAMES = {"centre": "center", "heat": "heatmap", "masks": "mask", "boxes": "box"}
NONE = "none"


@dataclass(frozen=True)
class Query:
    """A phrase, and what is decoded for it; nothing asks only whether there is such a thing."""

    phrase: str
    decodes: tuple[str, ...] = DECODES

    @property
    def text(self) -> str:
        """As it is written."""
        wanted = "" if self.decodes == DECODES else f" | {' '.join(self.decodes) or NONE}"
        return self.phrase + wanted


def parse_queries(text: str) -> tuple[Query, ...]:
    """Phrases of a text: a line each, or between semicolons; "phrase | box mask" restricts, "phrase | none" only asks.

    Raises:
        UserError: nothing but blanks and signs, a phrase of more than 1,000 characters, or an unknown decoding.
    """
    parts = [part.strip().removesuffix(".").strip() for part in SEPARATORS.split(text)]
    queries = [_query(part) for part in parts if part]
    if not queries:
        raise UserError("Type what to find, for example “the red mug on the left”.", "Nothing to look for")
    return tuple({query.phrase: query for query in queries}.values())


def queries_of(phrases: Any) -> tuple[Query, ...]:
    """The phrases of a recipe, a list of texts or one text; none of nothing. Raises UserError as `parse_queries`, and
    where they are something else."""
    texts = [phrases] if isinstance(phrases, str) else phrases or []
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise UserError(
            f"The phrases of a recipe are {str(phrases)[:60]!r}; expected is a list of texts, for example "
            "[the red mug, a star | box].", "Unknown phrases",
        )  # fmt: skip
    return parse_queries("\n".join(texts)) if texts else ()


def _query(part: str) -> Query:
    phrase, bar, wanted = part.partition("|")
    phrase = " ".join(phrase.split())
    if len(phrase) > MOST_CHARACTERS:
        raise UserError(
            f"A phrase has {len(phrase):,} characters; at most {MOST_CHARACTERS:,} are taken, and only its first words "
            "are read. Say it shorter.", "Phrase too long",
        )  # fmt: skip
    if not any(letter.isalnum() for letter in phrase):
        raise UserError(f"“{part[:40]}” names nothing: type what to find.", "Nothing to look for")
    return Query(phrase, _decodes(wanted) if bar else DECODES)


def _decodes(wanted: str) -> tuple[str, ...]:
    names = [NAMES.get(name, name) for name in re.findall(r"\w+", wanted.lower())]
    if strangers := [name for name in names if name not in (*DECODES, NONE)]:
        raise UserError(
            f"After “|” stand {', '.join((*DECODES, NONE))}; not “{strangers[0][:20]}”.", "Unknown decoding"
        )
    return tuple(name for name in DECODES if name in names) if names else DECODES


def restricted(result: GroundingResult, queries: Sequence[Query]) -> GroundingResult:
    """The result of the queries' phrases with what each of them wants; no objects of those that are only asked."""
    wanted = {query.phrase: query.decodes for query in queries}
    kept = [replace(one, decodes=wanted[one.phrase]) for one in result.objects if wanted[one.phrase]]
    numbers = {one.id: number for number, one in enumerate(kept, 1)}
    phrases = [
        replace(one, decodes=wanted[one.phrase], targets=tuple(numbers[id] for id in one.targets if id in numbers))
        for one in result.phrases
    ]  # fmt: skip
    objects = tuple(replace(one, id=numbers[one.id]) for one in kept)
    whole = {one.id: numbers[one.id] for one in kept if one.has_box and one.has_mask}
    return replace(result, objects=objects, phrases=tuple(phrases), notices=_renumbered(result, whole))


def _renumbered(result: GroundingResult, numbers: Mapping[int, int]) -> tuple[Notice, ...]:
    """Its notices, with the new numbers of objects; what is said of others goes."""
    told = {disagreement(one.id): disagreement(numbers[one.id]) if one.id in numbers else "" for one in result.objects}
    said = [replace(one, text=told.get(one.text, one.text)) for one in result.notices]
    return tuple(one for one in said if one.text)
