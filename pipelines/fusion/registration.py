"""Where each frame lies: moves that were found, moves by hand on top of them, and the area that all frames share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any

from pipelines.fusion.align import Transform, common_area, manual_transform, moved
from pipelines.fusion.options import FusionOptions, check_flag, is_number, listed
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.fusion.inputs import FrameSet

ALIGN, MOVES = "align", "moves"  # keys of a recipe's options that are applied before the pipeline


@dataclass(frozen=True)
class Move:
    """A move by hand of frame `frame` (0 is the first): see `manual_transform`."""

    frame: int
    dx_px: float = 0.0
    dy_px: float = 0.0
    rotation_deg: float = 0.0
    scale: float = 1.0

    @property
    def is_identity(self) -> bool:
        """Whether it moves nothing."""
        return self == Move(self.frame)


@dataclass(frozen=True)
class Placement:
    """What is done to the frames of a recipe before they are fused."""

    is_aligned: bool = False
    moves: tuple[Move, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; only what differs from the default."""
        moves = [list(astuple(one)) for one in self.moves if not one.is_identity]
        return ({ALIGN: True} if self.is_aligned else {}) | ({MOVES: moves} if moves else {})


UNMOVED = Placement()


def split(stated: Mapping[str, Any]) -> tuple[FusionOptions, Placement]:
    """The options of a recipe: what the pipeline takes, and what comes before it. Raises UserError."""
    options = {key: value for key, value in stated.items() if key not in (ALIGN, MOVES)}
    is_aligned = stated.get(ALIGN, False)
    check_flag(ALIGN, is_aligned)
    moves = tuple(_move(row) for row in listed(MOVES, stated.get(MOVES, ()), "a move of each frame that is moved"))
    return FusionOptions.from_dict(options), Placement(is_aligned, moves)


def _move(row: Any) -> Move:
    is_row = isinstance(row, list | tuple) and 1 <= len(row) <= 5
    if not is_row or not all(map(is_number, row)) or row[0] != int(row[0]):
        raise UserError(
            f"A move is [frame, dx, dy, rotation, scale], all numbers, the first frame is 0; it is {row!r}."
        )
    return Move(int(row[0]), *(float(value) for value in row[1:]))


@dataclass(frozen=True)
class Registration:
    """Frames in their places.

    Attributes:
        transforms: one per frame that was moved or could not be, from positions in frame 1 to positions in that frame.
        origin_xy: position in frame 1 of the result's first pixel.
    """

    frames: FrameSet
    transforms: tuple[Transform, ...] = ()
    origin_xy: tuple[int, int] = (0, 0)


def register(frames: FrameSet, found: Sequence[Transform] = (), moves: Sequence[Move] = ()) -> Registration:
    """Apply what was found, then the moves by hand, and cut to the shared area; each frame is resampled once.

    Args:
        found: as `align` gives them; those that were not accepted leave their frame as it was, with a notice.

    Raises:
        UserError: a move of a frame that is not there, or no area is shared.
    """
    size_hw = (frames.images.shape[1], frames.images.shape[2])
    accepted = {one.frame: one for one in found if one.is_accepted}
    for move in moves:
        if not move.is_identity:
            by_hand = manual_transform(move.frame, size_hw, move.dx_px, move.dy_px, move.rotation_deg, move.scale)
            accepted[move.frame] = composed(accepted.get(move.frame), by_hand)
    rejected = tuple(one for one in found if one.frame not in accepted)
    transforms = tuple(accepted.values())
    if transforms:
        top, _, left, _ = common_area(size_hw, transforms)
        frames, origin = moved(frames, transforms), (left, top)
    else:
        origin = (0, 0)
    return Registration(_with_notices(frames, rejected), (*transforms, *rejected), origin)


def composed(first: Transform | None, then: Transform) -> Transform:
    """`then` on top of `first`, as one matrix."""
    import numpy as np

    if first is None:
        return then
    matrix = np.array(first.matrix) @ np.vstack([np.array(then.matrix), [0, 0, 1]])
    rows = tuple(tuple(float(value) for value in row) for row in matrix)
    return Transform(then.frame, rows, True, f"{first.note} By hand on top: {then.note}")


def _with_notices(frames: FrameSet, rejected: Sequence[Transform]) -> FrameSet:
    from pipelines.fusion.inputs import Notice

    return replace(frames, notices=frames.notices + tuple(Notice("warning", one.note) for one in rejected))


def registration_to_json(registration: Registration) -> str:
    """The moves as JSON: per frame a 2 x 3 matrix from positions in frame 1 to positions in that frame, in px, and
    where in frame 1 the result begins."""
    rows = [json.dumps({"frame": one.frame + 1, "accepted": one.is_accepted, "matrix": one.matrix})
            for one in registration.transforms]  # fmt: skip
    height, width = registration.frames.images.shape[1:3]
    area = {"origin": dict(zip("xy", registration.origin_xy, strict=True)), "size": {"width": width, "height": height}}
    about = json.dumps({"unit": "px", "direction": "frame 1 to frame", **area})
    return about[:-1] + ',\n "transforms": [' + ",".join("\n  " + row for row in rows) + "]}"
