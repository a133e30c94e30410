"""Two claims of PLVL on the generated world: language injected progressively beats late fusion, a joint head two heads.

Three networks of shape C, the same but for one switch (pipelines/grounding/shape.py), are trained on the same scenes in
the same order for a twelfth of the CPU preset's steps, each with three seeds, and scored on held-out scenes at 128 px.
Late fusion has the same parameters; heads that are apart have a few more. Resumes where it stopped.

    python -m benchmarks.bench_plvl_design [--seeds 0 1 2] [--folder checkpoints/plvl-design] [--json FILE]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from benchmarks.report import store
from pipelines.grounding.decode import Thresholds
from pipelines.grounding.evaluate import TEST
from pipelines.grounding.metrics import set_scores, single_scores
from pipelines.grounding.plvl import PLVL
from pipelines.grounding.plvl_training import PRESETS, source, train_base
from pipelines.grounding.shape import SHAPES, Shape
from pipelines.grounding.validation import answers, drawn
from pipelines.training.checkpoints import loaded
from pipelines.training.run import Run, TrainingOptions
from pipelines.training.shards import start_making

DESIGNS: Mapping[str, Shape] = {
    "paper": SHAPES["C"],
    "late fusion": replace(SHAPES["C"], is_progressive=False),
    "separate heads": replace(SHAPES["C"], is_joint=False),
}
PLAN = replace(
    PRESETS["cpu"],
    base_steps=400,
    look_steps=0,
    steady_steps=0,
    shards=4,
    sides=((0.6, 96), (1.0, 128)),
    checkpoint_every=500,
)  # fmt: skip
SPLITS = ("iid", "comp", "long", "rel-hard", "notarget")
SCENES, SIDE_PX = 500, 128
MEASURES = ("acc@0.5", "mIoU", "consistency")


def run(seeds: Sequence[int], folder: Path) -> dict[str, Any]:
    """Train and score every design with every seed."""
    rows = []
    for seed in seeds:
        scenes = source(folder / f"scenes-seed{seed}", "base", PLAN, seed)
        start_making(scenes.shards, PLAN.drawers)
        for title, shape in DESIGNS.items():
            place = folder / f"{title.replace(' ', '-')}-seed{seed}"
            began = time.perf_counter()
            path, seconds = train_base(
                PLAN, shape, {"base": scenes}, Run(TrainingOptions(seed=seed, resume=True), place)
            )
            model = PLVL(shape).eval()
            model.load_state_dict(loaded(path))
            scores = {split: scores_on(model, split) for split in SPLITS}
            rows.append({"design": title, "seed": seed, "training_s": round(seconds), "sets": scores})
            print(f"{title}, seed {seed}, {time.perf_counter() - began:.0f} s: {scores}", flush=True)
    return {"family": "plvl", "device": "cpu", "steps": PLAN.base_steps, "scenes": SCENES, "rows": rows}


def scores_on(model: PLVL, split: str) -> dict[str, float]:
    """Box, mask and existence scores on the first scenes of a test split."""
    scenes = drawn(split, SCENES, SIDE_PX, TEST)
    cases, raws = [case for _, found in scenes for case in found], answers(model, scenes)
    found = single_scores(cases, raws) | set_scores(cases, raws, Thresholds(most=8))
    return {name: found[name] for name in (*MEASURES, "N-acc", "T-acc") if name in found}


def table(result: Mapping[str, Any]) -> str:
    """Markdown: mean and spread over seeds of each design, and in how many seeds the paper's design is ahead."""
    lines = ["| split | measure | " + " | ".join(DESIGNS) + " | ahead of late | ahead of separate |",
             "| --- | --- |" + " ---: |" * 5]  # fmt: skip
    for split in SPLITS:
        for measure in MEASURES:
            values = {title: _values(result, title, split, measure) for title in DESIGNS}
            if all(values.values()):
                cells = [f"{fmean(found):.3f} ± {pstdev(found):.3f}" for found in values.values()]
                wins = [_wins(values["paper"], values[title]) for title in list(DESIGNS)[1:]]
                lines.append(f"| {split} | {measure} | " + " | ".join([*cells, *wins]) + " |")
    return "\n".join(lines)


def _values(result: Mapping[str, Any], title: str, split: str, measure: str) -> list[float]:
    rows = [row["sets"][split] for row in result["rows"] if row["design"] == title]
    return [row[measure] for row in rows if measure in row]


def _wins(ours: Sequence[float], theirs: Sequence[float]) -> str:
    return f"{sum(a > b for a, b in zip(ours, theirs, strict=True))} of {len(ours)}"


def main(path: Path | None = None, arguments: Sequence[str] = ()) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folder", type=Path, default=Path("checkpoints/plvl-design"))
    parser.add_argument("--json", type=Path, default=path)
    asked = parser.parse_args(arguments)
    result = run(asked.seeds, asked.folder)
    print(table(result))
    store(asked.json, result)


if __name__ == "__main__":
    import sys

    main(arguments=sys.argv[1:])
