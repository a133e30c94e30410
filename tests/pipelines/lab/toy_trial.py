"""A family in miniature for the trial: one linear layer, three tasks that each need their own weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipelines.lab.trial import Trial
from pipelines.merging.arena import Arena

TASKS = ("north", "east", "south")
WIDTH = 600


class Rows(nn.Module):
    """Nothing but weights: three rows and a bias that no expert moves."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.zeros(3, WIDTH))
        self.frozen = nn.Parameter(torch.ones(5))


def weights(rows: Tensor) -> dict[str, Tensor]:
    return {"rows": rows, "frozen": torch.ones(5)}


def vectors(overlap: float) -> list[Tensor]:
    """A task vector each: its own row, and `overlap` of noise everywhere, so that they disturb one another."""
    generator = torch.Generator().manual_seed(0)
    found = [overlap * torch.randn(3, WIDTH, generator=generator) for _ in TASKS]
    for place, vector in enumerate(found):
        vector[place] += torch.randn(WIDTH, generator=generator).sign()
    return found


class Likeness:
    """Score of a task: 1 minus the distance from its expert over the expert's norm, not below 0."""

    def __init__(self, experts: dict[str, Tensor]) -> None:
        self.experts = experts
        self.asked: list[tuple[tuple[str, ...], str]] = []

    def __call__(self, model: Rows, tasks: tuple[str, ...], split: str) -> dict[str, float]:
        self.asked.append((tuple(tasks), split))
        return {task: self._of(model, task) for task in tasks}

    def _of(self, model: Rows, task: str) -> float:
        wanted = self.experts[task]
        return max(0.0, 1 - float((model.rows.detach() - wanted).norm() / wanted.norm()))


def make_trial(overlap: float) -> Trial:
    base = torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(1))
    experts = {task: base + vector for task, vector in zip(TASKS, vectors(overlap), strict=True)}
    arena = Arena.from_checkpoints(weights(base), {task: weights(rows) for task, rows in experts.items()})
    return Trial(arena, Rows(), Likeness(experts), TASKS)
