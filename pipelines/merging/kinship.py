"""Whether experts look tuned from the base they came with: sizes and angles summed up piece by piece."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from pipelines.merging.errors import MergeError
from pipelines.merging.layout import Weights
from pipelines.merging.sums import dot

if TYPE_CHECKING:
    from pipelines.merging.arena import Arena

FAR = 0.5  # norm of a task vector over the base's: fine-tuned networks lie ten to a hundred times lower
STRANGE = 0.5  # cosine of expert and base: of a fine-tuned network close to 1, of networks of two starts close to 0


class Kinship:
    """Sums over the float tensors of a base and its experts, float64."""

    def __init__(self) -> None:
        self._base = 0.0
        self._vector: dict[str, float] = defaultdict(float)
        self._along: dict[str, float] = defaultdict(float)

    def add(self, arena: Arena, base: Weights) -> None:
        """Count one piece. Tensors that no expert moved count for the base."""
        self._base += dot(arena.base, arena.base)
        for key, kind in arena.key_classes.items():
            if kind == "FROZEN":
                flat = base[key].reshape(-1).float()
                self._base += dot(flat, flat)
        for task, expert in arena.experts.items():
            self._vector[task] += dot(expert.vector, expert.vector)
            self._along[task] += dot(expert.vector, arena.base)

    def relative_norm(self, task: str) -> float:
        """Norm of the task vector over that of the base; 0 where the base is 0."""
        return math.sqrt(self._vector[task] / self._base) if self._base else 0.0

    def cosine(self, task: str) -> float:
        """Of the expert's weights and the base's; 1 where one of them is 0."""
        expert = self._base + 2 * self._along[task] + self._vector[task]
        below = math.sqrt(max(0.0, expert) * self._base)
        return (self._base + self._along[task]) / below if below else 1.0

    def notices(self, refuses: bool = True) -> tuple[str, ...]:
        """What to say of experts that lie far from the base.

        Raises:
            MergeError: `refuses`, and an expert has nothing in common with the base.
        """
        said = []
        for task in self._vector:
            norm, cosine = self.relative_norm(task), self.cosine(task)
            if norm <= FAR:
                continue
            if refuses and cosine < STRANGE:
                raise MergeError(
                    f'expert "{task}" is no kin of the base: cosine of their weights {cosine:.2f}, the change is '
                    f"{norm:.2f} of the base's size. Networks of different starts cannot be averaged; name the base it "
                    "was tuned from"
                )
            said.append(
                f'expert "{task}" is far from the base: the change is {norm:.2f} of its size, cosine {cosine:.2f}'
            )
        return tuple(said)
