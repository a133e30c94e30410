"""Methods on whole matrices in float64 with numpy and autograd; `stack` is weighted matrices, (experts, out, in)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def polar(columns: np.ndarray) -> np.ndarray:
    """Orthogonal factor of the polar decomposition: X (XᵀX)^-1/2."""
    values, vectors = np.linalg.eigh(columns.T @ columns)
    keep = values > 1e-16 * values.max()
    return columns @ (vectors[:, keep] / np.sqrt(values[keep])) @ vectors[:, keep].T


def leading(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    rank = min(rank, int((values > 1e-10 * values[0]).sum()) if values[0] else 0)
    return left[:, :rank], values[:rank], right[:rank].T


def tsv(stack: Tensor, share: float) -> Tensor:
    rank = max(1, int(share * min(stack.shape[1:]) / len(stack)))
    parts = [leading(matrix, rank) for matrix in stack.numpy()]
    left, values, right = (np.concatenate([part[i] for part in parts], -1) for i in range(3))
    return torch.from_numpy(polar(left) @ np.diag(values) @ polar(right).T)


def iso(stack: Tensor, common: float) -> Tensor:
    full = min(stack.shape[1:])
    shared = max(1, int(common * full))
    left, values, right = leading(stack.sum(0).numpy(), shared)
    own = (full - shared) // len(stack)
    if own:
        outside = np.eye(len(left)) - left @ left.T
        parts = [(left, values, right), *(leading(outside @ matrix, own) for matrix in stack.numpy())]
        left, values, right = (np.concatenate([part[i] for part in parts], -1) for i in range(3))
        left, right = polar(left), polar(right)
    return torch.from_numpy(values.mean() * left @ right.T)


def wudi(stack: Tensor, steps: int) -> Tensor:
    merged = stack.sum(0).clone().requires_grad_()
    adam = torch.optim.Adam([merged], lr=1e-5)
    for _ in range(steps):
        adam.zero_grad()
        sum((((merged - one) @ one.T) ** 2).sum() / (one**2).sum() for one in stack).backward()
        adam.step()
    return merged.detach()
