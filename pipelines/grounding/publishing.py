"""From the checkpoints of a run to assets: hashes, the matrix of experts and sets, norms and cosines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.grounding.evaluate import EXPERT_SETS
from pipelines.grounding.plvl import PLVL
from pipelines.grounding.probe import MEASURES, score_model
from pipelines.shared.family import ModelFamily
from pipelines.training.checkpoints import loaded
from pipelines.training.publish import geometry, publish

SCENES = 300  # of each set


def publish_family(family: ModelFamily, files: Mapping[str, Path], preset: str, seed: int, seconds: float) -> Path:
    """Score every checkpoint on every set and put the family into assets."""
    from pipelines.grounding.plvl_training import PRESETS, SHAPES

    model, matrix = PLVL(SHAPES[PRESETS[preset].shape]).eval(), {}
    for name, path in files.items():
        model.load_state_dict(loaded(path))
        matrix[name] = score_model(model, tuple(EXPERT_SETS), "test", SCENES)
    about = {
        "command": f"python -m pipelines train {family.name} --preset {preset} --seed {seed}",
        "seed": seed,
        "preset": preset,
        "data": "pipelines/grounding/synthetic, scenes drawn beside the training",
        "seconds": round(seconds),
        "measures": MEASURES,
        "matrix": matrix,
        **geometry({name: loaded(path) for name, path in files.items()}),
    }
    return publish(family.name, files, about)
