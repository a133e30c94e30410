"""How well one common coefficient merges the five experts of plvl, and whether `refuse` is a dial.

The matrix of networks and sets, the norms and cosines of the task vectors, one mix of all five chosen on validation
scenes among task arithmetic and TIES at five scales and judged on test scenes (pipelines/grounding/acceptance.py), and
N-acc and T-acc on "notarget" along the coefficient of `refuse`.

    python -m benchmarks.bench_grounding_merge [--scenes 500] [--validation 300] [--json FILE]

Beside FILE the tables are written as Markdown.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.report import markdown, matrix_table, store
from pipelines.commands.loading import open_cache
from pipelines.grounding.acceptance import BAR, FALL, KEPT, LOST, acceptance, is_dial
from pipelines.grounding.evaluate import expert_matrix, mix_matrix, refuse_dial
from pipelines.grounding.metrics import wilson_interval
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_to_dict
from pipelines.registry import family as family_named
from pipelines.shared.acceptance import Row, best_mix, common_mixes
from pipelines.shared.cache import ModelCache
from pipelines.shared.family import ModelFamily
from pipelines.training.publish import geometry

CHOSEN, PAGE = "chosen mix", "starting mix"


def run(scenes: int, validation: int) -> dict[str, Any]:
    """Choose on validation scenes, judge on test scenes."""
    family, cache, began = family_named("plvl"), open_cache("cpu"), time.perf_counter()
    mixes = common_mixes(family.tasks)
    tried = mix_matrix(family, cache, {"base": MergeRecipe(), **mixes}, "validation", validation)
    best = best_mix(tried, family.tasks, BAR)
    matrix = expert_matrix(family, cache, scenes, {CHOSEN: mixes[best], PAGE: family.default})
    judged, dial = acceptance(matrix, CHOSEN, family.tasks), refuse_dial(family, cache, limit=scenes)
    return {
        "family": family.name, "device": cache.device, "seconds": round(time.perf_counter() - began),
        "scenes": scenes, "validation_scenes": validation, "validation": tried, "matrix": matrix,
        "chosen": best, "recipe": recipe_to_dict(mixes[best]),
        "acceptance": {**asdict(judged), "mean_kept": judged.mean_kept, "is_met": judged.is_met,
                       "kept_of_all": kept_of_all(matrix, family.tasks)},
        "dial": dial, "is_dial": is_dial(dial), **vectors(family, cache),
    }  # fmt: skip


def kept_of_all(matrix: Mapping[str, Row], tasks: Sequence[str]) -> float:
    """What the chosen mix gains over the base on the experts' sets, as a share of what the experts gain there."""
    gained = sum(matrix[task][task] - matrix["base"][task] for task in tasks)
    return sum(matrix[CHOSEN][task] - matrix["base"][task] for task in tasks) / gained if gained > 0 else 0.0


def vectors(family: ModelFamily, cache: ModelCache) -> dict[str, Any]:
    """Norms and cosines of the shipped task vectors."""
    weights = {}
    for name in ("base", *family.tasks):
        recipe = MergeRecipe() if name == "base" else MergeRecipe(coefficients=((name, 1.0),))
        with cache.lease(family, recipe) as lease:
            weights[name] = {key: value.detach().clone() for key, value in lease.model.state_dict().items()}
    return geometry(weights)


def tables(result: Mapping[str, Any]) -> str:
    """Matrix, vectors, acceptance, the mixes that were tried, and the dial, as Markdown."""
    accepted, matrix = result["acceptance"], result["matrix"]
    kept = ", ".join(f"{name} {share:.0%}" for name, share in accepted["kept"].items())
    low, high = wilson_interval(result["scenes"] // 2, result["scenes"])
    norms, cosines = result["norms"], result["cosines"].values()
    dial = [[f"{one[name]:.3f}" for name in ("coefficient", "N-acc", "T-acc")] for one in result["dial"]]
    return "\n\n".join([
        f"acc@0.5 on {result['scenes']} test scenes a set (95 %: ± {(high - low) / 2:.3f} at one half); on `refuse` "
        "the mean of N-acc and T-acc.",
        matrix_table(matrix),
        "Task vectors, relative to the base: " + ", ".join(f"{name} {norm:.3f}" for name, norm in norms.items())
        + f"; cosines {min(cosines):.3f} to {max(cosines):.3f}.",
        f"Chosen on {result['validation_scenes']} validation scenes a set: {result['chosen']}. Kept of each gain: "
        f"{kept or 'no expert gained'}; mean {accepted['mean_kept']:.0%} (asked for {KEPT:.0%}), of all gains together "
        f"{accepted['kept_of_all']:.0%}. Lost on iid: {accepted['lost']:.3f} (at most {LOST}). "
        f"{'Accepted' if accepted['is_met'] else 'Not accepted'}.",
        matrix_table(result["validation"]),
        markdown(["refuse", "N-acc", "T-acc"], dial),
        f"A dial: N-acc only rises, and T-acc falls by {FALL} at most." if result["is_dial"]
        else f"No dial: N-acc does not only rise, or T-acc falls by more than {FALL}.",
    ])  # fmt: skip


def main(path: Path | None = None, arguments: Sequence[str] = ()) -> None:
    """Run, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--validation", type=int, default=300)
    parser.add_argument("--json", type=Path, default=path)
    asked = parser.parse_args(arguments)
    result = run(asked.scenes, asked.validation)
    print(tables(result))
    store(asked.json, result, tables(result))


if __name__ == "__main__":
    import sys

    main(arguments=sys.argv[1:])
