"""Times the reading procedures of igtr per crop, batch 1 and 32, and counts its work beside that of a CRNN.

Every crop is read as a word of ten characters (a pattern of ten open places), so that autoregressive reading takes its
eleven steps whatever the picture shows; CTC and assembly know no patterns and read what they see. Encoding is included.

    python benchmarks/bench_text.py [--rounds 30] [--threads 1 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

LENGTH = 10
BATCHES = (1, 32)
THREADS = (1, 2)


def main(json_path: Path | None = None, rounds: int = 30, threads: tuple[int, ...] = THREADS) -> dict[str, Any]:
    """Run the benchmark, print a table and write it as JSON if a path is given."""
    import torch

    network, kept = shipped_network(), torch.get_num_threads()
    report: dict[str, Any] = {"bench": "text", "device": platform.machine(), "torch": torch.__version__}
    report |= {"rounds": rounds, "characters": LENGTH, "gflop": work(network), "median_ms_per_crop": {}}
    try:
        for count in threads:
            torch.set_num_threads(count)
            report["median_ms_per_crop"][str(count)] = {
                str(batch): timings(network, batch, max(3, rounds // batch)) for batch in BATCHES
            }
    finally:
        torch.set_num_threads(kept)
    print(table(report))
    if json_path is not None:
        Path(json_path).write_text(json.dumps(report, indent=2) + "\n")
    return report


def shipped_network() -> Any:
    """The base, as the page reads with it."""
    from pipelines.commands.loading import open_cache
    from pipelines.registry import family

    with open_cache("cpu").lease(family("igtr")) as lease:
        return lease.model


def contestants() -> dict[str, Any]:
    """Name -> options of what is timed."""
    from pipelines.text_recognition.options import ReadingOptions

    pattern = "?" * LENGTH
    return {
        "parallel": ReadingOptions(pattern=pattern),
        "parallel_refine1": ReadingOptions(pattern=pattern, refinements=1, doubt_threshold=1.0),
        "autoregressive": ReadingOptions("autoregressive", pattern=pattern),
        "ctc": ReadingOptions("ctc"),
        "verification": ReadingOptions("verification", pattern=pattern),
        "assembly": ReadingOptions("assembly"),
    }


def timings(network: Any, batch: int, rounds: int) -> dict[str, float]:
    """Median milliseconds per crop of each procedure; every round runs all of them, so that drift hits all alike."""
    import numpy as np

    from pipelines.text_recognition.crops import read_crops

    rng = np.random.default_rng(0)
    crops = list(rng.integers(0, 256, (batch, 36, 84, 3), dtype=np.uint8))
    options, taken = contestants(), {name: [] for name in contestants()}
    for _ in range(rounds + 1):
        for name, asked in options.items():
            began = time.perf_counter()
            read_crops(network, crops, asked)
            taken[name].append((time.perf_counter() - began) * 1e3 / batch)
    return {name: round(statistics.median(times[1:]), 2) for name, times in taken.items()}  # the first one warms up


def work(network: Any) -> dict[str, float]:
    """GFLOP of one crop (2 per multiply-add) by PyTorch's counter, and of a CRNN on the same 32 x 128 pixels."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from pipelines.text_recognition.procedures.parallel import read_parallel
    from pipelines.text_recognition.reader import Reader

    def counted(call: Any) -> float:
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            call()
        return counter.get_total_flops() / 1e9

    pixels = torch.zeros(1, 3, 32, 128)
    encoder = counted(lambda: network.encode(pixels))
    whole = counted(lambda: read_parallel(Reader(network, network.encode(pixels))))
    columns, crnn = crnn_columns(), 0.0
    crnn = counted(lambda: columns(pixels[:, :1])) + recurrent_gflop(steps=33)
    return {"encoder": round(encoder, 3), "parallel": round(whole, 3), "crnn": round(crnn, 3)}


def crnn_columns() -> Any:
    """The convolutions of CRNN (Shi et al. 2015, arXiv:1507.05717, table 1), weights not trained."""
    from torch import nn

    def convolution(inputs: int, outputs: int, size: int = 3, padding: int = 1) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, size, padding=padding), nn.ReLU()]

    return nn.Sequential(
        *convolution(1, 64), nn.MaxPool2d(2), *convolution(64, 128), nn.MaxPool2d(2),
        *convolution(128, 256), *convolution(256, 256), nn.MaxPool2d((2, 2), (2, 1), (0, 1)),
        *convolution(256, 512), *convolution(512, 512), nn.MaxPool2d((2, 2), (2, 1), (0, 1)),
        *convolution(512, 512, 2, 0),
    )  # fmt: skip


def recurrent_gflop(steps: int, width: int = 256, inputs: int = 512) -> float:
    """Two bidirectional LSTM layers: four gates, each a product with the input and the state."""
    first = 2 * 4 * width * (inputs + width)
    second = 2 * 4 * width * (2 * width + width)
    return 2 * steps * (first + second) / 1e9


def table(report: dict[str, Any]) -> str:
    """Procedures down, threads and batches across."""
    found = report["median_ms_per_crop"]
    columns = [(count, batch) for count in found for batch in found[count]]
    lines = [" " * 18 + "".join(f"{f'{count} thread, B {batch}':>18}" for count, batch in columns)]
    for name in contestants():
        lines.append(f"{name:18}" + "".join(f"{found[count][batch][name]:15.2f} ms" for count, batch in columns))
    return "\n".join([*lines, *(f"{name:18}{value:15.3f} GFLOP" for name, value in report["gflop"].items())])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Times the reading procedures of igtr.")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, nargs="+", default=THREADS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    main(options.json, options.rounds, tuple(options.threads))
