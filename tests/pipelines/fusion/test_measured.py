"""The size at which pictures are measured."""

from __future__ import annotations

from pipelines.fusion.measured import measured_size


def test_large_pictures_are_measured_at_a_megapixel() -> None:
    assert measured_size((480, 640, 3)) == (480, 640)
    height, width = measured_size((2160, 3840, 3))
    assert height * width <= 1_001_000 and abs(width / height - 16 / 9) < 0.01
