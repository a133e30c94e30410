"""Times the page as a visitor feels it: from a fader's movement to the changed picture, in headless Chromium.

The page runs in a process of its own. The clock is the browser's: it starts with the event that moved the fader (or let
it go) and stops in the frame after the new picture is decoded. The server's CPU time stands beside it, for a machine
that does other work changes it little; `load` is the load average before the rounds.

    python -m benchmarks.bench_page [--size 640 480] [--rounds 10] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from benchmarks.report import store

ROOT = Path(__file__).resolve().parent.parent

SIZE_WH, ROUNDS = (640, 480), 10
FADER = "#fusion-desk-scale input[type=range]"
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-software-rasterizer"]
LONGEST_MS = 60_000
COLUMNS = ("preview_ms", "preview_cpu_ms", "commit_ms", "commit_cpu_ms")
# Armed before each movement; `done` gives milliseconds from the event to the frame that shows the new picture.
CLOCK = """
window.clock = (event, isFull) => {
  const fused = () => [...document.querySelectorAll('#fusion-out img')].at(-1);
  const label = () => document.querySelector('#fusion-version .version');
  const isSettled = () => !label().classList.contains('stale') && !label().innerText.startsWith('preview');
  const before = fused().src;
  window.done = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`no new picture after ${event}`)), LONGEST_MS);
    window.addEventListener(event, () => {
      const began = performance.now();
      const look = () => {
        const image = fused();
        const isNew = image.src !== before && image.complete && image.naturalWidth && (!isFull || isSettled());
        if (isNew) requestAnimationFrame(() => resolve(performance.now() - began));
        else setTimeout(look, 4);
      };
      look();
    }, { capture: true, once: true });
  });
};
""".replace("LONGEST_MS", str(LONGEST_MS))


def main(json_path: Path | None = None, size_wh: tuple[int, int] = SIZE_WH, rounds: int = ROUNDS) -> dict[str, Any]:
    """Run the benchmark, print a table and write it as JSON if a path is given."""
    report: dict[str, Any] = {"bench": "page", "device": platform.machine(), "cores": os.cpu_count(),
                              "load": os.getloadavg()[0], "size_wh": list(size_wh), "rounds": rounds}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, serving() as (url, server), opened(url) as page:
        upload(page, frames_of_size(Path(folder), size_wh))
        moves = [move(page, server, 0.3 + 0.5 * k / rounds) for k in range(rounds)]
    for name, times in zip(COLUMNS, zip(*moves, strict=True), strict=True):
        report[name] = {"median": round(statistics.median(times)), "least": round(min(times)),
                        "most": round(max(times))}  # fmt: skip
        print(f"{name:16} {report[name]}")
    store(json_path, report)
    return report


@contextmanager
def serving() -> Iterator[tuple[str, psutil.Process]]:
    """Address and process of a page that runs until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, str(ROOT / "app.py"), "--port", str(port)], stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, server)
        yield url, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait()


def wait_for(url: str, server: subprocess.Popen[bytes], longest_s: float = 120) -> None:
    """Return when the address answers."""
    last = time.monotonic() + longest_s
    while True:
        try:
            urlopen(url, timeout=10).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > last:
                raise
            time.sleep(0.2)


@contextmanager
def opened(url: str) -> Iterator[Any]:
    """The page in a browser, its first example fused."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        raise SystemExit("This benchmark needs Chromium: install the distribution's, or name one in CHROMIUM.")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(url, wait_until="domcontentloaded")
        settle(page)
        page.evaluate(CLOCK)
        yield page
        browser.close()


def settle(page: Any) -> None:
    """Wait for a full result of the current settings."""
    page.wait_for_function(
        "() => { const l = document.querySelector('#fusion-version .version'); return l?.querySelector('b') && "
        "!l.classList.contains('stale') && !l.innerText.startsWith('preview'); }",
        timeout=LONGEST_MS,
    )


def frames_of_size(folder: Path, size_wh: tuple[int, int]) -> list[str]:
    """The two frames of the first example at a size."""
    from PIL import Image

    from demos.examples import read_examples

    paths = []
    for frame in read_examples(ROOT / "assets" / "examples" / "fusion")[0].frames:
        paths.append(str(folder / frame.name))
        Image.open(frame).resize(size_wh).save(paths[-1])
    return paths


def upload(page: Any, paths: list[str]) -> None:
    """Replace the example's frames, and wait for their picture."""
    before = page.locator("#fusion-out img").last.get_attribute("src")
    clear = page.locator("#fusion-files button[aria-label='Clear']")
    if clear.count():
        clear.first.click()
    page.locator("#fusion-files input[type=file]").set_input_files(paths)
    page.wait_for_function(
        "(before) => [...document.querySelectorAll('#fusion-out img')].at(-1).src !== before", arg=before,
        timeout=LONGEST_MS,
    )  # fmt: skip
    settle(page)


def move(page: Any, server: psutil.Process, share: float) -> tuple[float, float, float, float]:
    """Hold the fader, move it to a share of its length, let it go; COLUMNS, in milliseconds.

    CPU time is the server's, of everything that the movement started.
    """
    box = page.locator(FADER).bounding_box()
    y = box["y"] + box["height"] / 2
    page.evaluate("clock('input', false)")
    page.mouse.move(box["x"] + box["width"] * share, y)
    preview = timed(page, server, page.mouse.down)
    page.evaluate("clock('pointerup', true)")
    return *preview, *timed(page, server, page.mouse.up)


def timed(page: Any, server: psutil.Process, act: Any) -> tuple[float, float]:
    """From the act to its picture, and the server's CPU until it rests."""
    before = cpu_ms(server)
    act()
    shown = page.evaluate("done")
    spent = -1.0
    while cpu_ms(server) - spent > 20:
        spent = cpu_ms(server)
        page.wait_for_timeout(500)
    return shown, spent - before


def cpu_ms(server: psutil.Process) -> float:
    """User and system time so far."""
    times = server.cpu_times()
    return (times.user + times.system) * 1e3


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=SIZE_WH, metavar=("W", "H"))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    main(flags.json, tuple(flags.size), flags.rounds)
