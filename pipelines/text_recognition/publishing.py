"""From the checkpoints of a run to assets: hashes, the matrix of experts and sets, norms, cosines and the temperatures.

The training ends with it; for files of a run that ended before that:

    python -m pipelines.text_recognition.publishing checkpoints/igtr/cpu-seed0 [--data DIR] [--lineage TEXT]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily, ModelSpec
from pipelines.text_recognition.evaluate import alone, expert_matrix, fit_temperatures
from pipelines.text_recognition.family import IGTR_FAMILY
from pipelines.text_recognition.probe import SETS, score_model
from pipelines.training.checkpoints import loaded
from pipelines.training.publish import WEIGHTS, FinishedRun, geometry, publish, publish_finished
from pipelines.training.run import TrainingOptions

DATA = "pipelines/text_recognition/synthetic, words rendered beside the training in the faces of fonts.lock.json"
MEASURE = "share of words read right in parallel, case and marks aside; 0 to 1"


def publish_family(
    family: ModelFamily,
    files: Mapping[str, Path],
    options: TrainingOptions,
    seconds: float,
    *,
    data: Path | None = None,
    limit: int | None = None,
    weights: Path = WEIGHTS,
) -> Path:
    """Score every checkpoint on every held-out set, fit the temperatures, and put the family into assets.

    The temperatures are those of the family's default mix: what the page opens with.

    Args:
        files: checkpoint -> file, "base" and every expert.
        data: folder of IIIT5K, which is then another column of the matrix.
        limit: crops per set, spread over it.

    Raises:
        UserError: the files are not those of the network that the family builds.
    """
    for path in files.values():
        _check(family, path)
    found, cache = on_files(family, files), ModelCache(weights.parent)
    with cache.lease(found, found.default) as lease:
        temperatures = fit_temperatures(lease.model, limit)
    about = {
        **options.manifest(family.name),
        "data": DATA,
        "seconds": round(seconds),
        "measures": MEASURE,
        "crops_per_set": limit or "all",
        "matrix": expert_matrix(found, cache, limit, data),
        "probe": probe_matrix(found, cache),
        "temperatures": asdict(temperatures),
        **geometry({name: loaded(path) for name, path in files.items()}),
    }
    return publish(family.name, files, about, weights)


def probe_matrix(family: ModelFamily, cache: ModelCache) -> dict[str, dict[str, float]]:
    """Base and every expert alone -> set -> score on the fixed crops that the page scores a mix on."""
    matrix = {}
    for name, recipe in {"base": MergeRecipe(), **{task: alone(task) for task in family.tasks}}.items():
        with cache.lease(family, recipe) as lease:
            matrix[name] = score_model(lease.model, SETS)
    return matrix


def on_files(family: ModelFamily, files: Mapping[str, Path]) -> ModelFamily:
    """The family with its checkpoints in these files."""

    def moved(spec: ModelSpec, name: str) -> ModelSpec:
        return replace(spec, source=f"folder:{files[name].resolve()}", sha256=None)

    experts = {name: moved(spec, name) for name, spec in family.experts.items()}
    return replace(family, base=moved(family.base, "base"), experts=experts)


def _check(family: ModelFamily, path: Path) -> None:
    """Whether the file holds the tensors of the network that the family builds."""
    wanted = {name: tuple(value.shape) for name, value in family.build().state_dict().items()}
    there = {name: tuple(value.shape) for name, value in loaded(path).items()}
    for name in sorted(wanted.keys() | there.keys()):
        if wanted.get(name) != there.get(name):
            raise UserError(
                f"{path}: {name} is {there.get(name, 'missing')}, {family.name} as the page builds it has "
                f"{wanted.get(name, 'none')}: train a preset of its shape, or have the family build the other one."
            )


def main(arguments: Sequence[str] | None = None, family: ModelFamily = IGTR_FAMILY, weights: Path = WEIGHTS) -> int:
    """Publish the files of a run that has ended; exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.text_recognition.publishing", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of IIIT5K: scores of every checkpoint on it go along")
    parser.add_argument("--limit", type=int, help="crops per set (default: all)")

    def publishing(run: FinishedRun, options: TrainingOptions, asked: argparse.Namespace) -> Path:
        return publish_family(family, run.files, options, run.seconds, data=asked.data, limit=asked.limit,
                              weights=weights)  # fmt: skip

    return publish_finished(parser, arguments, ("base", *family.tasks), publishing)


if __name__ == "__main__":
    sys.exit(main())
