"""Puts a person's question to the network: which of its own questions are asked, and what their answers say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipelines.text_recognition.charset import CHARACTERS, EOS, MAX_LENGTH, encode
from pipelines.text_recognition.constraint import PLACES
from pipelines.text_recognition.instructions import ask_characters, ask_count, ask_is, ask_place
from pipelines.text_recognition.pattern import ANY
from pipelines.text_recognition.questions import GROUPS, Question, told_existence
from pipelines.text_recognition.reader import Reader


@dataclass(frozen=True)
class Told:
    """An answer in words, its probability, 0 to 1, and where the network looked: (rows, columns), sums to 1."""

    text: str
    probability: float
    evidence: Tensor


def ask(reader: Reader, question: Question) -> Told:
    """Answer a question about a single crop (a reader of one row)."""
    with torch.inference_mode():
        return _ASK[question.kind](reader, question)


def _char_at(reader: Reader, question: Question) -> Told:
    answers = reader.ask(ask_characters(torch.tensor([[question.number]])), with_evidence=True)
    logits = reader.network.characters(answers.features)[0, 0].float() / reader.temperatures.character
    allowed = reader.constraint.mask().to(reader.device)[question.number - 1]
    shares = logits.masked_fill(~allowed, -torch.inf).softmax(-1)
    best = int(shares.argmax())
    assert answers.evidence is not None
    return Told("none" if best == EOS else CHARACTERS[best - 1], float(shares[best]), answers.evidence[0, 0])


def _is_char_at(reader: Reader, question: Question) -> Told:
    yes, evidence = _yes_of(reader, encode(question.text), [question.number])
    return _yes_or_no(float(yes[0]), evidence[0])


def _count(reader: Reader, question: Question) -> Told:
    shares, evidence = _counts(reader, question.text)
    best = int(shares[0].argmax())
    return Told(str(best), float(shares[0, best]), evidence[0])


def _count_kind(reader: Reader, question: Question) -> Told:
    """The sum of the counts of all characters of a group, taken as independent; looked at is what probably occurs."""
    shares, evidence = _counts(reader, GROUPS[question.text])
    summed = np.ones(1)  # probabilities of the sums 0, 1, ...
    for one in shares.double().cpu().numpy():
        summed = np.convolve(summed, one)
    best, there = int(summed.argmax()), (1 - shares[:, :1, None]).clamp_min(1e-9)
    return Told(str(best), min(float(summed[best]), 1.0), (there * evidence).sum(0) / there.sum())


def _exists(reader: Reader, question: Question) -> Told:
    """Of several characters, each is there or not; the probability is that of the whole answer."""
    shares, evidence = _counts(reader, question.text)
    there = 1 - shares[:, 0]
    is_there = dict(zip(question.text, (there > 0.5).tolist(), strict=True))
    return Told(told_existence(is_there), float(torch.maximum(there, 1 - there).prod()), _mean(evidence))


def _find_nth(reader: Reader, question: Question) -> Told:
    return _placed(reader, encode(question.text)[0], question.number - 1, lambda place: str(place or "none"))


def _length(reader: Reader, question: Question) -> Told:
    return _placed(reader, EOS, 0, lambda place: str(max(place - 1, 0)))


def _starts_with(reader: Reader, question: Question) -> Told:
    wanted = _wanted(question.text)
    yes, evidence = _yes_of(reader, list(wanted.values()), [offset + 1 for offset in wanted])
    return _yes_or_no(float(yes.prod()), _mean(evidence))


def _contains(reader: Reader, question: Question) -> Told:
    """Sum over the places where the text may begin of the product of the yeses of its characters, at most 1.

    Only places inside the word count: what stands behind its end no training asked, and the network's answers there add
    up to a yes for any character.
    """
    wanted = _wanted(question.text)
    starts = range(1, max(_length_of(reader) - len(question.text) + 1, 1) + 1)
    characters = [character for _ in starts for character in wanted.values()]
    yes, evidence = _yes_of(reader, characters, [start + offset for start in starts for offset in wanted])
    products = yes.view(len(starts), -1).prod(1)
    best = int(products.argmax())
    maps = evidence.view(len(starts), len(wanted), *evidence.shape[1:])
    return _yes_or_no(min(float(products.sum()), 1.0), _mean(maps[best]))


def _length_of(reader: Reader) -> int:
    """How many characters the word has, by where its end stands."""
    end = int(reader.places(torch.tensor([[EOS]]), torch.tensor([[0]]))[0, 0].argmax())
    return end - 1 if end else MAX_LENGTH


def _wanted(text: str) -> dict[int, int]:
    """Offset -> class of the characters of a text that are not left open."""
    return {offset: encode(symbol)[0] for offset, symbol in enumerate(text) if symbol != ANY}


def _yes_of(reader: Reader, characters: list[int], positions: list[int]) -> tuple[Tensor, Tensor]:
    """Probability of yes (Q,) and evidence (Q, rows, columns) of each pair."""
    asked, at = torch.tensor([characters]), torch.tensor([positions]).clamp_max(PLACES)
    answers = reader.ask(ask_is(asked, at), with_evidence=True)
    assert answers.evidence is not None
    logits = reader.network.verify(answers.features, at.to(reader.device))
    return logits[0].float().sigmoid(), answers.evidence[0]


def _counts(reader: Reader, text: str) -> tuple[Tensor, Tensor]:
    """Probabilities of the counts (Q, 27) and evidence (Q, rows, columns) of each character."""
    answers = reader.ask(ask_count(torch.tensor([encode(text)])), with_evidence=True)
    assert answers.evidence is not None
    return reader.network.count(answers.features)[0].float().softmax(-1), answers.evidence[0]


def _placed(reader: Reader, character: int, nth: int, told: Callable[[int], str]) -> Told:
    answers = reader.ask(ask_place(torch.tensor([[character]]), torch.tensor([[nth]])), with_evidence=True)
    assert answers.evidence is not None
    shares = reader.network.place(answers.features)[0, 0].float().softmax(-1)
    best = int(shares.argmax())
    return Told(told(best), float(shares[best]), answers.evidence[0, 0])


def _yes_or_no(yes: float, evidence: Tensor) -> Told:
    return Told("yes" if yes > 0.5 else "no", max(yes, 1 - yes), evidence)


def _mean(evidence: Tensor) -> Tensor:
    return evidence.mean(0)


_ASK: dict[str, Callable[[Reader, Question], Told]] = {
    "char_at": _char_at,
    "is_char_at": _is_char_at,
    "count": _count,
    "count_kind": _count_kind,
    "exists": _exists,
    "find_nth": _find_nth,
    "length": _length,
    "starts_with": _starts_with,
    "contains": _contains,
}
