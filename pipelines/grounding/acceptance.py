"""Whether a merge is good enough: how much of each expert's gain it keeps, and what it costs elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

KEPT, LOST = 0.65, 0.02  # of the gains, on average; of the score on "iid"
FALL = 0.03  # of T-acc over the whole dial
Row = Mapping[str, float]


@dataclass(frozen=True)
class Acceptance:
    """A mix beside its experts.

    Attributes:
        kept: share of each expert's gain over the base on its own set; experts that gained nothing are left out.
        lost: score of the base on "iid" less that of the mix.
    """

    kept: Mapping[str, float]
    lost: float

    @property
    def mean_kept(self) -> float:
        """Mean share of the gains, 0 where no expert gained."""
        return sum(self.kept.values()) / len(self.kept) if self.kept else 0.0

    @property
    def is_met(self) -> bool:
        """Whether enough is kept and little is lost."""
        return self.mean_kept >= KEPT and self.lost <= LOST


def acceptance(matrix: Mapping[str, Row], mix: str, experts: Sequence[str]) -> Acceptance:
    """A mix of `matrix` (checkpoint or mix -> set -> score) judged; an expert's own set has its name."""
    base, mixed = matrix["base"], matrix[mix]
    gains = {name: matrix[name][name] - base[name] for name in experts}
    kept = {name: (mixed[name] - base[name]) / gain for name, gain in gains.items() if gain > 0}
    return Acceptance(kept, base["iid"] - mixed["iid"])


def is_dial(rows: Sequence[Row]) -> bool:
    """Whether N-acc only rises along the coefficients of `refuse`, and T-acc falls by 3 points at most."""
    refused = [row["N-acc"] for row in rows]
    return refused == sorted(refused) and refused[-1] > refused[0] and rows[0]["T-acc"] - rows[-1]["T-acc"] <= FALL
