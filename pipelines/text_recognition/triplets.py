"""Triplets of condition, question and answer, drawn from labels alone.

After the loader of IGTR (Zheng et al. 2025, arXiv:2401.17851). Differs: one further condition per picture instead of
nine, a prefix or a subset; some known characters are wrong on purpose, so that reading tolerates its own errors; absent
characters are sampled, because in the paper's counts they outnumber the present; questions are capped per picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipelines.text_recognition.charset import CLASSES, EOS
from pipelines.text_recognition.instructions import CHARACTER, COUNT, IS, PLACE, Condition, Questions, known
from pipelines.text_recognition.lookalikes import LOOKALIKES

IGNORED = -1  # answer of a question that only fills its row
WRONG_SHARE = 0.05  # of the known characters
FULL_SHARE = 0.1  # of the prefixes are the whole word
ABSENT = 8  # absent characters, and look-alikes of present ones, whose count is asked

Word = Sequence[int]  # classes of the characters
Asked = tuple[int, int, int, int, int]  # kind, character, position, occurrence, answer


@dataclass(frozen=True)
class Triplets:
    """A batch under one condition per picture.

    Attributes:
        answers: int64, (B, Q): class, 0 or 1, count, position by the kind of the question; IGNORED fills rows.
    """

    condition: Condition
    questions: Questions
    answers: Tensor

    def to(self, device: str | torch.device) -> Triplets:
        """The same on another device."""
        return Triplets(self.condition.to(device), self.questions.to(device), self.answers.to(device))


def draw(rng: np.random.Generator, words: Sequence[Word], is_empty: bool, most: int) -> Triplets:
    """Triplets of a batch: nothing known and everything asked, or a part known and the rest asked.

    Args:
        words: classes of each word's characters, 1 to 25 of them.
        most: questions per picture; of more, so many are drawn.
    """
    conditions: list[list[tuple[int, int]]] = []
    rows: list[list[Asked]] = []
    for word in words:
        told = [] if is_empty else _told(rng, len(word))
        rest = sorted(set(range(1, len(word) + 2)) - set(told))
        asked = _about(rng, word, rest) + (_counts(rng, word) if is_empty else [])
        rows.append([asked[i] for i in rng.permutation(len(asked))[:most]] if len(asked) > most else asked)
        conditions.append([(position, _maybe_wrong(rng, word[position - 1])) for position in told])
    longest = max(map(len, rows))
    filler: Asked = (CHARACTER, 0, 1, 0, IGNORED)
    table = torch.tensor([row + [filler] * (longest - len(row)) for row in rows])  # (B, Q, 5)
    kind, character, position, occurrence, answers = table.unbind(2)
    return Triplets(known(conditions), Questions(kind, character, position, occurrence), answers)


def _told(rng: np.random.Generator, length: int) -> list[int]:
    """Positions that are known: a prefix, or any subset, each half of the time; 1 to `length` of them."""
    if rng.random() < 0.5:
        return list(range(1, length + 1 if rng.random() < FULL_SHARE else int(rng.integers(1, length + 1))))
    chosen = rng.permutation(length)[: int(rng.integers(1, length + 1))]
    return [int(position) + 1 for position in chosen]


def _maybe_wrong(rng: np.random.Generator, character: int) -> int:
    return int(rng.integers(1, CLASSES)) if rng.random() < WRONG_SHARE else character


def _about(rng: np.random.Generator, word: Word, positions: list[int]) -> list[Asked]:
    """Q1, Q2 and Q4 for the characters at some positions; the one behind the last is EOS."""
    whole = [*word, EOS]
    seen: Counter[int] = Counter()
    occurrence = []
    for character in whole:
        occurrence.append(seen[character])
        seen[character] += 1
    asked: list[Asked] = []
    for position in positions:
        character = whole[position - 1]
        asked.append((CHARACTER, 0, position, 0, character))
        other = character if rng.random() < 0.5 else _other(rng, whole, character)
        asked.append((IS, other, position, 0, int(other == character)))
        asked.append((PLACE, character, 0, occurrence[position - 1], position))
    return asked


def _other(rng: np.random.Generator, whole: Word, character: int) -> int:
    """A wrong character for Q2: half look-alikes, a quarter from elsewhere in the word, else any."""
    kind = rng.random()
    pool = LOOKALIKES.get(character, ()) if kind < 0.5 else tuple(set(whole) - {character}) if kind < 0.75 else ()
    if pool:
        return pool[int(rng.integers(len(pool)))]
    return (character + int(rng.integers(1, CLASSES))) % CLASSES


def _counts(rng: np.random.Generator, word: Word) -> list[Asked]:
    """Q3 for what is there, for look-alikes of it and for what is not; Q4 for two occurrences that are not there."""
    count = Counter(word)
    alike = [other for character in count for other in LOOKALIKES.get(character, ())]
    chosen = [alike[i] for i in rng.permutation(len(alike))[:ABSENT]]
    absent = [int(c) for c in rng.integers(1, CLASSES, ABSENT)]
    asked: list[Asked] = [(COUNT, c, 0, 0, count[c]) for c in dict.fromkeys([*count, *chosen, *absent])]
    one_more, anything = word[int(rng.integers(len(word)))], int(rng.integers(1, CLASSES))
    asked += [(PLACE, c, 0, count[c], 0) for c in dict.fromkeys((one_more, anything))]
    return asked
