"""Confidence that means what it says: a temperature for each kind of evidence (Guo et al. 2017).

Fitted on generated validation crops, so that the product over a word is the chance that the word is right.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RANGE = (0.5, 5.0)
BINS = 15


@dataclass(frozen=True)
class Temperatures:
    """What logits are divided by; 1 leaves them.

    Attributes:
        character: of "which character": parallel and autoregressive reading, refinement, answers to questions.
        ctc, verification, assembly: of the probabilities that these procedures come to.
    """

    character: float = 1.0
    ctc: float = 1.0
    verification: float = 1.0
    assembly: float = 1.0

    def of_own(self, procedure: str) -> float:
        """Of a procedure that does not ask which character; 1 for one that does, for its logits are divided already."""
        return float(getattr(self, procedure)) if procedure in OWN_EVIDENCE else 1.0


OWN_EVIDENCE = ("ctc", "verification", "assembly")


def temperatures_of(assets: Path, family: str) -> Temperatures:
    """The temperatures in the family's entry of the manifest; all 1 where there are none."""
    manifest = assets / "weights" / "manifest.json"
    if not manifest.is_file():
        return Temperatures()
    return Temperatures(**json.loads(manifest.read_text(encoding="utf-8")).get(family, {}).get("temperatures", {}))


def fitted_temperature(confidences: Callable[[float], Sequence[float]], is_right: Sequence[bool]) -> float:
    """The temperature under which word confidences say best how often words are right (log-likelihood).

    Args:
        confidences: temperature -> confidence of each word, 0 to 1.
    """
    from scipy.optimize import minimize_scalar

    right = np.asarray(is_right)

    def loss(log_temperature: float) -> float:
        sure = np.clip(confidences(float(np.exp(log_temperature))), 1e-6, 1 - 1e-6)
        return float(-np.log(np.where(right, sure, 1 - sure)).mean())

    found = minimize_scalar(loss, bounds=tuple(np.log(RANGE)), method="bounded", options={"xatol": 0.01})
    return round(float(np.exp(found.x)), 3)


def expected_calibration_error(confidences: Sequence[float], is_right: Sequence[bool], bins: int = BINS) -> float:
    """Mean distance of confidence and accuracy over equal bins of confidence, weighted by what is in them; 0 to 1."""
    sure, right = np.asarray(confidences, float), np.asarray(is_right, float)
    which = np.clip((sure * bins).astype(int), 0, bins - 1)
    gaps = [abs((sure - right)[which == index].sum()) for index in range(bins)]
    return float(sum(gaps) / max(len(sure), 1))


def accuracy_at_coverage(confidences: Sequence[float], is_right: Sequence[bool], coverage: float) -> float:
    """Accuracy of the most confident share of the words; `coverage` and the result go from 0 to 1."""
    order = np.argsort(-np.asarray(confidences), kind="stable")
    kept = order[: max(1, round(coverage * len(order)))]
    return float(np.asarray(is_right, float)[kept].mean())
