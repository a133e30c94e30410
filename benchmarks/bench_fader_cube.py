"""Artefacts of `fusenet` on 100 random points of the fader cube, each expert's coefficient one of -0.5, 0, 0.5, 1, 1.5.

Every point fuses one scene of each task, generated ones, or crops of a public set's scenes with `--data`. What is
measured stands in pipelines/fusion/artefacts.py; 1 is just visible. The base and the classical methods are measured on
the same scenes. `--sheet` writes the worst five as pictures: frames, base, point.

    python -m benchmarks.bench_fader_cube [--points 100] [--data FOLDER] [--sheet FILE.png] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import store
from pipelines.fusion.artefacts import VISIBLE, Artefacts, find_artefacts
from pipelines.fusion.baselines import BASELINES
from pipelines.fusion.operators import luma
from pipelines.fusion.pipeline import run_network
from pipelines.fusion.probe import probe_set
from pipelines.merging.recipe import MergeRecipe
from pipelines.registry import family as family_named
from pipelines.shared.cache import ModelCache

GRID = (-0.5, 0.0, 0.5, 1.0, 1.5)
SEED = 2028  # of the points
CROP_PX = 192  # of a public scene, from its middle
SHEET_TILE_WH, WORST = (384, 288), 5
CLASSICAL = {"ivis": ("laplacian", "gff"), "mef": ("laplacian", "mertens"), "mff": ("laplacian", "gff"),
             "med": ("laplacian", "gff")}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """One fused picture: where on the cube (or which other method), which scene, what is wrong with it."""

    label: str
    task: str
    scene: str
    artefacts: Artefacts
    fused: np.ndarray
    frames: np.ndarray

    @property
    def told(self) -> str:
        """One line for the table."""
        values = " ".join(f"{value:8.2f}" for value in self.artefacts.scores.values())
        return f"{self.label:26} {self.task:5} {self.scene:26} {self.artefacts.score:6.2f} | {values}"


def cube_points(count: int, tasks: Sequence[str]) -> list[MergeRecipe]:
    """`count` different points of the grid, the same every time."""
    drawn: dict[tuple[float, ...], None] = {}
    rng = np.random.default_rng(SEED)
    while len(drawn) < min(count, len(GRID) ** len(tasks)):
        drawn[tuple(float(value) for value in rng.choice(GRID, len(tasks)))] = None
    return [MergeRecipe(coefficients=tuple(zip(tasks, point, strict=True)), scale=1.0) for point in drawn]


def scenes_of(task: str, data: Path | None) -> list[tuple[str, np.ndarray]]:
    """Names and luma stacks (K, H, W) of a task."""
    if data is None:
        return [(f"generated {index}", sample.frames) for index, sample in enumerate(probe_set(task))]
    from pipelines.fusion.datasets import find_sets

    sets = [one for one in find_sets(data) if one.task == task]
    scenes = [(f"{one.name} {scene.name}", scene.frames) for one in sets for scene in one.scenes(6 // len(sets))]
    return [(name, _cropped(luma(np.stack(frames)) / np.float32(255))) for name, frames in scenes]


def _cropped(frames: np.ndarray) -> np.ndarray:
    top, left = (max(0, (side - CROP_PX) // 2) for side in frames.shape[1:])
    return np.ascontiguousarray(frames[:, top : top + CROP_PX, left : left + CROP_PX])


def measure(points: int, data: Path | None) -> tuple[list[Found], list[Found]]:
    """Pictures of the points, and those of the base and the classical methods."""
    cache, family = ModelCache(Path(__file__).resolve().parent.parent / "assets"), family_named("fusenet")
    scenes = {task: scenes_of(task, data) for task in family.experts}
    beside = _beside(cache, family, scenes)
    found = []
    for number, recipe in enumerate(cube_points(points, tuple(family.experts))):
        label = "/".join(f"{value:g}" for _, value in recipe.coefficients)
        with cache.lease(family, recipe) as lease:
            for task, known in scenes.items():
                found.append(_by_network(lease.model, label, task, *known[number % len(known)]))
    return found, beside


def _beside(cache: ModelCache, family: Any, scenes: dict[str, list[tuple[str, np.ndarray]]]) -> list[Found]:
    found = []
    with cache.lease(family, MergeRecipe(coefficients=(), scale=0.0)) as lease:
        for task, known in scenes.items():
            for name, frames in known:
                found.append(_by_network(lease.model, "base", task, name, frames))
                for method in CLASSICAL[task]:
                    fused = luma(BASELINES[method](np.repeat(frames[..., None], 3, axis=3)))
                    found.append(Found(method, task, name, find_artefacts(fused, frames), fused, frames))
    return found


def _by_network(model: Any, label: str, task: str, scene: str, frames: np.ndarray) -> Found:
    weights, residual, _ = run_network(model, frames, task)
    fused = (weights * frames).sum(0) + residual
    return Found(label, task, scene, find_artefacts(fused, frames), fused, frames)


def report(found: list[Found], beside: list[Found]) -> dict[str, Any]:
    """The table, printed, and the same as values."""
    print(f"{'coefficients':26} {'task':5} {'scene':26} {'score':>6} | " + " ".join(f"{name:>8}" for name in VISIBLE))
    for one in worst(found):
        print(one.told)
    print("worst beside them:")
    for label in dict.fromkeys(one.label for one in beside):
        print(worst([one for one in beside if one.label == label])[0].told)
    visible = [one for one in found if one.artefacts.score > 1]
    points = {one.label for one in visible}
    finite = all(one.artefacts.is_finite for one in found)
    seen = f"something to be seen in {len(visible)}, of {len(points)} points"
    print(f"{len(found)} pictures, every pixel finite: {finite}; {seen}")
    rows = [{"label": one.label, "task": one.task, "scene": one.scene, "score": one.artefacts.score}
            | asdict(one.artefacts) for one in (*worst(found), *beside)]  # fmt: skip
    return {"bench": "fader_cube", "pictures": len(found), "finite": finite, "visible": len(visible),
            "points_with_visible": len(points), "limits": VISIBLE, "rows": rows}  # fmt: skip


def worst(found: list[Found]) -> list[Found]:
    """The five highest scores, the highest first."""
    return sorted(found, key=lambda one: -one.artefacts.score)[:WORST]


def write_sheet(path: Path, found: list[Found], beside: list[Found]) -> None:
    """A row for each of the worst: its frames, the base's picture, its own."""
    import cv2

    bases = {(one.task, one.scene): one.fused for one in beside if one.label == "base"}
    rows = []
    for one in worst(found):
        planes = [one.frames[0], one.frames[-1], bases[one.task, one.scene], one.fused]
        tiles = [np.clip(np.nan_to_num(plane), 0, 1) for plane in planes]
        rows.append(np.hstack([cv2.resize(tile, SHEET_TILE_WH, interpolation=cv2.INTER_NEAREST) for tile in tiles]))
    cv2.imwrite(str(path), np.rint(np.vstack(rows) * 255).astype(np.uint8))


def main(json_path: Path | None = None, points: int = 100, data: Path | None = None, sheet: Path | None = None) -> None:
    """Measure, print, and write what was asked for."""
    found, beside = measure(points, data)
    values = report(found, beside)
    store(json_path, values)
    if sheet is not None:
        write_sheet(sheet, found, beside)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parser = argparse.ArgumentParser(description="Artefacts on random points of the fader cube.")
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--data", type=Path, metavar="FOLDER")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png")
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    main(flags.json, flags.points, flags.data, flags.sheet)
