"""Merging matrix by matrix: what methods share that look at whole matrices and their singular values.

The merged vector is worked out once and kept, so that the scale and the equaliser stay live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Tile, TileWriter

    MergeMatrix = Callable[[Tensor], Tensor]  # weighted matrices (K, out, in) float64 -> merged (out, in)

LEAST_SHARE = 1e-10  # of the largest singular value: directions below it are rounding, and turn at will


def matrix_writer(mixture: Mixture, name: str, settings: tuple[Any, ...], merge: MergeMatrix) -> TileWriter:
    """base + factor * merged vector: `merge` for tensors of two and more axes (out, the rest), the mean for others."""
    import torch

    key = (name, settings, faders(mixture))
    kept, vector = mixture.memory.get("spectral", (None, None))
    if kept != key:
        vector = torch.zeros(mixture.layout.length)
        with one_thread():
            for slot, tile in mixture.slots():
                if tile.parts:
                    stack = torch.stack([part.vector.double() * part.coefficient for part in tile.parts])
                    is_matrix = len(slot.shape) > 1
                    found = merge(stack.view(len(stack), slot.shape[0], -1)) if is_matrix else stack.mean(0)
                    vector[slot.start : slot.stop] = found.reshape(-1).float()
        mixture.memory["spectral"] = (key, vector)

    def write(tile: Tile, live: Tensor) -> None:
        torch.add(tile.base, vector[tile.start : tile.stop], alpha=tile.factor, out=live)

    return write


def faders(mixture: Mixture) -> tuple[tuple[int, tuple[float, ...]], ...]:
    """Where the coefficients change and to what, whatever the equaliser does."""
    changes: list[tuple[int, tuple[float, ...]]] = []
    for span in mixture.spans:
        if not changes or changes[-1][1] != span.coefficients:
            changes.append((span.start, span.coefficients))
    return tuple(changes)


@contextmanager
def one_thread() -> Iterator[None]:
    """Linear algebra on one thread: how a library splits its sums must not show in the result."""
    import torch

    count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)


def svd(matrix: Tensor, most: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """U (out, r), singular values (r,), V (in, r), the largest first; without directions that are rounding."""
    import torch

    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    count = int(torch.count_nonzero(values > LEAST_SHARE * values[0])) if values[0] > 0 else 0
    count = count if most is None else min(count, most)
    return left[:, :count], values[:count], right[:count].T


def orthogonalised(vectors: Tensor) -> Tensor:
    """The nearest matrix with orthonormal columns, (n, r): all singular values set to 1 (orthogonal Procrustes)."""
    left, _, right = svd(vectors)
    return left @ right.T
