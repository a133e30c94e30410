"""Moves that were found and moves by hand, as one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipelines.fusion.align import Transform, manual_transform
from pipelines.fusion.inputs import FrameSet
from pipelines.fusion.options import FusionOptions
from pipelines.fusion.registration import Move, Placement, composed, register, registration_to_json, split
from pipelines.shared.errors import UserError
from pipelines.shared.recipe_file import parse_text


def frames(count: int = 2) -> FrameSet:
    """Frames with a smooth picture of their own column and row, (count, 80, 100, 3)."""
    rows, columns = np.mgrid[0:80, 0:100].astype(np.float32) / 100
    image = np.dstack([columns, rows, np.zeros_like(rows)])
    names = tuple(f"{k}.png" for k in range(count))
    return FrameSet(np.stack([image] * count), names, ("",) * count, (False,) * count, tuple(range(count)))


def found(dx: float, is_accepted: bool = True) -> Transform:
    """What an automatic search would say of frame 2."""
    return Transform(1, ((1.0, 0.0, dx), (0.0, 1.0, 0.0)), is_accepted, f"found {dx:g}")


def test_nothing_asked_leaves_the_frames_as_they_are() -> None:
    plain = frames()
    assert register(plain).frames.images is plain.images
    assert register(plain, (), (Move(1),)).transforms == ()


def test_a_move_by_hand_comes_on_top_of_what_was_found() -> None:
    placed = register(frames(), (found(6),), (Move(1, dx_px=2),))
    image = placed.frames.images
    # Found: result(x) = other(x + 6); two pixels to the right on top: other(x + 4). The picture holds its columns.
    assert np.allclose(image[1, :, :, 0] - image[0, :, :, 0], 0.04, atol=1e-4)
    assert placed.frames.images.shape[2] < 100


def test_a_composed_matrix_is_the_two_moves_one_after_the_other() -> None:
    first, then = manual_transform(1, (80, 100), dx_px=3, rotation_deg=5), manual_transform(1, (80, 100), scale=1.1)
    point = np.array([20.0, 30.0, 1.0])
    inner = np.append(np.array(then.matrix) @ point, 1.0)
    assert np.allclose(np.array(composed(first, then).matrix) @ point, np.array(first.matrix) @ inner)


def test_a_frame_that_was_not_found_stays_and_says_so_unless_it_is_moved_by_hand() -> None:
    placed = register(frames(), (found(6, False),))
    assert placed.frames.images.shape == frames().images.shape
    assert [one.text for one in placed.frames.notices] == ["found 6"]
    by_hand = register(frames(), (found(6, False),), (Move(1, dx_px=5),))
    assert "found 6" not in [one.text for one in by_hand.frames.notices]


def test_the_area_is_cut_and_its_origin_told() -> None:
    placed = register(frames(), (), (Move(1, dx_px=10, dy_px=4),))
    assert placed.origin_xy == (10, 4) and placed.frames.images.shape[1:3] == (76, 90)
    told = json.loads(registration_to_json(placed))
    assert told["origin"] == {"x": 10, "y": 4} and told["size"] == {"width": 90, "height": 76}
    assert told["transforms"][0]["frame"] == 2
    assert np.allclose(told["transforms"][0]["matrix"], [[1, 0, -10], [0, 1, -4]])


def test_options_of_a_recipe_come_back_as_they_were_stated() -> None:
    placement = Placement(True, (Move(1, 2.0, -3.0, 0.5, 1.1),))
    options, read = split(FusionOptions(detail=1.5).to_dict() | placement.to_dict())
    assert read == placement and options == FusionOptions(detail=1.5)
    assert Placement(False, (Move(1),)).to_dict() == {}


@pytest.mark.parametrize("stated", ["align: no", "align: 'false'", "align: 1"])
def test_align_is_true_or_false_and_no_other_word_turns_it_on(stated: str) -> None:
    with pytest.raises(UserError, match=r"align is .*; write true or false"):
        split(parse_text(stated))
    assert not split(parse_text("align: false"))[1].is_aligned and split(parse_text("align: true"))[1].is_aligned


def test_moves_that_are_no_list_are_refused() -> None:
    with pytest.raises(UserError, match="moves is 5; give a list"):
        split({"moves": 5})


@pytest.mark.parametrize(
    "row", [{}, [], ["1"], [1, 2, 3, 4, 5, 6], "12", [0.5, 1], [True, 1], [1, float("nan")], [1, 10**400]]
)
def test_a_move_that_is_none_is_refused(row: object) -> None:
    with pytest.raises(UserError, match="A move is"):
        split({"moves": [row]})


def test_a_move_of_a_frame_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="no frame 5"):
        register(frames(), (), (Move(4, dx_px=1),))
