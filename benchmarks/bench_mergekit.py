"""Merges the same files by mergekit and by Mixdeck, in turn: greatest difference, wall seconds, peak memory.

    python -m benchmarks.bench_mergekit [--mergekit DIR] [--megabytes 100] [--json FILE]

mergekit is not among our requirements. Without DIR it is installed from the package index into a temporary folder, and
nothing is measured where that cannot be reached.

Recipes that both can express; networks are random, of transformer-like shapes, experts with a common direction. Each
tool runs in a process of its own, which reads the files and writes one.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measured import cost_of
from benchmarks.report import store

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("mergekit", "peft", "immutables")
WIDTH, INNER = 512, 2048
EXPERTS = ("a", "b", "c")
THEIRS = "import sys; from mergekit.scripts.merge_raw_pytorch import main; main(sys.argv[1:], standalone_mode=False)"


def recipes() -> dict[str, dict[str, Any]]:
    """Configurations of mergekit, by name."""

    def models(**parameters: Any) -> list[dict[str, Any]]:
        return [{"model": f"{one}.safetensors", "parameters": dict(parameters)} for one in EXPERTS]

    def made(method: str, listed: list[dict[str, Any]], base: str = "base", **parameters: Any) -> dict[str, Any]:
        return {"merge_method": method, "base_model": f"{base}.safetensors", "models": listed, "dtype": "float32",
                "parameters": parameters}  # fmt: skip

    def baseless(method: str, listed: list[dict[str, Any]]) -> dict[str, Any]:
        return {"merge_method": method, "models": listed, "dtype": "float32"}

    filters = [{"filter": "layers.1.", "value": 0.2}, {"value": 1.0}]
    return {
        "linear": baseless("linear", models(weight=0.5)),
        "linear, filters": baseless("linear", models(weight=filters)),
        "task_arithmetic": made("task_arithmetic", models(weight=0.4), **{"lambda": 0.8}),
        "ties": made("ties", models(weight=1.0, density=0.2)),
        "breadcrumbs": made("breadcrumbs", models(weight=0.4, density=0.6, gamma=0.05)),
        "sce": made("sce", models(), select_topk=0.3),
        "slerp": made("slerp", models()[:2], "a", t=0.3),
        "nuslerp": made("nuslerp", models(weight=0.4)[:2]),
        "karcher": baseless("karcher", models()),
        "model_stock": made("model_stock", models()),
    }


def write_networks(folder: Path, megabytes: int) -> None:
    """A base and three experts of about so many megabytes each."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(0)
    layers = max(2, round(megabytes * 1e6 / 4 / (WIDTH * WIDTH + WIDTH * INNER)))
    shapes = {f"model.layers.{i}.{name}.weight": shape for i in range(layers)
              for name, shape in (("attn", (WIDTH, WIDTH)), ("mlp", (INNER, WIDTH)))}  # fmt: skip
    base = {key: 0.05 * torch.randn(shape, generator=generator) for key, shape in shapes.items()}
    save_file(base, folder / "base.safetensors")
    for one in EXPERTS:
        moved = {
            k: v + 0.005 * (torch.sin(400 * v) + torch.randn(v.shape, generator=generator)) for k, v in base.items()
        }
        save_file(moved, folder / f"{one}.safetensors")


def timed(command: list[str], folder: Path, path: str) -> dict[str, float]:
    """Wall seconds and peak resident megabytes of a command. Raises RuntimeError: it failed."""
    cost = cost_of(command, folder, {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})
    return {"seconds": round(cost.seconds, 2), "peak_mb": round(cost.peak_bytes / 1e6, 1)}


def difference(first: Path, second: Path) -> dict[str, float]:
    """Greatest absolute difference of two checkpoints, and the share of weights that differ by more than 1e-5.

    Where sizes tie at a threshold one tool keeps all of them and the other some: a handful of weights.
    """
    from safetensors.torch import load_file

    theirs, ours = load_file(first), load_file(second)
    errors = [(theirs[key] - ours[key]).abs() for key in ours]
    beyond = sum(int((one > 1e-5).sum()) for one in errors) / sum(one.numel() for one in errors)
    return {"largest": max(float(one.max()) for one in errors), "share_beyond_1e-5": beyond}


def installed(folder: Path) -> bool:
    """Install mergekit and what it wants beside ours into a folder; False where the index is out of reach."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), *PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"skipped: mergekit is not installed: {done.stderr.strip().splitlines()[-1:]}")
    return done.returncode == 0


def main(mergekit: Path, megabytes: int = 100, json_path: Path | None = None) -> dict[str, Any]:
    """Run every recipe by both, print a table, write JSON if a path is given."""
    import yaml

    rows: dict[str, Any] = {}
    print(f"{'recipe':18} {'largest':>8} {'beyond':>8} {'theirs s':>9} {'ours s':>7} {'theirs MB':>10} {'ours MB':>8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_networks(folder, megabytes)
        for label, recipe in recipes().items():
            (folder / "recipe.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(recipe))))  # without anchors
            theirs = timed([sys.executable, "-c", THEIRS, "recipe.yaml", "theirs"], folder, str(mergekit))
            command = [sys.executable, "-m", "pipelines", "merge", "recipe.yaml", "--out", "ours.safetensors"]
            ours = timed(command, folder, str(ROOT))
            found = next((folder / "theirs").glob("*.safetensors"), folder / "theirs")
            rows[label] = {
                "difference": difference(found, folder / "ours.safetensors"),
                "mergekit": theirs,
                "mixdeck": ours,
            }
            off = rows[label]["difference"]
            print(f"{label:18} {off['largest']:8.1e} {off['share_beyond_1e-5']:8.1e} {theirs['seconds']:9.2f} "
                  f"{ours['seconds']:7.2f} {theirs['peak_mb']:10.0f} {ours['peak_mb']:8.0f}")  # fmt: skip
    report = {"bench": "mergekit", "device": platform.machine(), "megabytes": megabytes, "threads": 1, "recipes": rows}
    store(json_path, report)
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mergekit", type=Path, metavar="DIR", help="where it was installed")
    parser.add_argument("--megabytes", type=int, default=100, help="size of each checkpoint")
    parser.add_argument("--json", type=Path, metavar="FILE")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if flags.mergekit or installed(Path(place)):
            main((flags.mergekit or Path(place)).resolve(), flags.megabytes, flags.json)
