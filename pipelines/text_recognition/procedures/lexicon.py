"""Reading with a word list: every word is scored, the best are read out again letter by letter (teacher forcing).

A word's score is the sum over its characters and its end of log Q1 + 0.5 log Q2. All words are scored on one parallel
pass; the best of them once more with the true prefix of every character known, in one batch. Words are tried as given,
lower, upper and capitalised, for a list seldom has the case of the picture. Spellings that the constraint of the reader
excludes are left out, and with them the words that have no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import CLASSES, EOS, PAD, encode
from pipelines.text_recognition.constraint import PLACES, Constraint
from pipelines.text_recognition.procedures.reading import VERIFICATION_SHARE, Reading
from pipelines.text_recognition.reader import Reader

FORCED_WORDS = 32
Prefix = tuple[int, ...]


@dataclass(frozen=True)
class _Spellings:
    """Spellings of the words: `classes` (V, 26) with EOS, then PAD; `word` (V,), which word each is of."""

    classes: Tensor
    word: Tensor


def read_from_lexicon(reader: Reader, words: Sequence[str], forced: int = FORCED_WORDS) -> Reading:
    """The best word of the list for each crop, spelled as the picture shows it; `rankings` has the best `forced`.

    Raises:
        UserError: no word of the list obeys the reader's constraint.
    """
    spelled = _spelled(words, reader.constraint)
    words = tuple(spelled)
    reader, spellings = reader.free(), _spellings(spelled, reader.device)
    shares = reader.characters(reader.all_positions())
    scores = _parallel_scores(reader, shares, spellings)  # (B, V)
    rows, rankings = [], []
    for row in range(len(reader)):
        best = _best_spellings(scores[row], spellings, len(words), forced)
        again = _forced_scores(reader.rows([row]), [_bare(spellings.classes[one]) for one in best])
        order = sorted(range(len(best)), key=lambda index: -again[index])
        rows.append(spellings.classes[best[order[0]]])
        rankings.append(tuple((words[int(spellings.word[best[index]])], again[index]) for index in order))
    return replace(Reading.cut(torch.stack(rows), shares), rankings=tuple(rankings))


def _spelled(words: Sequence[str], constraint: Constraint) -> dict[str, list[str]]:
    """The allowed spellings of each word that has one."""
    tried = {word: dict.fromkeys((word, word.lower(), word.upper(), word.capitalize())) for word in words}
    spelled = {word: [one for one in spellings if constraint.allows(one)] for word, spellings in tried.items()}
    if not any(spelled.values()):
        raise UserError(
            f"None of the {len(tried)} words of the list, {words[0]!r} first, fits the hint pattern and the characters "
            "that may occur. Change those, or list a word that fits.",
            title="No word fits",
        )
    return {word: spellings for word, spellings in spelled.items() if spellings}


def _spellings(spelled: Mapping[str, Sequence[str]], device: torch.device) -> _Spellings:
    pairs = [(index, one) for index, spellings in enumerate(spelled.values()) for one in spellings]
    classes = torch.full((len(pairs), PLACES), PAD)
    for row, (_, spelling) in enumerate(pairs):
        classes[row, : len(spelling) + 1] = torch.tensor([*encode(spelling), EOS])
    return _Spellings(classes.to(device), torch.tensor([index for index, _ in pairs], device=device))


def _parallel_scores(reader: Reader, shares: Tensor, spellings: _Spellings) -> Tensor:
    """Scores of all spellings with nothing known, (B, V)."""
    table = shares.clamp_min(1e-9).log() + VERIFICATION_SHARE * _verified(reader, spellings)  # (B, 26, 95)
    is_used = spellings.classes != PAD
    picked = table[:, torch.arange(PLACES, device=reader.device), spellings.classes.clamp_max(CLASSES - 1)]
    return (picked * is_used).sum(-1)


def _verified(reader: Reader, spellings: _Spellings) -> Tensor:
    """log Q2 of what some spelling has at each position, (B, 26, 95); 0 elsewhere."""
    occurs = torch.zeros(PLACES, CLASSES, dtype=torch.bool, device=reader.device)
    for place in range(PLACES):
        column = spellings.classes[:, place]
        occurs[place, column[column != PAD]] = True
    places, characters = occurs.nonzero(as_tuple=True)
    logits = reader.verify(characters.expand(len(reader), -1), (places + 1).expand(len(reader), -1))
    table = torch.zeros(len(reader), PLACES, CLASSES, device=reader.device)
    table[:, places, characters] = F.logsigmoid(logits)
    return table


def _best_spellings(scores: Tensor, spellings: _Spellings, words: int, count: int) -> list[int]:
    """The best spelling of each of the `count` best words, by the scores (V,) of one crop."""
    by_word = torch.full((words,), -torch.inf, device=scores.device).scatter_reduce(
        0, spellings.word, scores, "amax", include_self=True
    )
    chosen = by_word.topk(min(count, words)).indices
    own = scores[None].masked_fill(spellings.word[None] != chosen[:, None], -torch.inf)
    return own.argmax(1).tolist()


def _bare(classes: Tensor) -> Prefix:
    return tuple(classes[classes != PAD].tolist())


def _forced_scores(reader: Reader, spelled: Sequence[Prefix]) -> list[float]:
    """Scores of spellings (with EOS) of one crop, the true prefix known: a row for each distinct prefix."""
    prefixes = list(dict.fromkeys(word[:place] for word in spelled for place in range(len(word))))
    row_of = {prefix: row for row, prefix in enumerate(prefixes)}
    children = [_next(prefix, spelled) for prefix in prefixes]
    most = max(len(row) for row in children)
    asked = torch.tensor([row + [row[0]] * (most - len(row)) for row in children])
    positions = torch.tensor([[len(prefix) + 1] for prefix in prefixes])
    many = reader.rows([0] * len(prefixes))
    condition = many.condition([list(enumerate(prefix, 1)) for prefix in prefixes])
    shares = many.characters(positions, condition)[:, 0].clamp_min(1e-9).log().cpu()
    verified = F.logsigmoid(many.verify(asked, positions.expand_as(asked), condition)).cpu()

    def step(prefix: Prefix, character: int) -> float:
        row = row_of[prefix]
        yes = verified[row, children[row].index(character)]
        return float(shares[row, character] + VERIFICATION_SHARE * yes)

    return [sum(step(word[:place], word[place]) for place in range(len(word))) for word in spelled]


def _next(prefix: Prefix, spelled: Sequence[Prefix]) -> list[int]:
    """The classes that come after a prefix in any of the spellings."""
    place = len(prefix)
    return sorted({word[place] for word in spelled if len(word) > place and word[:place] == prefix})
