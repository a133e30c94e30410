"""Candidates of a detector put in the order that an expression asks for, with what each term of it says.

Zero-shot detectors know nouns and looks, not relations: the right box is among their first five nine times in ten, but
first only five times in ten. Here places, orders and relations are judged by the boxes themselves.

A candidate's score is the product of how well the words fit it and how true each clause is of it. Words are weighed
against their best candidate, and above half of that they hardly differ: what a detector says beyond is mostly noise,
and would outweigh where a thing is. A clause with an anchor takes the anchor that makes the product largest, so that
both are found together. Orders ("second from the left") count those candidates that fit, softly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipelines.grounding.full import soft_predicates as soft
from pipelines.grounding.full.candidates import Candidates
from pipelines.grounding.full.references import Clause, Expression, Reference

LEAST_WORD = 0.25  # a word that fits nothing better than this is not taken from its best candidate
PASS, PASS_WIDTH = 0.5, 0.08  # share of the best score that still passes
WORD_PASS, WORD_WIDTH = 0.58, 0.07  # share of a word's best probability with which it still fits
SLIGHT = 0.25  # power of a word's probability: what decides where nothing else does
OUTERMOST = 0.9  # how truly the leftmost of several is "on the left" though it is not
LACK, LACK_WIDTH = 0.6, 0.1
FLOOR = 1e-4  # nothing is impossible: a wrong term may be outweighed
IN_ORDER = ("pick", "nth")  # clauses that compare those that fit all others


@dataclass(frozen=True)
class Term:
    """One factor of the scores.

    Attributes:
        said: the words of the expression.
        values: how true it is of each candidate, (n,), 0 to 1.
        anchors: the candidate that each is related to, (n,); empty without an anchor.
        is_judged: False where boxes cannot tell; the term then says nothing.
    """

    said: str
    values: np.ndarray
    anchors: np.ndarray
    is_judged: bool = True


@dataclass(frozen=True)
class Ranking:
    """Candidates as one reference asks for them.

    Attributes:
        scores: products of the terms, (n,), 0 to 1; they compare candidates.
        terms: the words first, then the clauses in the order in which they were judged.
        probability: of each candidate being what the words say, as the detector puts it, times the clauses, (n,).
    """

    scores: np.ndarray
    terms: tuple[Term, ...]
    probability: np.ndarray
    count: int

    @property
    def order(self) -> np.ndarray:
        """Numbers of the candidates, best first."""
        return np.argsort(-self.scores, kind="stable")

    @property
    def meant(self) -> list[int]:
        """The best one; of plurals all that pass half of the best score."""
        order = [int(i) for i in self.order]
        if self.count == 1 or not order:
            return order[:1]
        passing = [i for i in order if self.scores[i] >= PASS * self.scores[order[0]]]
        return passing[: self.count] if self.count else passing

    def told(self, number: int) -> Iterator[tuple[str, float]]:
        """(words, how true) of a candidate, term by term."""
        for term in self.terms:
            yield term.said, float(term.values[number])

    def weakest(self, number: int) -> Term:
        """The term that fits a candidate least."""
        return min(self.terms, key=lambda term: term.values[number])


def rankings(expression: Expression, candidates: Candidates) -> tuple[Ranking, ...]:
    """A ranking for each reference of an expression."""
    return tuple(ranked(reference, candidates) for reference in expression.references)


def ranked(reference: Reference, candidates: Candidates) -> Ranking:
    """Candidates as a reference asks for them."""
    words = candidates.evidence[reference.phrase]
    shares = words / np.maximum(words.max(0, initial=0), LEAST_WORD)
    members = soft.step(shares, WORD_PASS, WORD_WIDTH).prod(1)
    terms = [Term(reference.phrase, members * shares.prod(1) ** SLIGHT, np.empty(0, int))]
    scores = terms[0].values
    for clause in sorted(reference.clauses, key=lambda one: _is_in_order(one)):
        term = _judged(clause, reference, candidates, members)
        terms.append(term)
        scores, members = scores * np.maximum(term.values, FLOOR), members * term.values
    clauses = np.prod([term.values for term in terms[1:]], axis=0) if len(terms) > 1 else np.ones(len(candidates))
    return Ranking(scores, tuple(terms), candidates.probability(reference.phrase) * clauses, reference.count)


def _is_in_order(clause: Clause) -> bool:
    return clause.kind in IN_ORDER or clause.name == "near"


def _judged(clause: Clause, reference: Reference, candidates: Candidates, members: np.ndarray) -> Term:
    boxes, nobody = candidates.boxes, np.empty(0, int)
    if clause.kind == "place":
        term = Term(clause.said, _place(clause, boxes, belonging(members)), nobody)
    elif clause.kind == "lack":
        term = Term(clause.said, _look(clause, reference, candidates), nobody)
    elif clause.anchors:
        term = _related(clause, candidates, members)
    else:
        rank, order = (clause.rank, clause.name) if clause.kind == "nth" else (1, clause.name)
        if rank < 0:
            rank, order = -rank, {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[order]
        term = Term(clause.said, soft.nth(soft.before(boxes, order), belonging(members), rank), nobody)
    if clause.is_negated and term.is_judged:
        return Term(term.said, 1 - term.values, term.anchors, term.is_judged)
    return term


def belonging(members: np.ndarray) -> np.ndarray:
    """How surely each candidate is one of those that are compared, by how well it fits."""
    return soft.step(members / max(float(members.max(initial=0)), 1e-12), PASS, PASS_WIDTH)


def _place(clause: Clause, boxes: np.ndarray, members: np.ndarray) -> np.ndarray:
    """How truly each candidate is there. Of several that fit, the outermost is "the left one", wherever it is."""
    there = soft.at(boxes, clause.name)
    if clause.is_negated or clause.name not in soft.ORDERS:
        return there
    lonely = np.array([np.delete(1 - members, i).prod() for i in range(len(members))])
    outermost = soft.nth(soft.before(boxes, clause.name), members, 1)
    return np.maximum(there, OUTERMOST * outermost * (1 - lonely))


def _look(clause: Clause, reference: Reference, candidates: Candidates) -> np.ndarray:
    """How surely each candidate has a look that the others may lack."""
    words = candidates.evidence[f"{clause.name} {reference.noun}"]
    fits = words[:, : len(clause.name.split())].min(1)
    return soft.step(fits / max(float(fits.max(initial=0)), LEAST_WORD), LACK, LACK_WIDTH)


def _related(clause: Clause, candidates: Candidates, members: np.ndarray) -> Term:
    """The clause with the anchor that makes it truest, weighed by how well the anchor is what it is said to be."""
    anchors = [_weights(anchor, candidates) for anchor in clause.anchors]
    table = _table(clause, candidates, members)
    if table is None:
        return Term(clause.said, np.ones(len(candidates)), np.empty(0, int), is_judged=False)
    if len(candidates) < 1 + len(anchors):
        return Term(clause.said, np.zeros(len(candidates)), np.empty(0, int))
    if table.ndim == 3:
        second = anchors[-1]
        joint = table * anchors[0][None, :, None] * second[None, None]
        for i in range(len(candidates)):
            joint[i, i] = joint[i, :, i] = joint[:, i, i] = 0
        joint = joint.max(2)
    else:
        joint = table * anchors[0][None]
    np.fill_diagonal(joint, 0)
    return Term(clause.said, joint.max(1), joint.argmax(1))


def _weights(anchor: Reference, candidates: Candidates) -> np.ndarray:
    scores = ranked(anchor, candidates).scores
    return scores / max(float(scores.max(initial=0)), 1e-12)


def _table(clause: Clause, candidates: Candidates, members: np.ndarray) -> np.ndarray | None:
    """How true the clause is of each candidate with each anchor, (n, n) or (n, n, n); None where boxes do not tell."""
    boxes, name = candidates.boxes, clause.name
    if name == "between":
        return soft.between(boxes) if len(clause.anchors) == 2 else None
    if name in ("near", "closest to", "farthest from"):
        return _by_distance(name, boxes, belonging(members))
    if name == "same colour as":
        return None if candidates.colours is None else soft.alike(candidates.colours)
    return soft.RELATIONS[name](boxes) if name in soft.RELATIONS else None


def _by_distance(name: str, boxes: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The closest (or farthest) of those that fit, seen from each anchor, which is none of them itself."""
    table = np.zeros((len(boxes), len(boxes)))
    for anchor in range(len(boxes)):
        others = np.where(np.arange(len(boxes)) == anchor, 0, members)
        table[:, anchor] = soft.nth(soft.nearer(boxes, anchor, name == "farthest from"), others, 1)
    return table * soft.step(-soft.distances(boxes), -soft.CLOSE, soft.CLOSE_WIDTH) if name == "near" else table
