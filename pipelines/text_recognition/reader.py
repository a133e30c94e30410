"""Reader: a network before encoded crops. Every question that a procedure has goes through it, as probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pipelines.text_recognition.calibration import Temperatures
from pipelines.text_recognition.constraint import PLACES, Constraint
from pipelines.text_recognition.igtr import IGTR, Answers
from pipelines.text_recognition.instructions import (
    Condition,
    Questions,
    ask_characters,
    ask_count,
    ask_is,
    ask_place,
    known,
)

Pairs = Sequence[tuple[int, int]]  # (position, character index)


@dataclass(frozen=True)
class Reader:
    """Asks one network about a batch of crops.

    Attributes:
        visual: of `network.encode`, (B, tokens, d).
        constraint: what every reading of the batch must obey.
        temperatures: that of characters divides the logits here, the others what a procedure comes to (`read`).
    """

    network: IGTR
    visual: Tensor
    constraint: Constraint = field(default_factory=Constraint)
    temperatures: Temperatures = field(default_factory=Temperatures)

    def __len__(self) -> int:
        return len(self.visual)

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return self.visual.device

    def rows(self, indices: Sequence[int] | Tensor) -> Reader:
        """The same for some of the crops; an index may come twice."""
        return replace(self, visual=self.visual[torch.as_tensor(indices, device=self.device)])

    def free(self) -> Reader:
        """The same without its constraint."""
        return replace(self, constraint=Constraint())

    def condition(self, pairs: Iterable[Pairs] | None = None) -> Condition:
        """What the constraint knows and, per crop, further pairs."""
        more = [()] * len(self) if pairs is None else pairs
        return known([tuple(dict((*self.constraint.pairs, *row)).items()) for row in more]).to(self.device)

    def characters(self, positions: Tensor, condition: Condition | None = None) -> Tensor:
        """Q1 under the constraint: probabilities of the 95 classes, (B, Q, 95), for positions (B, Q)."""
        positions = positions.to(self.device)
        answers = self.ask(ask_characters(positions), condition)
        logits = self.network.characters(answers.features).float() / self.temperatures.character
        allowed = self.constraint.mask().to(self.device)[positions - 1]
        return logits.masked_fill(~allowed, -torch.inf).softmax(-1)

    def verify(self, characters: Tensor, positions: Tensor, condition: Condition | None = None) -> Tensor:
        """Q2: logits of yes, (B, Q)."""
        characters, positions = characters.to(self.device), positions.to(self.device)
        answers = self.ask(ask_is(characters, positions), condition)
        return self.network.verify(answers.features, positions).float()

    def counts(self, characters: Tensor) -> Tensor:
        """Q3: probabilities of the counts 0 to 26, (B, Q, 27), for classes (B, Q)."""
        return self.network.count(self.ask(ask_count(characters)).features).float().softmax(-1)

    def places(self, characters: Tensor, occurrences: Tensor) -> Tensor:
        """Q4: probabilities of the positions 0 (nowhere) to 26, (B, Q, 27), of the (occurrence + 1)-th of a class."""
        return self.network.place(self.ask(ask_place(characters, occurrences)).features).float().softmax(-1)

    def located(self, count: int) -> tuple[Tensor, Tensor]:
        """Where the first characters stand: boxes (B, count, 4) as cx, cy, w, h, 0 to 1; evidence (B, count, r, c)."""
        answers = self.ask(ask_characters(self.all_positions(count)), with_evidence=True)
        assert answers.evidence is not None
        return self.network.box(answers.features).float(), answers.evidence.float()

    def all_positions(self, count: int = PLACES) -> Tensor:
        """Positions 1 to `count` for every crop, (B, count)."""
        return torch.arange(1, count + 1, device=self.device).expand(len(self), count)

    def ask(self, questions: Questions, condition: Condition | None = None, with_evidence: bool = False) -> Answers:
        """One pass of the decoder; without a condition, what the constraint knows is known."""
        condition = self.condition() if condition is None else condition
        return self.network.answer(self.visual, condition, questions.to(self.device), with_evidence=with_evidence)
