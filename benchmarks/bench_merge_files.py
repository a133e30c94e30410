"""Merges a pair of large synthetic checkpoints by the command: seconds, GB/s, and peak memory against its bound.

    python -m benchmarks.bench_merge_files [--gb 2] [--memory 1] [--method task_arithmetic] [--json FILE]

Base and expert are of `--gb` (10^9 bytes) each, fp16, in shards, with transformer-like shapes and one large embedding;
they are written to a temporary folder (--folder) and removed. The merge runs in a process of its own. What that process
holds before it merges (Python, torch) is measured in another one and taken off the peak.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measured import cost_of
from benchmarks.report import store

ROOT = Path(__file__).resolve().parents[1]
WIDTH, INNER, ROWS = 2048, 8192, 32_000
SHARDS = 4
IMPORTS = "import torch, safetensors.torch, tqdm, pipelines.commands.merge, pipelines.merging.arena"
RECIPE = """mixdeck_recipe: 1
family: {{id: pair, base: {{ref: base}}}}
experts: {{expert: {{ref: expert}}}}
merge: {{vector: {{method: {method}}}, weights: {{expert: 0.6}}, scale: 1.0}}
"""


def shapes(size_bytes: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes that make about so many bytes of fp16."""
    rows = min(ROWS, max(8, size_bytes // (20 * WIDTH)))
    found: dict[str, tuple[int, ...]] = {"model.embed.weight": (rows, WIDTH)}
    left, number = size_bytes // 2 - rows * WIDTH, 0
    while left > 0:
        inner = max(1, min(INNER, left // WIDTH))
        found[f"model.layers.{number:03d}.mlp.weight"] = (inner, WIDTH)
        found[f"model.layers.{number:03d}.norm.weight"] = (WIDTH,)
        left, number = left - (inner + 1) * WIDTH, number + 1
    return found


def write_pair(folder: Path, size_bytes: int, shards: int = SHARDS) -> int:
    """Base and expert in shards; gives the bytes of one of them."""
    written = 0
    for number, part in enumerate(_parts(shapes(size_bytes), shards), start=1):
        written += _write_shard(folder, f"model-{number:05d}-of-{shards:05d}.safetensors", part, seed=number)
    return written


def _parts(listed: dict[str, tuple[int, ...]], count: int) -> Iterator[dict[str, tuple[int, ...]]]:
    names = list(listed)
    for place in range(count):
        yield {name: listed[name] for name in names[place::count]}


def _write_shard(folder: Path, name: str, part: dict[str, tuple[int, ...]], seed: int) -> int:
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)
    base = {key: (0.02 * torch.randn(shape, generator=generator)).half() for key, shape in part.items()}
    steps = {key: 0.001 * torch.randn(WIDTH, generator=generator).half() for key in part}  # the same for every row
    for one in ("base", "expert"):
        (folder / one).mkdir(exist_ok=True)
        save_file(base if one == "base" else {key: base[key] + steps[key] for key in part}, folder / one / name)
    return (folder / "base" / name).stat().st_size


def measure(folder: Path, size_bytes: int, memory_gb: float, method: str) -> dict[str, Any]:
    """Make the pair in `folder`, merge it, and give sizes, seconds, GB/s and peak against bound."""
    one = write_pair(folder, size_bytes)
    (folder / "recipe.yaml").write_text(RECIPE.format(method=method))
    path = {"PYTHONPATH": str(ROOT)}
    idle = cost_of([sys.executable, "-c", IMPORTS], folder, path).peak_bytes
    command = [sys.executable, "-m", "pipelines", "merge", "recipe.yaml", "--out", "out.safetensors"]
    found = cost_of([*command, "--memory", str(memory_gb), "--json", "report.json"], folder, path)
    report = json.loads((folder / "report.json").read_text())
    used, bound = found.peak_bytes - idle, report["bound_bytes"]
    moved = 2 * (2 * one) + report["size_bytes"]  # each input is read twice: for its hash and for the merge
    return {
        "bench": "merge_files",
        "device": platform.machine(),
        "method": method,
        "checkpoint_bytes": one,
        "shards": SHARDS,
        "memory_gb": memory_gb,
        "bound_bytes": bound,
        "program_bytes": idle,
        "peak_bytes": found.peak_bytes,
        "used_bytes": used,
        "is_within_bound": used <= bound,
        "seconds": round(found.seconds, 2),
        "cpu_seconds": round(found.cpu_seconds, 2),
        "merge_seconds": report["seconds"],
        "gb_per_second": round(moved / report["seconds"] / 1e9, 3),
    }


def main(gb: float, memory_gb: float, method: str, folder: Path | None, json_path: Path | None) -> dict[str, Any]:
    """Measure in a temporary folder, print, and write JSON if a path is given."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        report = measure(Path(name), int(gb * 1e9), memory_gb, method)
    for key, value in report.items():
        print(f"{key:18} {value}")
    store(json_path, report)
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=2.0, help="size of each checkpoint, 10^9 bytes")
    parser.add_argument("--memory", type=float, default=1.0, help="as of the command, 10^9 bytes")
    parser.add_argument("--method", default="task_arithmetic")
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    parser.add_argument("--json", type=Path, metavar="FILE")
    flags = parser.parse_args()
    main(flags.gb, flags.memory, flags.method, flags.folder, flags.json)
