"""What the full tier says about an expression, before any threshold; results are made of it without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipelines.grounding.full.candidates import Candidates
from pipelines.grounding.full.references import Expression
from pipelines.grounding.full.rerank import Ranking, Term

SHORT = 12  # candidates that get a mask


@dataclass(frozen=True)
class FullRaw:
    """An expression's candidates, ranked.

    Attributes:
        rankings: one for each reference.
        shortlist: numbers of the candidates that have a mask, best first.
        masks: their logits, (k, h, w) float16 over the picture, NaN of a candidate without a mask; None where none
            has one.
        usual: probability that becomes an existence of one half.
        is_scored: False where probabilities are not the network's own.
    """

    expression: Expression
    candidates: Candidates
    rankings: tuple[Ranking, ...]
    shortlist: tuple[int, ...]
    masks: np.ndarray | None
    usual: float
    is_scored: bool = True

    @property
    def maskless(self) -> tuple[int, ...]:
        """Places in the shortlist whose candidates have no mask."""
        places = range(len(self.shortlist))
        return tuple(k for k in places if self.masks is None or np.isnan(self.masks[k, 0, 0]))

    def sureness_of(self, ranking: Ranking) -> np.ndarray:
        """Of each candidate being what one reference means, (n,), 0 to 1: one half at the probability at which things
        count as found."""
        return ranking.probability / (ranking.probability + self.usual)

    @property
    def sureness(self) -> np.ndarray:
        """Of each candidate being what any reference means, (n,), 0 to 1."""
        return np.max([self.sureness_of(ranking) for ranking in self.rankings], 0)

    @property
    def existence(self) -> float:
        """Of there being what is meant: the sureness of the best candidate of any reference."""
        if not len(self.candidates):
            return 0.0
        return max(float(self.sureness_of(ranking)[ranking.order[0]]) for ranking in self.rankings)

    @property
    def nbytes(self) -> int:
        """Memory it holds."""
        return 40_000 + (0 if self.masks is None else self.masks.nbytes)

    @property
    def nearest(self) -> tuple[int, Term] | None:
        """The best candidate and the term that fits it least: why nothing is found. None without candidates."""
        if not len(self.candidates):
            return None
        number = int(self.rankings[0].order[0])
        return number, self.rankings[0].weakest(number)

    def explained(self) -> Iterator[tuple[int, str, float]]:
        """(candidate, words of the expression, how true of it), term by term, for the shortlist."""
        for ranking in self.rankings:
            for number in self.shortlist:
                for said, value in ranking.told(number):
                    yield number, said, value

    @property
    def unjudged(self) -> tuple[str, ...]:
        """Clauses that boxes cannot tell."""
        return tuple(term.said for ranking in self.rankings for term in ranking.terms if not term.is_judged)


def shortlist(rankings: tuple[Ranking, ...]) -> tuple[int, ...]:
    """Numbers of the best candidates of all references, best first, in turn."""
    turns = zip(*(ranking.order[:SHORT] for ranking in rankings), strict=True)
    return tuple(dict.fromkeys(int(number) for turn in turns for number in turn))[:SHORT]
