"""Every merge method once more, in float64 and in as few readable lines as it takes. Slow on purpose, shares no code.

All functions take stacked weighted vectors v = w_t * tau_t, (experts, P) float64, and give the merged vector, (P,).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def average(vectors: Tensor, coefficients: Sequence[float]) -> Tensor:
    return vectors.sum(0) / sum(abs(w) for w in coefficients)


def task_arithmetic(vectors: Tensor) -> Tensor:
    return vectors.sum(0)


def trim(vector: Tensor, density: float) -> Tensor:
    """Keep the int(density * P) largest and whatever equals the last of them."""
    kept = max(1, int(density * vector.numel()))
    threshold = vector.abs().sort(descending=True).values[kept - 1]
    return torch.where(vector.abs() >= threshold, vector, 0.0)


def trim_each(vectors: Tensor, density: float, lengths: Sequence[int] | None = None) -> Tensor:
    """Trim every expert, over the whole vector or, with `lengths`, tensor by tensor."""
    if density >= 1:
        return vectors
    pieces = vectors.split(lengths or vectors.shape[1], dim=1)
    return torch.cat([torch.stack([trim(row, density) for row in piece]) for piece in pieces], dim=1)


def elect(vectors: Tensor) -> Tensor:
    sign = vectors.sum(0).sign()
    commonest = -1.0 if sign.sum() < 0 else 1.0
    return torch.where(sign == 0, commonest, sign)


def merge_agreeing(vectors: Tensor, aggregate: str, coefficients: Sequence[float] = ()) -> Tensor:
    sign = elect(vectors)
    merged = torch.zeros_like(sign)
    for p in range(len(sign)):
        agreeing = [float(v) for v in vectors[:, p] if v * sign[p] > 0]
        if agreeing and aggregate == "weighted":
            agrees = (vectors[:, p] * sign[p] > 0).tolist()
            merged[p] = sum(agreeing) / sum(abs(w) for w, is_one in zip(coefficients, agrees, strict=True) if is_one)
        elif agreeing:
            total = {"mean": sum(agreeing) / len(agreeing), "sum": sum(agreeing), "max": max(agreeing, key=abs)}
            merged[p] = total[aggregate]
    return merged


def ties(vectors: Tensor, density: float, aggregate: str, lengths: Sequence[int] | None = None) -> Tensor:
    return merge_agreeing(trim_each(vectors, density, lengths), aggregate)


def slerp(vectors: Tensor, coefficients: Sequence[float], lengths: Sequence[int]) -> Tensor:
    """`vectors` with signs but without sizes of the coefficients; t from the coefficients, an angle per tensor."""
    t = abs(coefficients[1]) / (abs(coefficients[0]) + abs(coefficients[1]))
    return torch.cat([arc(a, b, t) for a, b in zip(vectors[0].split(lengths), vectors[1].split(lengths), strict=True)])


def arc(a: Tensor, b: Tensor, t: float) -> Tensor:
    norms = float(a.norm() * b.norm())
    cosine = float(a @ b) / norms if norms > 1e-16 else 1.0
    if abs(cosine) > 0.9995:
        return (1 - t) * a + t * b
    omega = math.acos(cosine)
    return (math.sin((1 - t) * omega) * a + math.sin(t * omega) * b) / math.sin(omega)


def tall_mask(own: Tensor, merged: Tensor, threshold: float, compare: str = "gt") -> Tensor:
    others = threshold * (merged - own).abs()
    return own.abs() >= others if compare == "ge" else own.abs() > others


def tall_masks(vectors: Tensor, merged: Tensor, threshold: float, compare: str = "gt") -> Tensor:
    """All masks, (experts, P)."""
    return torch.stack([tall_mask(own, merged, threshold, compare) for own in vectors])


def emr(vectors: Tensor, place: int) -> Tensor:
    """The part of expert number `place`, rescaled."""
    sign = torch.where(vectors.sum(0) < 0, -1.0, 1.0)
    unified = sign * (vectors * sign).clamp(min=0).max(0).values
    mask = vectors[place].sign() * unified.sign() > 0
    return vectors[place].abs().sum() / (unified * mask).abs().sum() * unified * mask
