"""Masks as bits, 64 weights a word, and their counts: what lambda faders in motion show without touching a vector.

While byte planes of all heard tasks are at hand, a mask is one compare of a plane, and every count is of words: a
sixty-fourth of the numbers that the masks themselves have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipelines.merging.layout import ALIGNMENT
from pipelines.merging.native import Kernels
from pipelines.merging.planes import level_of
from pipelines.merging.votes import Keys

if TYPE_CHECKING:
    from pipelines.merging.mixture import Mixture

WORD = 64
PIECE = 1 << 20  # bytes of a plane that are packed at once


def stored_bits(mixture: Mixture, vector: str) -> tuple[Tensor, list[Tensor]] | None:
    """Words of the active weights and of each selected task's mask, (length / 64,) int64; None where planes lack.

    A weight is active where the merged vector is not 0. Bit i of word w is of weight 64 w + i.
    """
    keys = Keys.of(mixture, vector)
    merged, planes = mixture.store.get(keys.merged), [mixture.store.get(key) for key in keys.planes]
    levels = [level_of(limit) for limit in keys.limits]
    if merged is None:
        return None
    masks = [
        bits_of(plane, level, mixture.kernels)
        for plane, level in zip(planes, levels, strict=True)
        if plane is not None and level is not None
    ]
    return (active_bits(mixture, keys, merged), masks) if len(masks) == len(planes) else None


def bits_of(plane: Tensor, level: int, kernels: Kernels | None) -> Tensor:
    """Where a byte plane, (n,) uint8, reaches a level: (n / 64,) int64; n a multiple of 64."""
    words = torch.empty(len(plane) // WORD, dtype=torch.int64)
    if kernels is not None:
        kernels.plane_bits(plane, level, words)
        return words
    for start in range(0, len(plane), PIECE):
        piece = plane[start : start + PIECE]
        words[start // WORD : (start + len(piece)) // WORD] = packed(piece.ge(level))
    return words


def packed(mask: Tensor) -> Tensor:
    """(n,) bool, n a multiple of 64 -> (n / 64,) int64."""
    powers = 2 ** torch.arange(8, dtype=torch.uint8)
    return (mask.view(-1, 8) * powers).sum(1, dtype=torch.uint8).view(torch.int64)


def active_bits(mixture: Mixture, keys: Keys, merged: Tensor) -> Tensor:
    """Words of the weights that the merged vector moves, remembered with it."""
    name = ("active", keys.merged)
    known = mixture.store.get(name)
    if known is None:
        pieces = [packed(merged[start : start + PIECE].ne(0)) for start in range(0, len(merged), PIECE)]
        known = mixture.store.put(name, torch.cat(pieces))
    return known


def ones(words: Tensor) -> int:
    """Bits that are set in int64 words."""
    pairs = words - (words >> 1 & 0x5555555555555555)
    fours = (pairs & 0x3333333333333333) + (pairs >> 2 & 0x3333333333333333)
    bytes_ = fours + (fours >> 4) & 0x0F0F0F0F0F0F0F0F
    return int(bytes_.view(torch.uint8).sum(dtype=torch.int64))


def votes_of(active: Tensor, masks: Sequence[Tensor]) -> Tensor:
    """How many active weights are in n of the masks, (T + 1,) int64. Counts per weight are kept as binary digits."""
    digits = [torch.zeros_like(active) for _ in range(len(masks).bit_length())]
    for mask in masks:
        carry = mask
        for place, digit in enumerate(digits):
            digits[place], carry = digit ^ carry, digit & carry
    return torch.tensor([ones(_where(active, digits, number)) for number in range(len(masks) + 1)])


def words_of(start: int, stop: int) -> slice:
    """The words of a tensor's weights; tensors begin at a word, and none shares its last."""
    assert ALIGNMENT % WORD == 0
    return slice(start // WORD, -(-stop // WORD))


def _where(active: Tensor, digits: Sequence[Tensor], number: int) -> Tensor:
    found = active
    for place, digit in enumerate(digits):
        found = found & (digit if number >> place & 1 else ~digit)
    return found
