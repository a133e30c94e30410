"""LoRA adapters of one base, put together: exactly, at a lower rank, or the common approximate way.

An adapter changes a matrix by scale * B A, with A (r, in) and B (out, r). Side by side, adapters add up without cross
terms; a singular value decomposition of the small core brings the sum to any rank, never forming the whole matrix.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.merging.errors import MergeError
from pipelines.merging.method import OfflineMethod, Setting

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.layout import Weights

PREFIX = "base_model.model."
MODES = ("cat", "svd", "linear", "dense")


@dataclass(frozen=True)
class Factors:
    """Change of one matrix: scale * up @ down, up (out, r), down (r, in)."""

    up: Tensor
    down: Tensor
    scale: float = 1.0

    @property
    def rank(self) -> int:
        """r."""
        return self.down.shape[0]

    def dense(self, weight: float = 1.0) -> Tensor:
        """weight * change, (out, in) float32."""
        return (weight * self.scale) * (self.up.float() @ self.down.float())


Adapter = Mapping[str, Factors]  # key of the base's matrix -> its change


def adapter_of(state: Weights, alpha: float, *, is_rank_stabilised: bool = False) -> dict[str, Factors]:
    """An adapter from its state dict, as PEFT stores it.

    Args:
        alpha: of the adapter's configuration; the scale is alpha / r, or alpha / sqrt(r) where it is stabilised.

    Of a convolution, A is (r, in, k, k) and B (out, r, 1, 1): a matrix each, and their product is its change, flat.

    Raises:
        MergeError: magnitudes (DoRA), embeddings, biases, a factor without its other half, or a B that is wider.
    """
    halves: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        key, half = _split(name)
        halves.setdefault(key, {})[half] = tensor
    found = {}
    for key, pair in halves.items():
        up, down = _matrices(key, pair)
        rank = down.shape[0]
        found[key] = Factors(up, down, alpha / (math.sqrt(rank) if is_rank_stabilised else rank))
    return found


def _matrices(key: str, pair: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """B (out, r) and A (r, in) of the halves of an adapter, flat where they are of a convolution."""
    shapes = {half: tuple(tensor.shape) for half, tensor in pair.items()}
    if set(pair) != {"A", "B"} or min(map(len, shapes.values())) < 2 or shapes["A"][0] != shapes["B"][1]:
        raise MergeError(f"{key} has {shapes}: A (r, in) and B (out, r) are expected")
    if any(length != 1 for length in shapes["B"][2:]):
        raise MergeError(
            f"{key} has {shapes}: convolution adapters are read where B is 1 x 1; fold this one into a checkpoint with "
            "its own library first"
        )
    return pair["B"].flatten(1), pair["A"].flatten(1)


def _split(name: str) -> tuple[str, str]:
    for half in ("A", "B"):
        if name.endswith(f".lora_{half}.weight"):
            return name.removeprefix(PREFIX).removesuffix(f".lora_{half}.weight") + ".weight", half
    kinds = {"magnitude": "magnitudes (DoRA)", "embedding": "an embedding", "bias": "a bias"}
    what = next((text for word, text in kinds.items() if word in name), "something else than factors of a matrix")
    raise MergeError(f"{name}: the adapter holds {what}; fold it into a checkpoint with its own library first")


def concatenated(adapters: Sequence[Adapter], weights: Sequence[float]) -> dict[str, Factors]:
    """Factors side by side, scale 1, ranks added: the exact sum. Weights, signs too, go into one factor only.

    An adapter that does not change a matrix adds nothing to it.
    """
    import torch

    merged = {}
    for key, members in _by_key(adapters, weights).items():
        ups = [(weight * one.scale) * one.up.float() for one, weight in members]
        downs = [one.down.float() for one, _ in members]
        merged[key] = Factors(torch.cat(ups, 1), torch.cat(downs, 0))
    return merged


def dense(adapters: Sequence[Adapter], weights: Sequence[float]) -> dict[str, Tensor]:
    """The summed change of every matrix, (out, in) float32."""
    return {key: sum_of_changes(members) for key, members in _by_key(adapters, weights).items()}


def sum_of_changes(members: Sequence[tuple[Factors, float]]) -> Tensor:
    """weight * scale * up @ down, added up in order."""
    total = members[0][0].dense(members[0][1])
    for one, weight in members[1:]:
        total += one.dense(weight)
    return total


def linear(adapters: Sequence[Adapter], weights: Sequence[float]) -> dict[str, Factors]:
    """Sums of the factors themselves: approximate, with cross terms up_i @ down_j. For recipes made that way.

    Each factor takes the root of |weight * scale|, and `up` the sign.

    Raises:
        MergeError: ranks differ.
    """
    merged = {}
    for key, members in _by_key(adapters, weights).items():
        if len({one.rank for one, _ in members}) > 1:
            ranks = ", ".join(str(one.rank) for one, _ in members)
            raise MergeError(f"{key} has ranks {ranks}: sums of factors need one rank; choose cat or svd")
        roots = [math.sqrt(abs(weight * one.scale)) for one, weight in members]
        ups = [
            math.copysign(root, w * one.scale) * one.up.float() for root, (one, w) in zip(roots, members, strict=True)
        ]
        downs = [root * one.down.float() for root, (one, _) in zip(roots, members, strict=True)]
        merged[key] = Factors(sum(ups[1:], ups[0]), sum(downs[1:], downs[0]))
    return merged


def truncated(factors: Factors, rank: int) -> tuple[Factors, float]:
    """The best factors of a rank, and the share of energy (squared singular values) that they keep, 0 to 1.

    Both factors are orthogonalised, and only the small core between them is decomposed.
    """
    import torch

    left, left_core = torch.linalg.qr(factors.up.double() * factors.scale)
    right, right_core = torch.linalg.qr(factors.down.double().T)
    u, values, v = torch.linalg.svd(left_core @ right_core.T, full_matrices=False)
    return _halved(left @ u, values, v @ right.T, rank)


def extracted(change: Tensor, rank: int, cutoff: float = 0.0) -> tuple[Factors, float]:
    """An adapter from the change of a matrix or a convolution (out, in, ...), and the energy kept.

    Args:
        cutoff: singular values below this share of the largest are left out too.
    """
    import torch

    u, values, v = torch.linalg.svd(change.reshape(change.shape[0], -1).double(), full_matrices=False)
    return _halved(u, values, v, min(rank, max(1, int((values >= cutoff * values[0]).sum()))))


def _halved(u: Tensor, values: Tensor, v: Tensor, rank: int) -> tuple[Factors, float]:
    """The first `rank` singular directions with the root of each value on both sides."""
    energy = float(values.square().sum())
    kept = float(values[:rank].square().sum()) / energy if energy else 1.0
    roots = values[:rank].sqrt()
    return Factors((u[:, :rank] * roots).float(), (roots[:, None] * v[:rank]).float()), kept


def merged_adapter(
    adapters: Sequence[Adapter], weights: Sequence[float], *, mode: str = "cat", rank: int = 16
) -> dict[str, Factors]:
    """One adapter of several.

    Args:
        mode: "cat" exact, "svd" the best of `rank`, "linear" approximate.

    Raises:
        MergeError: an unknown mode.
    """
    if mode == "linear":
        return linear(adapters, weights)
    if mode not in ("cat", "svd"):
        raise MergeError(f'unknown mode "{mode}" for one adapter; known are cat, svd and linear')
    exact = concatenated(adapters, weights)
    return exact if mode == "cat" else {key: truncated(factors, rank)[0] for key, factors in exact.items()}


def folded(base: Weights, adapters: Sequence[Adapter], weights: Sequence[float]) -> dict[str, Tensor]:
    """The base with the summed change in it, dtypes of the base; nothing given is written to. Weight 0 changes no bit.

    Raises:
        MergeError: an adapter changes a matrix that the base lacks or that has another shape.
    """
    changes = dense(adapters, weights)
    for key, change in changes.items():
        if key not in base or base[key].shape[0] != change.shape[0] or base[key].numel() != change.numel():
            theirs = tuple(base[key].shape) if key in base else "nothing"
            raise MergeError(f"the adapters change {key} of {tuple(change.shape)}, the base has {theirs}")
    moved = {k: (base[k].float() + change.view(base[k].shape)).to(base[k].dtype) for k, change in changes.items()}
    return {**base, **moved}


def _by_key(adapters: Sequence[Adapter], weights: Sequence[float]) -> dict[str, list[tuple[Factors, float]]]:
    """Members of every matrix that count, in order. Raises MergeError: two change it in different shapes."""
    found: dict[str, list[tuple[Factors, float]]] = {}
    for adapter, weight in zip(adapters, weights, strict=True):
        for key, factors in adapter.items() if weight != 0 else ():
            found.setdefault(key, []).append((factors, weight))
    for key, members in found.items():
        shapes = {(one.up.shape[0], one.down.shape[1]) for one, _ in members}
        if len(shapes) > 1:
            raise MergeError(f"adapters change {key} in shapes {sorted(shapes)}: they are of different networks")
    return found


LORA = OfflineMethod(
    name="lora",
    title="LoRA adapters",
    group="adapters",
    paper="arXiv:2106.09685",
    formula="ΔW = Σ w_i s_i B_i A_i",
    settings=(
        Setting("mode", "Mode", "cat", "Exact, best of a rank, or approximate sums of factors", choices=MODES[:3]),
        Setting("rank", "Rank", 16.0, "Of the merged adapter (svd)", 1.0, 256.0, 1.0),
    ),
    needs="two or more LoRA adapters of one base",
    cost="(out + in) R² + R³ for each matrix, R the sum of ranks; side by side costs nothing",
    entry="lora:merged_adapter",
)
