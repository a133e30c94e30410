from __future__ import annotations

import pytest

from pipelines.fusion.options import FusionOptions
from pipelines.shared.errors import UserError


def test_options_survive_the_way_through_json() -> None:
    options = FusionOptions(task="mef", engine="lut", gains=(1.0, -0.5), tables=((0.0,) * 256, (1.0,) * 256))
    assert FusionOptions.from_dict(options.to_dict()) == options


def test_only_what_differs_from_the_default_is_written() -> None:
    assert FusionOptions().to_dict() == {}
    assert FusionOptions(detail=1.5).to_dict() == {"detail": 1.5}


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"task": "sonar"}, "sonar"),
        ({"engine": "magic"}, "mertens"),
        ({"detail": 3}, "detail"),
        ({"gains": [9]}, "gains"),
        ({"engine": "lut", "task": "ivis"}, "exposures only"),
        ({"sharpness": 1}, "sharpness"),
        ({"max_pixels": 10**9}, "max_pixels"),
        ({"detail": "1"}, "detail"),
        ({"fit": "stretch"}, "register"),
        ({"frame_size": "huge"}, "visible"),
        ({"palette": "sepia"}, "rainbow"),
        ({"polarity": "grey"}, "auto"),
        ({"window": [99, 1]}, "lower one first"),
        ({"window": 5}, "two percentiles"),
        ({"table_points": [[0.5, 0.5]]}, "5 weights or none"),
        ({"table_points": [0.5]}, "5 weights or none"),
        ({"table_points": [[2, 0, 0, 0, 0]]}, "table_points"),
        ({"window": [1, "2"]}, "two percentiles"),
        ({"gains": 5}, "gains is 5; give a list: one EV per frame"),
        ({"gains": None}, "gains is None"),
        ({"gains": [True]}, "gains is True"),
        ({"table_points": 3}, "table_points is 3; give a list"),
        ({"tables": 3}, "tables is 3; give a list"),
        ({"tables": [[0.5] * 255]}, "256 numbers; this one has 255 entries"),
        ({"tables": [["0.5"] * 256]}, "256 numbers"),
        ({"tables": ["half"]}, "this one is 'half'"),
        ({"deghost": "no"}, "deghost is 'no'; write true or false"),
        ({"detail": True}, "detail is True"),
        ({"detail": float("nan")}, "detail is nan"),
        ({"task": ["ivis"]}, "task is"),
        ({5: 1, "sharpness": 1}, "Unknown fusion options"),
    ],
)
def test_a_wrong_option_is_named(values: dict, word: str) -> None:
    with pytest.raises(UserError, match=word):
        FusionOptions.from_dict(values)


def test_settings_that_share_their_frames_are_told_apart_from_those_that_do_not() -> None:
    one = FusionOptions(detail=1.5, window=(1, 99)).for_frames()
    assert one == FusionOptions(engine="max", window=(1, 99)).for_frames() and one != FusionOptions().for_frames()
