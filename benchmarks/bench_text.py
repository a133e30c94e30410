"""Times the reading procedures of igtr per crop, batch 1 and 32, and counts their work, beside a CRNN.

Every crop is read as a word of ten characters (a pattern of ten open places), so that autoregressive reading takes its
eleven steps whatever the picture shows; CTC and assembly know no patterns and read what they see. Encoding is included.
The CRNN has the layers of its paper (8.3 M parameters) and no training: only its time and work count.

Work is what PyTorch's FlopCounterMode counts of a call, two for each multiply-add of convolutions and matrix products;
it does not see LSTM layers, whose products are added by their formula.

    python -m benchmarks.bench_text [--rounds 30] [--threads 1 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.report import store

LENGTH = 10
BATCHES = (1, 32)
THREADS = (1, 2)
CRNN_WIDTHS = (100, 128)  # px; that of the paper, and that of ours


def main(json_path: Path | None = None, rounds: int = 30, threads: tuple[int, ...] = THREADS) -> dict[str, Any]:
    """Run the benchmark, print a table and write it as JSON if a path is given."""
    import torch

    network, kept = shipped_network(), torch.get_num_threads()
    report: dict[str, Any] = {"bench": "text", "device": platform.machine(), "torch": torch.__version__}
    report |= {"rounds": rounds, "characters": LENGTH, "median_ms_per_crop": {}}
    report |= {"million_parameters": {"igtr": millions(network), "crnn": millions(crnn())}, "gflop": work(network)}
    try:
        for count in threads:
            torch.set_num_threads(count)
            report["median_ms_per_crop"][str(count)] = {
                str(batch): timings(network, batch, max(3, rounds // batch)) for batch in BATCHES
            }
    finally:
        torch.set_num_threads(kept)
    print(table(report))
    store(json_path, report)
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
    """Median milliseconds per crop of each procedure, and of a CRNN; every round runs all, so that drift hits all."""
    calls = calls_on(network, batch)
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            taken[name].append((time.perf_counter() - began) * 1e3 / batch)
    return {name: round(statistics.median(times[1:]), 2) for name, times in taken.items()}  # the first one warms up


def calls_on(network: Any, batch: int) -> dict[str, Callable[[], Any]]:
    """What is timed and counted, by name."""
    import numpy as np
    import torch

    from pipelines.text_recognition.crops import read_crops

    rng = np.random.default_rng(0)
    crops = list(rng.integers(0, 256, (batch, 36, 84, 3), dtype=np.uint8))
    peer = crnn()
    reads = {name: partial(read_crops, network, crops, options) for name, options in contestants().items()}
    return reads | {f"crnn_{width}": partial(peer, torch.zeros(batch, 1, 32, width)) for width in CRNN_WIDTHS}


def work(network: Any) -> dict[str, float]:
    """GFLOP of one crop: of the encoder, of each procedure, and of a CRNN."""
    import torch

    pixels = torch.zeros(1, 3, 32, 128)
    found = {"encoder": counted(lambda: network.encode(pixels))}
    found |= {name: counted(call) for name, call in calls_on(network, 1).items()}
    for width in CRNN_WIDTHS:
        found[f"crnn_{width}"] += recurrent_gflop(steps=width // 4 + 1)
    return {name: round(value, 3) for name, value in found.items()}


def counted(call: Callable[[], Any]) -> float:
    """GFLOP of a call, but for LSTM layers."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops()) / 1e9


def millions(network: Any) -> float:
    """Parameters."""
    return round(sum(value.numel() for value in network.parameters()) / 1e6, 2)


def crnn() -> Any:
    """CRNN (Shi et al. 2015, arXiv:1507.05717, table 1) with 37 classes; batch normalisation is folded away."""
    from torch import nn

    class CRNN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.columns = crnn_columns()
            self.first, self.between = nn.LSTM(512, 256, bidirectional=True), nn.Linear(512, 256)
            self.second, self.classes = nn.LSTM(256, 256, bidirectional=True), nn.Linear(512, 37)

        def forward(self, pixels: Any) -> Any:
            steps = self.columns(pixels).squeeze(2).permute(2, 0, 1)  # (W / 4 + 1, B, 512)
            return self.classes(self.second(self.between(self.first(steps)[0]))[0])

    return CRNN().eval().requires_grad_(False)


def crnn_columns() -> Any:
    """Its convolutions: (B, 1, 32, W) to (B, 512, 1, W / 4 + 1)."""
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
    """Its two bidirectional LSTM layers: four gates, each a product with the input and one with the state."""
    first = 4 * width * (inputs + width)
    second = 4 * width * (width + width)
    return 2 * 2 * steps * (first + second) / 1e9


def table(report: dict[str, Any]) -> str:
    """Procedures down, threads and batches across."""
    found = report["median_ms_per_crop"]
    columns = [(count, batch) for count in found for batch in found[count]]
    lines = [" " * 18 + "".join(f"{f'{count} thread, B {batch}':>18}" for count, batch in columns)]
    for name in next(iter(found[columns[0][0]].values())):
        lines.append(f"{name:18}" + "".join(f"{found[count][batch][name]:15.2f} ms" for count, batch in columns))
    lines += [f"{name:18}{value:15.3f} GFLOP" for name, value in report["gflop"].items()]
    return "\n".join([*lines, *(f"{name:18}{value:15.2f} M" for name, value in report["million_parameters"].items())])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Times the reading procedures of igtr.")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, nargs="+", default=THREADS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    main(options.json, options.rounds, tuple(options.threads))
