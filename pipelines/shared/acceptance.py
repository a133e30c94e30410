"""Whether a merge is good enough: how much of each expert's gain it keeps, and what it costs elsewhere.

Scores are from 0 to 1, more is better, and an expert's own set has the expert's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from pipelines.merging.recipe import MergeRecipe

SCALES = (0.2, 0.4, 0.6, 0.8, 1.0)
METHODS = ("task_arithmetic", "ties")
Row = Mapping[str, float]  # set -> score


@dataclass(frozen=True)
class Bar:
    """What is asked of a mix: mean share of the gains that it keeps, and the score it may lose on the `plain` set."""

    kept: float
    lost: float
    plain: str


@dataclass(frozen=True)
class Acceptance:
    """A mix beside its experts.

    Attributes:
        kept: share of each expert's gain over the base on its own set; experts that gained nothing are left out.
        lost: score of the base on the plain set less that of the mix.
    """

    kept: Mapping[str, float]
    lost: float
    bar: Bar

    @property
    def mean_kept(self) -> float:
        """Mean share of the gains, 0 where no expert gained."""
        return fmean(self.kept.values()) if self.kept else 0.0

    @property
    def is_met(self) -> bool:
        """Whether enough is kept and little is lost."""
        return self.mean_kept >= self.bar.kept and self.lost <= self.bar.lost


def acceptance(matrix: Mapping[str, Row], mix: str, experts: Sequence[str], bar: Bar) -> Acceptance:
    """A mix of `matrix` (checkpoint or mix -> set -> score) judged against "base" and its experts."""
    base, mixed = matrix["base"], matrix[mix]
    gains = {name: matrix[name][name] - base[name] for name in experts}
    kept = {name: (mixed[name] - base[name]) / gain for name, gain in gains.items() if gain > 0}
    return Acceptance(kept, base[bar.plain] - mixed[bar.plain], bar)


def common_mixes(
    experts: Sequence[str], methods: Sequence[str] = METHODS, scales: Sequence[float] = SCALES
) -> dict[str, MergeRecipe]:
    """These experts with one coefficient for all: a mix for each method and scale."""
    every = tuple((name, 1.0) for name in experts)
    return {f"{method} {scale:g}": MergeRecipe(method, every, scale) for method in methods for scale in scales}


def best_mix(rows: Mapping[str, Row], experts: Sequence[str], bar: Bar) -> str:
    """The mix that is best on the experts' sets on average, among those that lose little on the plain set.

    Not the one that keeps the largest share of the gains: where an expert gained little, that share is noise.
    """
    losses = {name: rows["base"][bar.plain] - row[bar.plain] for name, row in rows.items() if name != "base"}
    affordable = [name for name, lost in losses.items() if lost <= bar.lost] or [min(losses, key=losses.__getitem__)]
    return max(affordable, key=lambda name: fmean(rows[name][task] for task in experts))
