"""The kin of SLERP and TIES in float64, a few readable lines each; shares no code with the engine.

`vectors` are stacked weighted task vectors of one tensor, (experts, P) float64, unless a line says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def arcs(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Point of the arc between each row of two matrices."""
    cosine = (a * b).sum(1, keepdim=True) / (a.norm(dim=1, keepdim=True) * b.norm(dim=1, keepdim=True))
    omega = cosine.clamp(-1, 1).acos()
    arc = (((1 - t) * omega).sin() * a + (t * omega).sin() * b) / omega.sin()
    return torch.where(omega.sin() > 1e-6, arc, (1 - t) * a + t * b)


def sphere_mean(vectors: Tensor, weights: Sequence[float], steps: int) -> Tensor:
    """Vectors with signs but without sizes of the coefficients; explicit logarithms and exponentials."""
    w = np.abs(np.array(weights)) / np.abs(weights).sum()
    v = vectors.numpy()
    norms = np.linalg.norm(v, axis=1)
    heard = norms > 0
    if not heard.any():
        return torch.zeros(v.shape[1], dtype=torch.float64)
    u, wu = v[heard] / norms[heard, None], w[heard] / w[heard].sum()
    mean = wu @ u
    mean /= np.linalg.norm(mean)
    for _ in range(steps):
        tangent = np.zeros_like(mean)
        for weight, unit in zip(wu, u, strict=True):
            side = unit - (unit @ mean) * mean
            length = np.linalg.norm(side)
            if length > 1e-9:
                tangent += weight * math.acos(np.clip(unit @ mean, -1, 1)) * side / length
        length = np.linalg.norm(tangent)
        if length < 1e-5 and steps > 1:
            break
        mean = math.cos(length) * mean + (math.sin(length) * tangent / length if length > 0 else 0)
    return torch.from_numpy(w @ norms * mean)


def stock(vectors: Tensor) -> Tensor:
    """Vectors with signs but without sizes of the coefficients."""
    n, pairs = len(vectors), []
    for i in range(n):
        for k in range(i + 1, n):
            norms = float(vectors[i].norm() * vectors[k].norm())
            pairs.append(float(vectors[i] @ vectors[k]) / norms if norms else 0.0)
    c = min(max(sum(pairs) / len(pairs), 0.0), 1.0)
    return n * c / (1 + (n - 1) * c) * vectors.mean(0)


def near_swap(vectors: Tensor, limit: float) -> Tensor:
    a, b = vectors
    weight = torch.nan_to_num(limit / (a - b).abs(), nan=1.0, posinf=1.0).clamp(0, 1)
    return a + weight * (b - a)


def breadcrumbs(vectors: Tensor, density: float, gamma: float) -> Tensor:
    """Thinned vectors, (experts, P)."""
    count = vectors.shape[1]
    kept = max(1, int(density * count))
    above = min(int(gamma * count), count - kept)
    rows = []
    for row in vectors:
        falling = row.abs().sort(descending=True).values
        keep = (row.abs() >= falling[above + kept - 1]) & (row.abs() <= falling[above])
        rows.append(torch.where(keep, row, 0.0))
    return torch.stack(rows)


def sce(vectors: Tensor, density: float) -> Tensor:
    variance = ((vectors - vectors.mean(0)) ** 2).mean(0).float()
    varying = int((variance > 0).sum())
    if density < 1 and varying:
        threshold = variance.sort(descending=True).values[max(1, int(density * varying)) - 1]
        vectors = torch.where(variance >= threshold, vectors, 0.0)
    energy = (vectors**2).mean(1)
    e = energy / energy.sum() if energy.sum() > 0 else torch.full_like(energy, 1 / len(energy))
    majority = torch.where(vectors.sum(0) < 0, -1.0, 1.0)
    weights = e[:, None] * (vectors.sign() == majority)
    return (weights * vectors).sum(0) / torch.where(weights.sum(0) > 0, weights.sum(0), 1.0)


def ram(vectors: Tensor, taus: Tensor, limit: float, gain: float, cap: float) -> Tensor:
    changed = taus.abs() > limit
    count = changed.sum(0)
    merged = torch.zeros(vectors.shape[1], dtype=torch.float64)
    for vector, own in zip(vectors, changed, strict=True):
        alone, shared = int((own & (count == 1)).sum()), int((own & (count > 1)).sum())
        share = shared / alone if alone else float(shared > 0)
        factor = 1 + gain * min(share, cap)
        merged += torch.where(own, vector * torch.where(count == 1, factor, 1 / count.clamp(min=1)), 0.0)
    return merged


def row_ranks(rows: Tensor) -> Tensor:
    """0 to 255 by size inside each row."""
    width = rows.shape[1]
    steps = torch.zeros(rows.shape, dtype=torch.int64)
    for r, row in enumerate(rows.tolist()):
        order = sorted(range(width), key=lambda i: (abs(row[i]), i))
        for rank, place in enumerate(order):
            steps[r, place] = (rank * 255 + (width - 1) // 2) // (width - 1) if width > 1 else 127
    return steps
