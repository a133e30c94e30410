"""Masks that a person has painted: values that a job carries, and results that have them in place of the network's."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pipelines.grounding.results import disagreement
from pipelines.shared.errors import UserError
from pipelines.shared.notice import info

if TYPE_CHECKING:
    from pipelines.grounding.results import GroundedObject, GroundingResult


@dataclass(frozen=True)
class Correction:
    """The mask that a person has painted for an object: hashable, and small where it is kept.

    Attributes:
        object_id: its number in the result.
        size_wh: of the picture, pixels.
        packed: the bits of the mask, row by row, compressed.
    """

    object_id: int
    size_wh: tuple[int, int]
    packed: bytes

    @staticmethod
    def of(object_id: int, mask: np.ndarray) -> Correction:
        """From a mask, bool (H, W). Raises UserError: no pixel of it is set."""
        if not mask.any():
            raise UserError(
                f"The mask of #{object_id} has no pixel left, and an object has at least one: paint some with the "
                "brush, or take its mask again.", "Empty mask",
            )  # fmt: skip
        height, width = mask.shape
        return Correction(object_id, (width, height), zlib.compress(np.packbits(mask).tobytes()))

    @property
    def mask(self) -> np.ndarray:
        """Bool, (H, W)."""
        width, height = self.size_wh
        bits = np.frombuffer(zlib.decompress(self.packed), np.uint8)
        return np.unpackbits(bits, count=width * height).reshape(height, width).astype(bool)


def corrected(result: GroundingResult, corrections: Sequence[Correction]) -> GroundingResult:
    """The result with these masks: box and centre follow the mask, the score stays the network's, and it is told.

    Raises:
        UserError: the result has no such object, or its picture another size.
    """
    if not corrections:
        return result
    objects = {one.id: one for one in result.objects}
    for one in corrections:
        _check(one, result)
        objects[one.object_id] = _with_mask(objects[one.object_id], one.mask)
    theirs = [objects[one.object_id] for one in corrections]
    outdated = {disagreement(one.id) for one in theirs}
    said = [one for one in result.notices if one.text not in outdated]
    said += [info(f"The mask of #{one.id} “{one.phrase[:40]}” was corrected by hand; its box and centre follow it.")
             for one in theirs]  # fmt: skip
    return replace(result, objects=tuple(objects.values()), notices=tuple(said))


def _check(one: Correction, result: GroundingResult) -> None:
    ids = [obj.id for obj in result.objects]
    if one.object_id not in ids:
        known = ", ".join(f"#{number}" for number in ids) or "none"
        raise UserError(f"There is no object #{one.object_id} to correct; found: {known}. Take a mask of those.",
                        "No such object")  # fmt: skip
    if one.size_wh != result.size_wh:
        sizes = [f"{width} × {height}" for width, height in (one.size_wh, result.size_wh)]
        raise UserError(f"The mask for #{one.object_id} has {sizes[0]} pixels, the picture {sizes[1]}: take the mask "
                        "again.", "Mask of another picture")  # fmt: skip


def _with_mask(one: GroundedObject, mask: np.ndarray) -> GroundedObject:
    """With the box that holds the mask, right and bottom exclusive, and the mean of its pixels as the centre."""
    rows, columns = np.nonzero(mask)
    box = tuple(float(edge) for edge in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    centre = float(columns.mean()) + 0.5, float(rows.mean()) + 0.5
    # The box is the tight box of the mask, so they agree.
    return replace(one, mask=mask, box_xyxy=box, center=centre, consistency=1.0, is_corrected=True)  # type: ignore[arg-type]


def sampled(mask: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """A mask, bool (H, W), at another size: each pixel takes the nearest one."""
    rows, columns = ((2 * np.arange(new) + 1) * old // (2 * new)
                     for new, old in zip(size_wh[::-1], mask.shape, strict=True))  # fmt: skip
    return mask[np.ix_(rows, columns)]


def repainted(mask: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """A mask, bool (H, W), after a copy of it at another size, from `sampled`, was painted over, bool (h, w).

    Only what was changed there changes here: every other pixel stays, however small the copy was.
    """
    height, width = mask.shape
    changed = painted != sampled(mask, painted.shape[::-1])
    return np.where(sampled(changed, (width, height)), sampled(painted, (width, height)), mask)
