"""Answers of a scripted network that knows one word, and of a random one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.text_recognition.asking import ask
from pipelines.text_recognition.charset import CLASSES, EOS, encode
from pipelines.text_recognition.constraint import Constraint
from pipelines.text_recognition.igtr import Answers
from pipelines.text_recognition.instructions import Condition, Questions
from pipelines.text_recognition.options import ReadingOptions
from pipelines.text_recognition.questions import ARGUMENTS, KINDS, Question, expected
from pipelines.text_recognition.reader import Reader

WORD = "Coffee"
QUESTIONS = [
    ("char_at", (3,)), ("char_at", (9,)), ("is_char_at", (2, "o")), ("is_char_at", (2, "0")), ("count", ("f",)),
    ("count", ("z",)), ("exists", ("0o",)), ("exists", ("0",)), ("find_nth", (2, "e")), ("find_nth", (1, "z")),
    ("length", ()), ("starts_with", ("C?ff",)), ("starts_with", ("Cuff",)), ("contains", ("ffe",)),
    ("contains", ("ffo",)), ("count_kind", ("letters",)), ("count_kind", ("digits",)),
]  # fmt: skip


class Oracle:
    """Knows the classes of a word with its end; answers are carried in the "features": the true class, count, place."""

    def __init__(self, word: str, yes: float = 0.98) -> None:
        self.classes, self.yes = [*encode(word), EOS], yes

    def at(self, position: int) -> int:
        return self.classes[position - 1] if position <= len(self.classes) else EOS

    def place(self, character: int, nth: int) -> int:
        places = [place for place, one in enumerate(self.classes, 1) if one == character]
        return places[nth] if nth < len(places) else 0

    def answer(self, visual: Tensor, condition: Condition, questions: Questions, *, with_evidence: bool) -> Answers:
        rows: Sequence[tuple[int, ...]] = list(
            zip(*(part[0].tolist() for part in (questions.kind, questions.characters, questions.positions,
                                                questions.occurrence)), strict=True)
        )  # fmt: skip
        told = [(self.at(p), float(self.at(p) == c), self.classes.count(c), self.place(c, n)) for _, c, p, n in rows]
        evidence = F.one_hot(torch.arange(len(rows)) % 64, 64).float().view(1, len(rows), 2, 32)
        return Answers(torch.tensor([told]), evidence if with_evidence else None)

    def characters(self, features: Tensor) -> Tensor:
        return F.one_hot(features[..., 0].long(), CLASSES) * 9.0

    def verify(self, features: Tensor, positions: Tensor) -> Tensor:
        return torch.logit(torch.where(features[..., 1] > 0, self.yes, 1 - self.yes))

    def count(self, features: Tensor) -> Tensor:
        return F.one_hot(features[..., 2].long(), 27) * 9.0

    def place_(self, features: Tensor) -> Tensor:
        return F.one_hot(features[..., 3].long(), 27) * 9.0


def oracle_reader(word: str = WORD, yes: float = 0.98) -> Reader:
    oracle = Oracle(word, yes)
    heads = {name: getattr(oracle, name) for name in ("answer", "characters", "verify", "count")}
    return Reader(SimpleNamespace(**heads, place=oracle.place_), torch.zeros(1, 64, 4))


@pytest.mark.parametrize(("kind", "arguments"), QUESTIONS)
def test_a_network_that_knows_the_word_answers_as_the_word_does(kind: str, arguments: tuple[Any, ...]) -> None:
    question = Question(kind, arguments)
    told = ask(oracle_reader(), question)
    assert told.text == expected(question, WORD)
    assert 0.5 < told.probability <= 1
    assert told.evidence.shape == (2, 32) and told.evidence.sum() == pytest.approx(1)


def test_every_kind_is_tried_above() -> None:
    assert {kind for kind, _ in QUESTIONS} == set(KINDS)


@pytest.mark.parametrize(("group", "count"), [("letters", "3"), ("digits", "2")])
def test_a_kind_of_character_is_counted_over_all_of_its_characters(group: str, count: str) -> None:
    told = ask(oracle_reader("A1-Bb2"), Question("count_kind", (group,)))
    assert told.text == count


def test_a_beginning_is_as_probable_as_all_its_characters_together() -> None:
    told = ask(oracle_reader(yes=0.9), Question("starts_with", ("C?ff",)))
    assert told.probability == pytest.approx(0.9**3)


def test_a_text_inside_sums_over_the_places_where_it_may_begin() -> None:
    told = ask(oracle_reader("aXaX", yes=0.6), Question("contains", ("aX",)))
    assert told.text == "yes" and told.probability == pytest.approx(2 * 0.6**2 + 0.4**2)


@pytest.mark.parametrize("text", ["z", "zq", "aXaXa"])
def test_what_is_not_in_the_word_is_not_found_behind_its_end(text: str) -> None:
    """A small chance of yes at each of 25 places would add up."""
    assert ask(oracle_reader("aXaX", yes=0.9), Question("contains", (text,))).text == "no"


def test_an_answer_keeps_to_the_characters_that_may_occur() -> None:
    reader = replace(oracle_reader("HOTEL"), constraint=Constraint.of(ReadingOptions(charset="digits")))
    assert ask(reader.free(), Question("char_at", (2,))).text == "O"
    assert ask(reader, Question("char_at", (2,))).text in {*"0123456789", "none"}


def test_existence_of_several_is_as_probable_as_all_its_parts() -> None:
    one, two = (ask(oracle_reader(), Question("exists", (text,))).probability for text in ("o", "oC"))
    assert two == pytest.approx(one**2, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_network_answers_something(reader: Reader, kind: str) -> None:
    values = {"position": 2, "occurrence": 1, "character": "e", "characters": "eE", "text": "ab", "group": "digits"}
    told = ask(reader.rows([0]), Question(kind, tuple(values[name] for name in ARGUMENTS[kind])))
    assert told.text and 0 <= told.probability <= 1
    assert told.evidence.shape == reader.network.grid and told.evidence.sum() == pytest.approx(1, abs=1e-4)
