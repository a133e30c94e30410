"""However fast the faders move, the picture that stays is that of their last position, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demos.examples import read_examples
from pipelines.registry import family

pytestmark = pytest.mark.browser
FADERS = [f"fusion-desk-w-{index}" for index in range(4)]


@pytest.fixture(scope="module")
def direct(small_assets: Path) -> Callable[[list[float]], np.ndarray]:
    """The first example fused with these coefficients by a pipeline of its own, no page involved."""
    from pipelines.fusion.inputs import load_frames
    from pipelines.fusion.options import FusionOptions
    from pipelines.fusion.pipeline import FusionPipeline
    from pipelines.shared.cache import ModelCache

    example, fusenet = read_examples(small_assets / "examples" / "fusion")[0], family("fusenet")
    options = FusionOptions(task=example.task)
    frames = load_frames([str(path) for path in example.frames], options)
    pipeline = FusionPipeline(ModelCache(small_assets))

    def fuse(coefficients: list[float]) -> np.ndarray:
        pairs = tuple(zip(fusenet.tasks, coefficients, strict=True))
        return pipeline(frames, options, replace(fusenet.default, coefficients=pairs)).fused

    return fuse


def positions(visit: Any) -> list[float]:
    """Where the experts' faders stand."""
    return [float(visit.fader(name).input_value()) for name in FADERS]


def test_twenty_fast_drags_end_on_the_picture_of_the_last_position(visit: Callable[..., Any], direct: Any) -> None:
    page = visit()
    page.settled()
    shares = np.random.default_rng(0).uniform(0.1, 0.9, (20, 2))
    for count, (start, stop) in enumerate(shares, 1):
        page.drag(FADERS[count % 2], start, stop, steps=6)
        if count % 7 == 0 or count == len(shares):
            page.until_fused(direct(positions(page)))


def test_twenty_quick_keys_end_on_the_picture_of_the_last_position(visit: Callable[..., Any], direct: Any) -> None:
    from playwright.sync_api import expect

    page = visit()
    page.settled()
    page.fader(FADERS[1]).focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight", "PageDown", "ArrowLeft") * 4:
        page.page.keyboard.press(key)
    assert positions(page)[1] != 1.0
    page.until_fused(direct(positions(page)))
    button = page.page.locator("#fusion-desk-undo")
    expect(button).not_to_have_text("Undo (0)")  # the picture comes before the commit
    undo = button.inner_text()
    assert 1 <= int(undo.removeprefix("Undo (").removesuffix(")")) < 20, undo  # one commit a pause, not one a key


def test_two_quick_undos_end_on_the_first_picture(visit: Callable[..., Any], direct: Any) -> None:
    page = visit()
    page.settled()
    first = positions(page)
    for count, name in enumerate(FADERS[:2], 1):
        page.drag(name, 0.7, 0.3, steps=4)
        page.until_undo(count)
    undo = page.page.locator("#fusion-desk-undo")
    undo.click()
    page.until_undo(1)  # the desk is back, its run has only begun
    undo.click()
    page.until_undo(0)
    page.until_fused(direct(first))
    assert positions(page) == first
    assert page.page.locator("#fusion-desk-redo").inner_text() == "Redo (2)"
