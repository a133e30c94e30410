"""How well one common coefficient merges four experts of igtr, and whether an expert can be taken back.

The matrix of networks and sets; task arithmetic and TIES over curved, lowres, perspective and digits, each at the scale
that is best on validation crops, judged on test crops: share of each expert's gain that is kept, points lost on IIIT5K
(without --data: on the generated set "base"). Then every expert at -0.5: its own set falls, the others stay.

    python -m benchmarks.bench_text_merge [--crops 1000] [--validation 300] [--data DIR] [--run DIR] [--json FILE]

Beside FILE the tables are written as Markdown. DIR of --run holds the checkpoints of a training that has ended; without
it the shipped ones are merged.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import markdown, matrix_table, store
from pipelines.shared.acceptance import METHODS, Bar, Row, acceptance, best_mix, common_mixes

if TYPE_CHECKING:
    from pipelines.shared.family import ModelFamily

MERGED = ("curved", "lowres", "perspective", "digits")
KEPT, LOST = 0.7, 0.015  # of the gains, on average; of the accuracy on plain words
NEGATED = -0.5
FELL, STAYED = 0.02, 0.05  # accuracy that an expert's own set loses at least, and any other at most
PLAIN, REAL = "base", "iiit5k"


@dataclass(frozen=True)
class Plan:
    """How many crops of each set, from which folders; None is all of them, no IIIT5K, the shipped checkpoints."""

    crops: int | None = None
    validation: int | None = 300
    data: Path | None = None
    run: Path | None = None


def measure(family: ModelFamily, plan: Plan) -> dict[str, Any]:
    """Choose the scale of each method on validation crops, judge it on test crops."""
    from pipelines.commands.loading import open_cache
    from pipelines.merging.recipe import MergeRecipe
    from pipelines.text_recognition.evaluate import alone, mix_matrix, scored_sets

    cache, began = open_cache("cpu"), time.perf_counter()
    experts = [one for one in MERGED if one in family.tasks]
    mixes = common_mixes(experts)
    for_choice = [one for one in scored_sets("validation") if one.name in (PLAIN, *experts)]
    tried = mix_matrix(family, cache, {"base": MergeRecipe(), **mixes}, for_choice, plan.validation)
    chosen = {method: best_mix(_of(tried, method), experts, Bar(KEPT, LOST, PLAIN)) for method in METHODS}
    recipes = {
        "base": MergeRecipe(),
        **{name: alone(name) for name in family.tasks},
        **{mix: mixes[mix] for mix in chosen.values()},
        **{negated_name(name): alone(name, NEGATED) for name in family.tasks},
    }
    matrix = mix_matrix(family, cache, recipes, scored_sets("test", plan.data), plan.crops)
    bar = Bar(KEPT, LOST, PLAIN if plan.data is None else REAL)
    judged = {method: acceptance(matrix, mix, experts, bar) for method, mix in chosen.items()}
    return {
        "bench": "text_merge", "family": family.name, "device": cache.device,
        "seconds": round(time.perf_counter() - began),
        "crops_per_set": plan.crops or "all", "validation_crops": plan.validation or "all", "validation": tried,
        "matrix": matrix, "chosen": chosen,
        "acceptance": {method: {**asdict(one), "mean_kept": one.mean_kept, "is_met": one.is_met}
                       for method, one in judged.items()},
        "negated": {name: negation(matrix, name) for name in family.tasks},
    }  # fmt: skip


def _of(tried: Mapping[str, Row], method: str) -> dict[str, Row]:
    """The base and the mixes of one method."""
    return {name: row for name, row in tried.items() if name == "base" or name.split()[0] == method}


def negated_name(expert: str) -> str:
    """The row of an expert that is taken back."""
    return f"{NEGATED:g} {expert}"


def negation(matrix: Mapping[str, Row], expert: str) -> dict[str, Any]:
    """What taking an expert back costs its own set, and the set that it changes most among the others."""
    base, row = matrix["base"], matrix[negated_name(expert)]
    changes = {name: row[name] - base[name] for name in base if name != expert}
    moved = max(changes, key=lambda name: abs(changes[name]))
    own = row[expert] - base[expert]
    is_met = own <= -FELL and abs(changes[moved]) <= STAYED
    return {"own": own, "moved_most": moved, "change": changes[moved], "is_met": is_met}


def tables(report: Mapping[str, Any]) -> str:
    """Matrix, mixes and negations as Markdown."""
    plain = next(iter(report["acceptance"].values()))["bar"]["plain"]
    return "\n\n".join([
        f"Accuracy in parallel, {report['crops_per_set']} crops of each set, {report['seconds']} s:",
        matrix_table(report["matrix"]),
        f"Scales chosen on {report['validation_crops']} validation crops of each set:",
        matrix_table(report["validation"]),
        f"Merged: {', '.join(MERGED)}. Asked for: {KEPT:.0%} of the gains, at most {LOST:.1%} lost on {plain}.",
        *(_accepted(report["chosen"][method], one) for method, one in report["acceptance"].items()),
        f"Each expert at {NEGATED:g}: its own set is to lose {FELL:.0%} or more, no other to change by more than "
        f"{STAYED:.0%}.",
        markdown(["expert", "own set", "most changed other", "by", "as asked"],
                 [[name, f"{one['own']:+.3f}", one["moved_most"], f"{one['change']:+.3f}",
                   "yes" if one["is_met"] else "no"] for name, one in report["negated"].items()]),
    ])  # fmt: skip


def _accepted(mix: str, found: Mapping[str, Any]) -> str:
    kept = ", ".join(f"{name} {share:.0%}" for name, share in found["kept"].items()) or "no expert gained"
    verdict = "accepted" if found["is_met"] else "not accepted"
    return f"**{mix}**: kept {kept}; mean {found['mean_kept']:.0%}; lost {found['lost']:+.3f}: {verdict}."


def main(json_path: Path | None = None, plan: Plan | None = None, family: ModelFamily | None = None) -> dict[str, Any]:
    """Measure, print, and write where a path is given."""
    from pipelines.registry import family as family_named
    from pipelines.text_recognition.publishing import on_files
    from pipelines.training.publish import finished_run

    plan, family = plan or Plan(), family or family_named("igtr")
    if plan.run is not None:
        family = on_files(family, finished_run(plan.run, ("base", *family.tasks)).files)
    report = measure(family, plan)
    print(tables(report))
    store(json_path, report, tables(report))
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--crops", type=int, help="test crops of each set (default: all)")
    parser.add_argument("--validation", type=int, default=Plan.validation, help="validation crops of each set")
    parser.add_argument("--data", type=Path, help="folder of IIIT5K")
    parser.add_argument("--run", type=Path, help="folder of a training that has ended")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    main(asked.json, Plan(asked.crops, asked.validation, asked.data, asked.run))
