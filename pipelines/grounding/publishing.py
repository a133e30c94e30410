"""From the checkpoints of a run to assets: hashes, the matrix of experts and sets, norms and cosines.

The training ends with it; for files of a run that ended before that:

    python -m pipelines.grounding.publishing checkpoints/plvl/cpu-seed0 [--lineage TEXT]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.grounding.evaluate import EXPERT_SETS
from pipelines.grounding.family import PLVL_FAMILY
from pipelines.grounding.plvl import PLVL
from pipelines.grounding.probe import MEASURES, SETS, score_model, score_whole
from pipelines.shared.family import ModelFamily
from pipelines.training.checkpoints import loaded
from pipelines.training.publish import WEIGHTS, FinishedRun, geometry, publish, publish_finished
from pipelines.training.run import TrainingOptions

KEPT = 0.5  # of an expert's changes in each tensor, the largest: what a family may weigh in git


def publish_family(
    family: ModelFamily, files: Mapping[str, Path], options: TrainingOptions, seconds: float, weights: Path = WEIGHTS
) -> Path:
    """Score every checkpoint on every set and put the family into assets."""
    from pipelines.grounding.plvl_training import PRESETS, SHAPES

    files = {name: path if name == "base" else trimmed(files["base"], path) for name, path in files.items()}
    model, matrix, probe = PLVL(SHAPES[PRESETS[options.preset].shape]).eval(), {}, {}
    for name, path in files.items():
        model.load_state_dict(loaded(path))
        matrix[name] = score_whole(model, tuple(EXPERT_SETS))
        probe[name] = score_model(model, tuple(SETS))
    about = {
        **options.manifest(family.name),
        "data": "pipelines/grounding/synthetic, scenes drawn beside the training",
        "seconds": round(seconds),
        "measures": MEASURES,
        "matrix": matrix,
        "probe": probe,  # on the scenes that the page scores a mix on
        "kept_changes": KEPT,
        **geometry({name: loaded(path) for name, path in files.items()}),
    }
    return publish(family.name, files, about, weights)


def trimmed(base: Path, expert: Path, kept: float = KEPT) -> Path:
    """A file beside the expert's, in which the smallest changes from the base are taken back."""
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    start, tensors = load_file(base), load_file(expert)
    for name, tensor in tensors.items():
        change = (tensor.float() - start[name].float()).abs()
        least = change.flatten().sort().values[int((1 - kept) * change.numel())]
        tensors[name] = tensor.where(change >= least, start[name]).contiguous()
    with safe_open(expert, "pt") as file:
        metadata = file.metadata()
    path = expert.with_suffix(".trimmed.safetensors")
    save_file(tensors, path, metadata=metadata)
    return path


def main(arguments: Sequence[str] | None = None, family: ModelFamily = PLVL_FAMILY, weights: Path = WEIGHTS) -> int:
    """Publish the files of a run that has ended; exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.grounding.publishing", description=__doc__)

    def publishing(run: FinishedRun, options: TrainingOptions, asked: argparse.Namespace) -> Path:
        return publish_family(family, run.files, options, run.seconds, weights)

    return publish_finished(parser, arguments, ("base", *family.tasks), publishing)


if __name__ == "__main__":
    sys.exit(main())
