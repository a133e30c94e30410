"""A browser for the served page; skipped with a reason where there is no Chromium."""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--font-render-hinting=none",
         "--force-color-profile=srgb", "--hide-scrollbars"]  # fmt: skip
WITHOUT_WEBGL = "--disable-software-rasterizer"  # nothing needs it but gradio's image editor, and it slows every page


@pytest.fixture(scope="session")
def launched() -> Iterator[Callable[..., Any]]:
    """Headless Chromium of the distribution, with further flags; CHROMIUM names another."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.skip("no Chromium here: install the distribution's, or name one in CHROMIUM")
    with playwright.sync_playwright() as driver:
        yield lambda *flags: driver.chromium.launch(executable_path=path, headless=True, args=[*FLAGS, *flags])


@pytest.fixture(scope="session")
def browser(launched: Callable[..., Any]) -> Iterator[Any]:
    """A browser for pages without an image editor."""
    chromium = launched(WITHOUT_WEBGL)
    yield chromium
    chromium.close()


@pytest.fixture(scope="module")
def painting_browser(launched: Callable[..., Any]) -> Iterator[Any]:
    """A browser that draws WebGL in software."""
    chromium = launched()
    yield chromium
    chromium.close()


class Visit:
    """One opened page, with what a test looks at."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.label = page.locator("#fusion-version .version")

    def settled(self, timeout_s: float = 60) -> str:
        """Wait for a full, current result; its label."""
        settled = self.page.locator("#fusion-version .version:not(.stale) b")
        settled.wait_for(timeout=timeout_s * 1000)
        self.page.wait_for_function(
            "() => { const l = document.querySelector('#fusion-version .version');"
            " return l && !l.classList.contains('stale') && !l.innerText.startsWith('preview'); }",
            timeout=timeout_s * 1000,
        )
        return str(self.label.inner_text())

    def until_label(self, text: str, timeout_s: float = 60) -> None:
        """Wait for a full, current result whose label has this text."""
        self.page.wait_for_function(
            "(text) => { const l = document.querySelector('#fusion-version .version'); return l && "
            "l.innerText.includes(text) && !l.classList.contains('stale') && !l.innerText.startsWith('preview'); }",
            arg=text, timeout=timeout_s * 1000,
        )  # fmt: skip

    def until_undo(self, count: int, timeout_s: float = 60) -> None:
        """Wait until that many commits can be undone."""
        undo = self.page.locator("#fusion-desk-undo", has_text=f"Undo ({count})")
        undo.wait_for(timeout=timeout_s * 1000)

    def drag(self, name: str, start: float, stop: float, steps: int = 20) -> None:
        """Drag a fader from one share of its length to another, quickly."""
        self.fader(name).scroll_into_view_if_needed()
        box = self.fader(name).bounding_box()
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + box["width"] * start, y)
        self.page.mouse.down()
        for step in range(1, steps + 1):
            self.page.mouse.move(box["x"] + box["width"] * (start + (stop - start) * step / steps), y)
        self.page.mouse.up()

    def fused(self) -> np.ndarray:
        """The pixels of the fused picture that is on the page now, (H, W, 3) uint8."""
        address = self.page.locator("#fusion-out img").last.get_attribute("src")
        return np.asarray(Image.open(io.BytesIO(self.page.request.get(address).body())))

    def until_fused(self, expected: np.ndarray, timeout_s: float = 60) -> None:
        """Wait for a full, current result that has exactly these pixels; fail where another one stays."""
        last = time.monotonic() + timeout_s
        while True:
            self.settled(timeout_s)
            if np.array_equal(self.fused(), expected):
                return
            assert time.monotonic() < last, "the picture on the page is not that of the last position"
            self.page.wait_for_timeout(200)

    def fader(self, name: str) -> Any:
        """The range input of a fader."""
        return self.page.locator(f"#{name} input[type=range]")


@pytest.fixture
def visit(served: str, browser: Any) -> Iterator[Callable[..., Visit]]:
    """Open the page afresh; any script error on it fails the test."""
    contexts, errors = [], []

    def open_page(width: int = 1280, height: int = 900, theme: str = "light", on_request: Any = None,
                  query: str = "") -> Visit:  # fmt: skip
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce",
                                      locale="en-US", timezone_id="UTC")  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        if on_request:
            page.on("request", on_request)
        page.goto(f"{served}?__theme={theme}{query}", wait_until="domcontentloaded")
        page.locator("#fusion-run").wait_for(timeout=60_000)
        return Visit(page)

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []
