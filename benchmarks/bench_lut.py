"""Times the table operators and OpenCV's exposure fusion on one 4K pair, one thread, in turn within one run.

Frames lie in memory as 8-bit RGB; nothing is decoded or encoded. CPU milliseconds, the best of several rounds, so a
machine that does other work changes the numbers little.

    python -m benchmarks.bench_lut [--size 3840 2160] [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import store

SIZE_WH = (3840, 2160)


def main(json_path: Path | None = None, size_wh: tuple[int, int] = SIZE_WH, rounds: int = 5) -> dict[str, Any]:
    """Run the benchmark, print a table and write it as JSON if a path is given."""
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        milliseconds = measure(contestants(size_wh), rounds)
    finally:
        cv2.setNumThreads(threads)
    report = {"bench": "lut", "device": platform.machine(), "opencv": cv2.__version__, "threads": 1, "frames": 2}
    report |= {"size_wh": list(size_wh), "rounds": rounds, "best_cpu_ms": milliseconds}
    for name, value in milliseconds.items():
        print(f"{name:22} {value:8.1f} ms")
    store(json_path, report)
    return report


def contestants(size_wh: tuple[int, int]) -> dict[str, Callable[[], Any]]:
    """What is timed; all take the same two 8-bit frames."""
    import cv2
    import numpy as np

    from pipelines.fusion.meflut import load_tables
    from pipelines.fusion.operators import fuse_with_tables

    assets = Path(__file__).resolve().parent.parent / "assets"
    frames = exposures_8bit(size_wh)
    tables = {kind: load_tables(assets, 2, kind) for kind in ("pyramid", "paper")}
    mertens = cv2.createMergeMertens()

    def average() -> Any:
        return cv2.addWeighted(frames[0], 0.5, frames[1], 0.5, 0)

    def opencv_mertens() -> Any:
        return np.clip(mertens.process(list(frames)) * 255, 0, 255).astype(np.uint8)

    return {
        "average": average,
        "fast": lambda: fuse_with_tables(frames, tables["paper"], "fast"),
        "pyramid": lambda: fuse_with_tables(frames, tables["pyramid"], "pyramid"),
        "paper": lambda: fuse_with_tables(frames, tables["paper"], "paper"),
        "OpenCV exposure fusion": opencv_mertens,
    }


def exposures_8bit(size_wh: tuple[int, int]) -> Any:
    """Two generated exposures, (2, H, W, 3) uint8, brightest first."""
    import cv2
    import numpy as np

    from pipelines.fusion.synthetic.exposures import exposures

    sample = exposures(np.random.default_rng(0), (540, 960), 2)
    large = [cv2.resize(image, size_wh, interpolation=cv2.INTER_CUBIC) for image in sample.images]
    return np.rint(np.clip(np.stack(large), 0, 1) * 255).astype(np.uint8)


def measure(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Best CPU milliseconds of each call; every round runs all of them, so that drift hits all alike."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds + 1):  # the first round warms up, and may still be the best
        for name, call in calls.items():
            began = time.process_time()
            call()
            best[name] = min(best[name], (time.process_time() - began) * 1e3)
    return best


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Times the table operators on one pair.")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE_WH, metavar=("W", "H"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    main(options.json, tuple(options.size), options.rounds)
