"""What comes out of a reading and of a question: values, ready for the page, for JSON and for a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pipelines.shared.notice import Notice
from pipelines.shared.run_info import RunInfo

if TYPE_CHECKING:
    import numpy as np

Scored = tuple[str, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class CharacterReading:
    """One character of a reading.

    Attributes:
        probability: 0 to 1, by the procedure that read it; 1 where the pattern fixed it.
        alternatives: the five next most probable characters with their probabilities.
        verified: probability of yes to "is it this character?", 0 to 1, asked apart from the reading; None from a
            network that cannot be asked (TrOCR).
        box_xyxy: pixels of the picture that came in, right and bottom exclusive.
        evidence: (rows, columns) float32, where the network looked, as the picture lies; sums to 1.
        lookalikes: look-alikes with their probability of yes, where they were asked for.
        is_given: fixed by the pattern; never with a word list, which is held against the pattern first.
    """

    symbol: str
    probability: float
    alternatives: tuple[Scored, ...]
    verified: float | None
    box_xyxy: Box
    evidence: np.ndarray
    lookalikes: tuple[Scored, ...] = ()
    is_given: bool = False


@dataclass(frozen=True)
class Correction:
    """A character that was doubted and read again.

    Attributes:
        round: of refinement, from 1.
        position: in the word, from 1.
        before, after: the character; equal where the doubt was not confirmed.
        verified: the probability of yes, 0 to 1, that was too low.
        probability_before, probability_after: of the characters, 0 to 1.
    """

    round: int
    position: int
    before: str
    after: str
    verified: float
    probability_before: float
    probability_after: float


@dataclass(frozen=True)
class RecognitionResult:
    """One word as it was read.

    Attributes:
        text: what is read; empty where no text is seen.
        confidence: calibrated, 0 to 1: product of the characters' probabilities and that of the end of the word; with a
            lexicon, the share of the best word among all of them.
        trace: doubted characters, in the order of the rounds.
        ranking: words of the lexicon with their scores (log-probabilities), best first.
        turned: degrees counter-clockwise by which the picture was turned before it was read: 0, 90 or -90.
        is_doubtful: not to be trusted; a notice says why.
    """

    text: str
    confidence: float
    characters: tuple[CharacterReading, ...]
    run: RunInfo
    trace: tuple[Correction, ...] = ()
    ranking: tuple[Scored, ...] = ()
    notices: tuple[Notice, ...] = ()
    turned: int = 0
    is_doubtful: bool = False

    def __post_init__(self) -> None:
        assert self.text == "".join(character.symbol for character in self.characters), self.text
        assert 0 <= self.confidence <= 1, self.confidence

    @property
    def confidences(self) -> tuple[float, ...]:
        """Probability of each character, 0 to 1."""
        return tuple(character.probability for character in self.characters)

    @property
    def margin(self) -> float | None:
        """Score of the best word of the lexicon less that of the next; None without two words."""
        return self.ranking[0][1] - self.ranking[1][1] if len(self.ranking) > 1 else None

    def rows(self) -> list[dict[str, Any]]:
        """A row per character, for a table or a CSV file."""
        return [_row(position, character) for position, character in enumerate(self.characters, 1)]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, without the evidence maps."""
        return {
            "text": self.text,
            "confidence": self.confidence,
            "characters": self.rows(),
            "trace": [asdict(correction) for correction in self.trace],
            "ranking": [list(pair) for pair in self.ranking],
            "turned": self.turned,
            "is_doubtful": self.is_doubtful,
            "notices": [asdict(notice) for notice in self.notices],
            "run": asdict(self.run),
        }


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Attributes:
        text: "3", "yes", "C"; for a place that there is not, "none".
        probability: of that answer, 0 to 1.
        evidence: (rows, columns) float32, where the network looked; sums to 1.
        agrees: whether the parallel reading says the same.
        reading: that reading.
    """

    text: str
    probability: float
    evidence: np.ndarray
    agrees: bool
    reading: str
    run: RunInfo


def _row(position: int, character: CharacterReading) -> dict[str, Any]:
    return {
        "position": position,
        "character": character.symbol,
        "probability": character.probability,
        "verified": character.verified,
        "alternatives": [list(pair) for pair in character.alternatives],
        "lookalikes": [list(pair) for pair in character.lookalikes],
        "box_xyxy": list(character.box_xyxy),
        "is_given": character.is_given,
    }
