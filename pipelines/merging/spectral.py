"""Merging matrix by matrix: what methods share that look at whole matrices and their singular values.

The merged vector is worked out once and kept, so that the scale and the equaliser stay live.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pipelines.merging.kinds import is_matrix
from pipelines.merging.writer import Writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Tile, TileWriter

    MergeMatrix = Callable[[Tensor], Tensor]  # weighted matrices (K, out, in) float64 -> merged (out, in)

LEAST_SHARE = 1e-10  # of the largest singular value: directions below it are rounding, and turn at will


def matrix_writer(mixture: Mixture, name: str, settings: tuple[Any, ...], merge: MergeMatrix) -> TileWriter:
    """base + factor * merged vector: of matrices (out, the rest) what `merge` gives, of other tensors the mean."""
    import torch

    key = ("spectral", name, settings, faders(mixture))
    vector = mixture.store.get(key)
    if vector is None:
        vector = mixture.store.put(key, on_one_core(mixture, merge))

    def write(tile: Tile, live: Tensor) -> None:
        torch.add(tile.base, vector[tile.start : tile.stop], alpha=tile.factor, out=live)

    return Writer(write, read_bytes=4)


def on_one_core(mixture: Mixture, merge: MergeMatrix) -> Tensor:
    """`merged_matrices` in the worker; where the vectors lie on an accelerator, cores do not matter."""
    if mixture.base.device.type != "cpu":
        return merged_matrices(mixture, merge)
    return WORKER.submit(merged_matrices, mixture, merge).result()


def merged_matrices(mixture: Mixture, merge: MergeMatrix) -> Tensor:
    """The merged vector, (length,) float32, without scale."""
    import torch

    vector = torch.zeros(mixture.layout.length)
    for slot, tile in mixture.slots():
        if tile.parts:
            stack = torch.stack([part.vector.double() * part.coefficient for part in tile.parts])
            found = merge(stack.view(len(stack), slot.shape[0], -1)) if is_matrix(slot) else stack.mean(0)
            vector[slot.start : slot.stop] = found.reshape(-1).float()
            mixture.note_parts(tile)
    mixture.note(vector)
    return vector


def faders(mixture: Mixture) -> tuple[tuple[int, tuple[float, ...]], ...]:
    """Where the coefficients change and to what, whatever the equaliser does."""
    changes: list[tuple[int, tuple[float, ...]]] = []
    for span in mixture.spans:
        if not changes or changes[-1][1] != span.coefficients:
            changes.append((span.start, span.coefficients))
    return tuple(changes)


def take_one_core() -> None:
    """Torch computes on one core in this thread from now on, and in the others as before.

    The count belongs to a thread, but setting it also sets the count that threads take over at their first call of
    torch. Another thread sets that back at once: it is wrong for an instant in the life of the worker, not in merges.
    """
    import torch

    count = torch.get_num_threads()
    torch.set_num_threads(1)
    other = threading.Thread(target=torch.set_num_threads, args=(count,))
    other.start()
    other.join()


# Linear algebra on one core: how a library splits its sums must not show in the result.
WORKER = ThreadPoolExecutor(1, "linear algebra", take_one_core)


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
