"""Why nothing is found: which word, when it is left out, makes something appear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.grounding.tokenizer import split

if TYPE_CHECKING:
    from pipelines.grounding.decode import Raw

MOST_TRIALS = 24  # further expressions of one batch
EMPTY = frozenset(
    ("a", "an", "the", "is", "are", "of", "to", "in", "on", "at", "it", "and", "that", "this", "which", "there",
     "please", "find", "show", "me", "where")
)  # fmt: skip


@dataclass(frozen=True)
class Dropped:
    """An expression without one of its words, and what is said of the rest.

    Attributes:
        existence: of the rest, 0 to 1.
    """

    word: str
    rest: str
    existence: float


def without_each(phrase: str) -> list[tuple[str, str]]:
    """(word, the expression without it) for each word that says something; none where nothing would be left."""
    words = split(phrase)
    told = [at for at, word in enumerate(words) if word not in EMPTY]
    if len(told) < 2:
        return []
    return [(words[at], " ".join(words[:at] + words[at + 1 :])) for at in told]


def dropped_words(phrases: Sequence[str], ask: Callable[[list[str]], Sequence[Raw]]) -> dict[str, list[Dropped]]:
    """For each phrase its words, those first without which something is likeliest to exist.

    Args:
        ask: expressions -> what the network says about them; called once, with `MOST_TRIALS` at most.
    """
    trials = [(phrase, *one) for phrase in phrases for one in without_each(phrase)][:MOST_TRIALS]
    raws = ask([rest for _, _, rest in trials]) if trials else ()
    found: dict[str, list[Dropped]] = {phrase: [] for phrase in phrases}
    for (phrase, word, rest), raw in zip(trials, raws, strict=True):
        found[phrase].append(Dropped(word, rest, raw.existence))
    return {phrase: sorted(some, key=lambda one: -one.existence) for phrase, some in found.items()}
