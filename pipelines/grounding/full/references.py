"""What an expression says: noun phrases with their looks, and clauses with the things that they are related to."""

from __future__ import annotations

from dataclasses import dataclass

THING = "object"  # what a detector is asked for where no noun is said


@dataclass(frozen=True)
class Clause:
    """Something that is said of a thing beside its looks.

    Attributes:
        kind: "place", "pick" (an extreme), "nth", "relation" or "lack" (a look that it has not).
        name: which place, extreme, side to count from, relation or look.
        anchors: what it is related to: two for "between".
        rank: of "nth", from 1; -1 is the last, -2 the one before it.
        is_negated: it is not there, or not in that relation.
        said: the words, for the explanation.
    """

    kind: str
    name: str
    said: str
    anchors: tuple[Reference, ...] = ()
    rank: int = 0
    is_negated: bool = False


@dataclass(frozen=True)
class Reference:
    """A noun phrase.

    Attributes:
        looks: words beside the noun.
        count: so many are meant; 0 is all that fit, 1 is one.
    """

    noun: str
    looks: tuple[str, ...] = ()
    clauses: tuple[Clause, ...] = ()
    count: int = 1

    @property
    def phrase(self) -> str:
        """What a detector is asked for."""
        return " ".join((*self.looks, self.noun))


@dataclass(frozen=True)
class Expression:
    """References, of which any is meant ("the fish or the disc"); usually one."""

    references: tuple[Reference, ...]

    @property
    def phrases(self) -> tuple[str, ...]:
        """Every phrase that a detector has to look for, each once: what is meant first, then what is referred to."""
        found: dict[str, None] = {}
        for reference in self.references:
            _collect(reference, found)
        return tuple(found)


def _collect(reference: Reference, found: dict[str, None]) -> None:
    found[reference.phrase] = None
    for clause in reference.clauses:
        if clause.kind == "lack":
            found[f"{clause.name} {reference.noun}"] = None
        for anchor in clause.anchors:
            _collect(anchor, found)
