"""The claims of the merging papers on checkpoints at hand, accepted or failed as measured; several seeds side by side.

    python -m benchmarks.bench_claims FAMILY [FOLDER ...] [--earlier FILE ...] [--json FILE] [--markdown FILE]

Each FOLDER holds one seed: base.safetensors and one file per expert; none given means the shipped checkpoints. Seeds
that were measured before join the tables through the JSON that they were written to (--earlier). As
`python -m pipelines bench claims` it runs every embedded family with experts and a scorer.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from benchmarks.report import store
from pipelines.shared.family import ModelFamily

WITH_DATA = {"shapes_vit": "pipelines.lab.vit_claims:measure_with_data"}  # claims that need samples or another start
ROOT = Path(__file__).resolve().parents[1]


def open_trial(family: ModelFamily, folder: Path | None) -> Any:
    """The family's checkpoints, shipped or from a folder, ready to be merged and scored."""
    from pipelines.commands.loading import named
    from pipelines.lab.trial import Trial
    from pipelines.merging.arena import Arena
    from pipelines.shared.family import ModelSpec
    from pipelines.shared.weights import read_weights

    def read(name: str, spec: ModelSpec) -> Any:
        source = spec if folder is None else ModelSpec(spec.name, f"folder:{folder}/{name}.safetensors", None, "")
        return read_weights(source, ROOT / "assets")

    arena = Arena.from_checkpoints(
        read("base", family.base), {task: read(task, spec) for task, spec in family.experts.items()}
    )
    return Trial(arena, family.build().eval(), named(family.scorer), family.tasks)


def run(
    family: ModelFamily, folders: Sequence[Path | None], keep: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """Measure every seed and judge its claims; `keep` is handed the report after each seed, for a run takes long."""
    from pipelines.commands.loading import named
    from pipelines.lab.claims import measure

    loss = named(family.surrogate)(family.build().eval()) if family.surrogate else None
    seeds: list[dict[str, Any]] = []
    report = {"family": family.name, "device": "cpu", "seeds": seeds}
    for folder in folders:
        began = time.perf_counter()
        trial = open_trial(family, folder)
        found = measure(trial, loss) | with_data(family, trial, folder, folders)
        name, seconds = "shipped" if folder is None else folder.name, time.perf_counter() - began
        seeds.append(judged({"name": name, "seconds": round(seconds, 1)} | found))
        if keep is not None:
            keep(report)
    return report


def with_data(family: ModelFamily, trial: Any, folder: Path | None, folders: Sequence[Path | None]) -> dict[str, Any]:
    """{"with_data": ...} of families that have such claims; the base of the next folder is the one of another start."""
    from safetensors.torch import load_file

    from pipelines.commands.loading import named

    if family.name not in WITH_DATA:
        return {}
    after = folders[(list(folders).index(folder) + 1) % len(folders)]
    other = None
    if after is not None and after != folder:
        other = {key: value.float() for key, value in load_file(after / "base.safetensors").items()}
    return {"with_data": named(WITH_DATA[family.name])(trial, other)}


def added(family: ModelFamily, folders: Sequence[Path | None], earlier: Sequence[Path]) -> dict[str, Any]:
    """Earlier seeds, by the names of their folders, with the claims measured that need data; all else is as it was."""
    seeds = {seed["name"]: seed for seed in earlier_seeds(earlier, family.name)}
    found = []
    for folder in folders:
        known = seeds[folder.name if folder else "shipped"]
        found.append(judged(known | with_data(family, open_trial(family, folder), folder, folders)))
    return {"family": family.name, "device": "cpu", "seeds": found}


def earlier_seeds(paths: Sequence[Path], family: str) -> list[dict[str, Any]]:
    """Seeds of the family that earlier runs wrote down, their claims judged anew."""
    reports = [report for path in paths for report in json.loads(path.read_text())]
    return [judged(seed) for report in reports if report["family"] == family for seed in report["seeds"]]


def judged(found: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured of a seed, and its claims."""
    from pipelines.lab.claims import claims

    return dict(found) | {"claims": [asdict(claim) for claim in claims(found)]}


def markdown(report: Mapping[str, Any]) -> str:
    """Claims, methods, geometry and storage as Markdown tables, mean and spread over the seeds."""
    seeds = report["seeds"]
    names = ", ".join(seed["name"] for seed in seeds)
    parts = [
        f"## {report['family']}, {len(seeds)} seed(s): {names}",
        _claims_table(seeds),
        "Normalised by the experts, test split; mean ± spread over the seeds.",
        _methods_table(seeds),
        "Share of each expert's gain over the base that its mask of the one merged vector recovers:",
        _gains_table(seeds),
        _geometry_table(seeds),
        "Votes k, Consensus at its best scale, normalised:",
        _votes_table(seeds),
        "Files, fp16:",
        _storage_table(seeds),
    ]
    return "\n\n".join(parts) + "\n"


def _claims_table(seeds: Sequence[Mapping[str, Any]]) -> str:
    rows = [["claim", "accepted if", "accepted", "measured (mean ± spread)"]]
    names = dict.fromkeys(claim["name"] for seed in seeds for claim in seed["claims"])
    for name in names:
        of_seeds = [claim for seed in seeds for claim in seed["claims"] if claim["name"] == name]
        first = of_seeds[0]
        held = sum(claim["is_accepted"] for claim in of_seeds)
        measured = "; ".join(
            f"{key} {_spread([claim['measured'][key] for claim in of_seeds])}" for key in first["measured"]
        )
        rows.append([first["name"], first["criterion"], f"{held} of {len(of_seeds)}", measured])
    return _table(rows)


def _methods_table(seeds: Sequence[Mapping[str, Any]]) -> str:
    tasks = seeds[0]["tasks"]
    rows = [["method", "normalised", "mean score", *tasks]]
    experts = [_spread([seed["experts"][task] for seed in seeds]) for task in tasks]
    rows.append(["experts", "1.000", _spread([fmean(seed["experts"].values()) for seed in seeds]), *experts])
    for method in seeds[0]["rows"]:
        found = [seed["rows"][method] for seed in seeds]
        scores = [_spread([row["scores"][task] for row in found]) for task in tasks]
        rows.append([method, *(_spread([row[key] for row in found]) for key in ("normalised", "mean")), *scores])
    return _table(rows)


def _gains_table(seeds: Sequence[Mapping[str, Any]]) -> str:
    """1 where a method does as well as the expert, 0 where it does as the base; of all: of the summed gains."""
    tasks = seeds[0]["tasks"]
    rows = [["recovered", *tasks, "of all"]]
    for method in ("tall", "tall_ties", "emr", "task_arithmetic"):
        found = [_gains_kept(seed, method) for seed in seeds]
        rows.append([f"by {method}", *(_spread([kept[task] for kept in found]) for task in (*tasks, "all"))])
    return _table(rows)


def _gains_kept(seed: Mapping[str, Any], method: str) -> dict[str, float]:
    scores, base, experts = seed["rows"][method]["scores"], seed["rows"]["base"]["scores"], seed["experts"]
    gains = {task: (scores[task] - base[task], experts[task] - base[task]) for task in seed["tasks"]}
    gains["all"] = fmean(kept for kept, _ in gains.values()), fmean(gain for _, gain in gains.values())
    return {task: kept / gain if gain else float("nan") for task, (kept, gain) in gains.items()}


def _geometry_table(seeds: Sequence[Mapping[str, Any]]) -> str:
    geometry = [seed["geometry"] for seed in seeds]
    rows = [["task", "norm of task vector / base", "mask density"]]
    for task in seeds[0]["tasks"]:
        norms = _spread([found["relative_norms"][task] for found in geometry])
        rows.append([task, norms, _spread([seed["densities"][task] for seed in seeds])])
    cosines = [value for found in geometry for value in found["cosines"].values()]
    line = f"Cosines of task vectors: mean {fmean(cosines):.3f}, {min(cosines):.3f} to {max(cosines):.3f}."
    return f"{_table(rows)}\n\n{line}"


def _votes_table(seeds: Sequence[Mapping[str, Any]]) -> str:
    votes = list(seeds[0]["by_votes"])
    cells = [_spread([seed["by_votes"][k]["normalised"] for seed in seeds]) for k in votes]
    shares = [_spread([seed["votes"]["sum"]["histogram"][int(k)] for seed in seeds]) for k in votes]
    return _table([["k", *votes], ["normalised", *cells], ["share of weights used by k tasks", *shares]])


def _storage_table(seeds: Sequence[Mapping[str, Any]]) -> str:
    keys = ("tall_bytes", "formula_bytes", "coded_bytes", "collection_bytes", "delta_bytes")
    rows = [["tasks", "base, vector, masks", "formula", "masks coded", "base and experts", "experts as differences",
             "off the formula", "share of base and experts"]]  # fmt: skip
    for row in seeds[0]["storage"]:
        sizes = [f"{row[key]:,.0f} B" if key in row else "n/a" for key in keys]
        rows.append(
            [str(row["tasks"]), *sizes, f"{100 * row['off_formula']:.2f} %", f"{row['share_of_collection']:.3f}"]
        )
    return _table(rows)


def _spread(values: Sequence[float]) -> str:
    return f"{fmean(values):.3f}" if len(values) == 1 else f"{fmean(values):.3f} ± {pstdev(values):.3f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *body])


def main(json_path: Path | None = None) -> None:
    """Every family that has a scorer, on the shipped checkpoints; with a path, write the numbers as JSON."""
    from pipelines.registry import FAMILIES

    reports = [run(family, [None]) for family in FAMILIES if family.scorer and family.tier == "embedded"]
    print("\n".join(markdown(report) for report in reports))
    store(json_path, reports)


def command() -> None:
    """One family, one folder per seed."""
    from pipelines.registry import family as family_named

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("family", metavar="FAMILY")
    parser.add_argument("folders", metavar="FOLDER", nargs="*", type=Path, help="checkpoints of one seed")
    parser.add_argument("--earlier", type=Path, metavar="FILE", nargs="+", default=[], help="JSON of other seeds")
    parser.add_argument("--data-only", action="store_true", help="add claims that need data to the seeds of --earlier")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    flags = parser.parse_args()
    family = family_named(flags.family)
    if flags.data_only:
        report = added(family, flags.folders or [None], flags.earlier)
    else:
        earlier = earlier_seeds(flags.earlier, flags.family)
        folders = flags.folders or ([] if flags.earlier else [None])
        report = run(family, folders, lambda found: store(flags.json, [found | {"seeds": earlier + found["seeds"]}]))
        report["seeds"] = earlier + report["seeds"]
    print(markdown(report))
    store(flags.json, [report])
    if flags.markdown is not None:
        flags.markdown.write_text(markdown(report))


if __name__ == "__main__":
    command()
