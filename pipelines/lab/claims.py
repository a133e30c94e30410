"""The claims of the merging papers, measured on one family of one seed; accepted or failed as measured.

Nothing here knows what the tasks are: a trial brings checkpoints and a score. Thresholds of acceptance stand beside
each claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from pipelines.lab.learned import learned_rows
from pipelines.lab.trial import Row, Trial
from pipelines.merging.learning import Loss

MIX_STEPS = 5  # between two experts, the grid of UnIVAL (arXiv:2307.16184)


@dataclass(frozen=True)
class Claim:
    """One claim: what must hold (`criterion`), what was `measured`, and whether it held."""

    name: str
    criterion: str
    measured: Mapping[str, float]
    is_accepted: bool


def measure(trial: Trial, loss: Loss | None = None) -> dict[str, Any]:
    """Everything that the claims are judged by; plain numbers, ready for JSON.

    `loss` needs no labels: coefficients are learned by it. None where the family has no such thing.
    """
    half = trial.among(trial.tasks[: len(trial.tasks) // 2])
    rows = method_rows(trial)
    densities = trial.tall_densities(rows["tall"])
    rows |= {f"{pick}_masks": trial.by_plain_masks(pick, densities) for pick in ("magnitude", "random")}
    by_votes = {str(votes): trial.consensus(votes) for votes in range(1, len(trial.tasks) + 1)}
    rows["consensus"] = by_votes["2"]
    if loss is not None:
        rows |= learned_rows(trial, loss)
    return {
        "tasks": list(trial.tasks),
        "experts": trial.experts(),
        "rows": {name: _plain(row) for name, row in rows.items()},
        "half_rows": {
            name: _plain(row) for name, row in {"task_arithmetic": _arithmetic(half), "tall": half.tall()}.items()
        },
        "by_votes": {"0": _plain(rows["task_arithmetic"])} | {votes: _plain(row) for votes, row in by_votes.items()},
        "densities": densities,
        "votes": {vector: _histogram(trial, vector) for vector in ("sum", "ties")},
        "geometry": geometry(trial),
        "storage": storage(trial),
        "fronts": [front(trial, *pair) for pair in pairwise((*trial.tasks, trial.tasks[0]))],
    }


def method_rows(trial: Trial) -> dict[str, Row]:
    """Name of a method -> its row, in the order of the table."""
    return {
        "base": trial.row(trial.arena.base),
        "average": trial.row(trial.recipe("average")),
        "task_arithmetic": _arithmetic(trial),
        "ties": trial.at_best_scale(trial.recipe("ties")),
        "consensus": trial.consensus(2),
        "consensus_ties": trial.consensus(1, "ties"),
        "tall": trial.tall(),
        "tall_0.4": trial.tall(thresholds=(0.4,)),
        "tall_ties": trial.tall("ties"),
        "emr": trial.emr(),
    }


def geometry(trial: Trial) -> dict[str, Any]:
    """Norms of the task vectors over the base's, and cosines of their pairs."""
    found = trial.arena.diagnostics()
    return {
        "relative_norms": dict(found.relative_norms),
        "cosines": {f"{a} {b}": value for (a, b), value in found.cosines.items() if a < b},
    }


def storage(trial: Trial) -> list[dict[str, Any]]:
    """Bytes of real files at 2, 4 and 8 tasks: base, one vector and masks, against base and experts.

    The formula: 2 d P + T P bits for the moved weights (d = 16, P of them), d bits for each of the others.
    """
    from pipelines.lab.storage import storage_rows

    return [
        {
            "tasks": row.tasks,
            "tall_bytes": row.planes.total,
            "coded_bytes": row.coded.total,
            "formula_bytes": row.formula,
            "collection_bytes": row.experts,
            "delta_bytes": row.deltas,
            "off_formula": row.off_formula,
            "share_of_collection": row.planes.total / row.experts,
        }
        for row in storage_rows(trial.arena, trial.tasks)
    ]


def front(trial: Trial, first: str, second: str) -> dict[str, Any]:
    """Test scores of both tasks along the line between two experts, the first task's expert at 0."""
    points = []
    for step in range(MIX_STEPS + 1):
        share = step / MIX_STEPS
        recipe = trial.recipe("task_arithmetic", (first, second))
        mixed = recipe.with_coefficient(first, 1 - share).with_coefficient(second, share)
        found = trial.scores(mixed, "test", (first, second))
        points.append([share, found[first], found[second]])
    return {"pair": [first, second], "points": points}


def claims(found: Mapping[str, Any]) -> list[Claim]:
    """The claims judged by what `measure` found."""
    judges = [_recovery, _more_tasks, _storage, _votes, _statistics, _masks, _emr, _fronts]
    learned = [_learned, _concrete] if "concrete" in found["rows"] else []
    with_data = [judge for key, judge in WITH_DATA.items() if key in found.get("with_data", {})]
    return [judge(found) for judge in (*judges, *learned)] + [judge(found["with_data"]) for judge in with_data]


def _recovery(found: Mapping[str, Any]) -> Claim:
    names = ("tall", "task_arithmetic", "base")
    tall, plain, base = (_normalised(found, name) for name in names)
    return Claim(
        "experts are recoverable from one vector and masks",
        "TALL >= 97 % of the experts, 5 points above task arithmetic where that is below 93 %; the base is below 97 %",
        dict(zip(names, (tall, plain, base), strict=True)),
        base < 0.97 <= tall and (plain >= 0.93 or tall >= plain + 0.05),
    )


def _more_tasks(found: Mapping[str, Any]) -> Claim:
    lost = {
        name: found["half_rows"][name]["normalised"] - _normalised(found, name) for name in ("tall", "task_arithmetic")
    }
    return Claim(
        "recovery does not fall with the number of tasks",
        "from half the tasks to all, TALL loses at most 2 points and task arithmetic more than TALL",
        {f"{name}_loss": value for name, value in lost.items()},
        lost["tall"] <= 0.02 and lost["task_arithmetic"] > lost["tall"],
    )


def _storage(found: Mapping[str, Any]) -> Claim:
    off = {f"off_at_{row['tasks']}": row["off_formula"] for row in found["storage"]}
    return Claim(
        "storage is that of the formula",
        "files within 1 % of (2 d + T) P, header and all, at every number of tasks",
        off | {f"share_at_{row['tasks']}": row["share_of_collection"] for row in found["storage"]},
        all(abs(value) <= 0.01 for value in off.values()),
    )


def _votes(found: Mapping[str, Any]) -> Claim:
    by_votes = {int(votes): row["normalised"] for votes, row in found["by_votes"].items()}
    best = max((votes for votes in by_votes if votes), key=by_votes.__getitem__)
    base, last = _normalised(found, "base"), by_votes[max(by_votes)]
    return Claim(
        "catastrophic and selfish weights matter",
        "Consensus at its best k > 0 >= task arithmetic, each at its best scale; at k = T it is nearer to the base",
        {"best_k": best, "at_best_k": by_votes[best], "task_arithmetic": by_votes[0], "at_k_T": last, "base": base},
        by_votes[best] >= by_votes[0] and abs(last - base) < abs(by_votes[best] - base),
    )


def _statistics(found: Mapping[str, Any]) -> Claim:
    densities, ties = found["densities"].values(), found["votes"]["ties"]
    spike, active = ties["histogram"][-1] + ties["inactive"], ties["histogram"][-1]
    return Claim(
        "masks are about a third dense, and the TIES spike is the inactive set",
        "every density 20 to 50 %; of the weights that all TIES masks keep, more than half are moved by nobody",
        {"least_density": min(densities), "largest_density": max(densities), "spike": spike, "spike_active": active},
        all(0.2 <= density <= 0.5 for density in densities) and active < spike / 2,
    )


def _masks(found: Mapping[str, Any]) -> Claim:
    names = ("tall", "magnitude_masks", "random_masks")
    tall, *others = (_normalised(found, name) for name in names)
    return Claim(
        "it is the masks' places that count, not their density",
        "TALL above magnitude and random masks of equal density",
        dict(zip(names, (tall, *others), strict=True)),
        tall > max(others),
    )


def _emr(found: Mapping[str, Any]) -> Claim:
    values = {name: _normalised(found, name) for name in ("emr", "task_arithmetic")}
    return Claim(
        "EMR needs no tuning",
        "EMR above task arithmetic at its best scale",
        values,
        values["emr"] > values["task_arithmetic"],
    )


def _fronts(found: Mapping[str, Any]) -> Claim:
    directions = [
        is_convex(points)
        for line in found["fronts"]
        for points in (line["points"], [[1 - share, b, a] for share, a, b in reversed(line["points"])])
    ]
    share = sum(directions) / len(directions)
    return Claim(
        "the front between two experts is convex",
        "for most ordered pairs a point between is within 1 point of the expert on A and half way or more up on B",
        {"pairs": len(directions), "share_convex": share},
        share > 0.5,
    )


def _learned(found: Mapping[str, Any]) -> Claim:
    names = ("adamerging_layers", "adamerging_tasks", "task_arithmetic_0.3")
    layers, tasks, plain = (_normalised(found, name) for name in names)
    return Claim(
        "learned coefficients beat fixed ones",
        "layer-wise AdaMerging >= task-wise >= task arithmetic at 0.3",
        dict(zip(names, (layers, tasks, plain), strict=True)),
        layers >= tasks >= plain,
    )


def _concrete(found: Mapping[str, Any]) -> Claim:
    values = {name: _normalised(found, name) for name in ("concrete", "task_arithmetic_0.3")}
    return Claim(
        "a learned common mask helps",
        "Concrete task arithmetic above task arithmetic, both at 0.3",
        values,
        values["concrete"] > values["task_arithmetic_0.3"],
    )


def _few_shot(found: Mapping[str, Any]) -> Claim:
    few = [shots for shots in found["few_shot"]["atlas"] if int(shots) <= 4]
    values = {f"{name}_at_{shots}": row[shots] for name, row in found["few_shot"].items() for shots in row}
    rivals = [name for name in found["few_shot"] if name != "atlas"]
    return Claim(
        "aTLAS needs few samples",
        "aTLAS over the other tasks' vectors above tuned norms and a probe at 4 labelled pictures of a class and fewer",
        values,
        all(found["few_shot"]["atlas"][shots] > found["few_shot"][name][shots] for name in rivals for shots in few),
    )


def _transport(found: Mapping[str, Any]) -> Claim:
    values = found["transport"]
    return Claim(
        "matched networks of two starts average better",
        "half-way average after optimal transport 10 points above the plain one; a shuffled copy comes back to 1e-5",
        values,
        values["matched"] >= values["plain"] + 0.1 and values["copy_error"] <= 1e-5,
    )


def _fusion(found: Mapping[str, Any]) -> Claim:
    values = found["fusion"]
    return Claim(
        "a shift of outputs is given as strongly as it was",
        "dynamic logit fusion at most 1 point below the fixed one; a base of another start stands for the large model",
        values,
        values["dynamic"] >= values["fixed"] - 0.01,
    )


WITH_DATA = {"few_shot": _few_shot, "transport": _transport, "fusion": _fusion}


def is_convex(points: Sequence[Sequence[float]]) -> bool:
    """Whether a point between the ends keeps the first score within 0.01 and has half or more of the second's rise."""
    (_, first, low), (_, _, high) = points[0], points[-1]
    return any(a >= first - 0.01 and b >= (low + high) / 2 for _, a, b in points[1:-1])


def _arithmetic(trial: Trial) -> Row:
    return trial.at_best_scale(trial.recipe("task_arithmetic"))


def _histogram(trial: Trial, vector: str) -> dict[str, Any]:
    report = trial.arena.mask_report(trial.tall_recipe({}, vector, trial.tasks[0]))
    return {"histogram": list(report.histogram), "inactive": report.inactive, "densities": dict(report.density)}


def _plain(row: Row) -> dict[str, Any]:
    return asdict(row) | {"mean": row.mean}


def _normalised(found: Mapping[str, Any], name: str) -> float:
    return found["rows"][name]["normalised"]
