"""Milliseconds per expression of the shipped plvl mix, and what seeing a picture once for many expressions saves.

An answer is all that the page waits for: letter-box, network, objects with their masks, for one phrase of a generated
scene, or for ten at once, each put both ways (both_ways.py). The network alone, asked one way, answers ten phrases of
one sight of the picture, about ten sights of it in one batch, and one by one. Every round runs all of them in turn, so
that drift hits all alike.

    python -m benchmarks.bench_grounding [--rounds 30] [--threads 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.report import store
from pipelines.commands.loading import open_cache
from pipelines.grounding.letterbox import Letterbox
from pipelines.grounding.pipeline import GroundingPipeline
from pipelines.grounding.random_scene import SceneRef, drawn, picture_of
from pipelines.grounding.tokenizer import tokenize
from pipelines.shared.images import OpenedImage
from pipelines.shared.synthetic.textures import to_bytes

PHRASES = 10
LIMITS_MS = {"answer": 120.0, "ten answers": 600.0}  # medians on two cores
SCENES = tuple(SceneRef("full", seed) for seed in range(5))  # their expressions, ten each where a scene has so many


def run(pipeline: GroundingPipeline, rounds: int, threads: int, scenes: Sequence[SceneRef] = SCENES) -> dict[str, Any]:
    """Median milliseconds of each contestant, and ratios within a round; torch's threads are put back."""
    kept = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        times = timings(pipeline, rounds, scenes)
    finally:
        torch.set_num_threads(kept)
    medians = {name: median(some) for name, some in times.items()}
    ratios = {
        name: round(median(a / b for a, b in zip(times[name], times["ten, one sight"], strict=True)), 3)
        for name in ("ten, ten sights", "ten, one by one")
    }
    return {
        "bench": "grounding", "device": platform.machine(), "torch": torch.__version__, "threads": threads,
        "rounds": rounds, "median_ms": {name: round(value, 2) for name, value in medians.items()},
        "over_one_sight": ratios,
        "limits_ms": LIMITS_MS, "met": {name: medians[name] <= limit for name, limit in LIMITS_MS.items()},
    }  # fmt: skip


def timings(pipeline: GroundingPipeline, rounds: int, scenes: Sequence[SceneRef]) -> dict[str, list[float]]:
    """Contestant -> milliseconds of each round; the first round warms up and is left out."""
    asked = [(picture_of(scene), phrases_of(scene)) for scene in scenes]
    times: dict[str, list[float]] = {}
    with pipeline.cache.lease(pipeline.family, pipeline.family.default) as lease:
        for turn in range(rounds + 1):
            for name, call in contestants(pipeline, lease.model, *asked[turn % len(asked)]).items():
                began = time.perf_counter()
                call()
                if turn:
                    times.setdefault(name, []).append(1e3 * (time.perf_counter() - began))
    return times


def contestants(
    pipeline: GroundingPipeline, network: Any, image: OpenedImage, phrases: Sequence[str]
) -> Mapping[str, Callable[[], object]]:
    """What is timed on one picture: whole answers, then the network alone."""
    canvas = Letterbox.of(*image.pixels.shape[1::-1], network.shape.side_px).place(to_bytes(image.pixels))
    pixels = torch.from_numpy(canvas).permute(2, 0, 1)[None].float() / 255
    many = pixels.expand(PHRASES, -1, -1, -1)
    return {
        "answer": lambda: pipeline(image, phrases[:1]),
        "ten answers": lambda: pipeline(image, phrases),
        "one, one sight": lambda: told(network, pixels, phrases[:1]),
        "ten, one sight": lambda: told(network, pixels, phrases),
        "ten, ten sights": lambda: told(network, many, phrases),
        "ten, one by one": lambda: [told(network, pixels, [phrase]) for phrase in phrases],
    }


@torch.inference_mode()
def told(network: Any, pixels: torch.Tensor, phrases: Sequence[str]) -> object:
    """What the network says of phrases about one picture, or about as many pictures."""
    owner = torch.arange(len(phrases)) if len(pixels) > 1 else torch.zeros(len(phrases), dtype=torch.long)
    return network(pixels, tokenize(phrases), owner)


def phrases_of(scene: SceneRef) -> list[str]:
    """Ten different phrases about a scene; where it has fewer expressions, with words of politeness."""
    texts = [one.text for one in drawn(scene).phrases]
    return [*texts, *(f"please find {text}" for text in texts), *(f"show me {text}" for text in texts)][:PHRASES]


def table(report: Mapping[str, Any]) -> str:
    """A line per contestant, with its limit where it has one."""
    lines = [
        f"{name:16}{value:9.1f} ms" + (f"   limit {LIMITS_MS[name]:.0f} ms" if name in LIMITS_MS else "")
        for name, value in report["median_ms"].items()
    ]
    lines += [f"{name}: {ratio:.2f} times as long as of one sight" for name, ratio in report["over_one_sight"].items()]
    return "\n".join(lines)


def main(path: Path | None = None, arguments: Sequence[str] = ()) -> None:
    """Run, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, default=path)
    asked = parser.parse_args(arguments)
    report = run(GroundingPipeline(open_cache("cpu")), asked.rounds, asked.threads)
    print(table(report))
    store(asked.json, report)


if __name__ == "__main__":
    import sys

    main(arguments=sys.argv[1:])
