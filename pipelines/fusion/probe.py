"""Scores beside the faders: each task's mean on a small fixed set of generated scenes, 0 to 1, higher is better."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipelines.fusion.synthetic.sample import FusionSample

SEEDS, SCENES, SIZE_HW = {"test": 2026, "validation": 2027}, 6, (96, 128)
MEASURES = {
    "ivis": "mean of VIF / 2, Qabf and SCD / 2",
    "mef": "mean of MEF-SSIM and the index with luminance",
    "mff": "mean of SSIM with the sharp scene, VIF / 2 and Qabf",
    "med": "mean of VIF / 2, Qabf and SCD / 2",
}


@functools.cache
def probe_set(task: str, split: str = "test") -> tuple[FusionSample, ...]:
    """The fixed scenes of a task; seeds that no training run uses. "validation" is there to choose scales on."""
    from pipelines.fusion.synthetic.exposures import exposures
    from pipelines.fusion.synthetic.infrared_visible import infrared_visible
    from pipelines.fusion.synthetic.medical import medical
    from pipelines.fusion.synthetic.multi_focus import multi_focus

    make = {
        "ivis": infrared_visible,
        "mef": lambda rng, size: exposures(rng, size, 2),
        "mff": lambda rng, size: multi_focus(rng, size, 2),
        "med": medical,
    }[task]
    return tuple(make(np.random.default_rng([SEEDS[split], index]), SIZE_HW) for index in range(SCENES))


def score_model(model: object, tasks: Sequence[str] = tuple(MEASURES), split: str = "test") -> dict[str, float]:
    """Task -> mean score of a network, 0 to 1, on either set of scenes."""
    return {task: float(np.mean([_score(model, task, sample) for sample in probe_set(task, split)])) for task in tasks}


def _score(model: object, task: str, sample: FusionSample) -> float:
    from pipelines.fusion import metrics
    from pipelines.fusion.operators import luma, to_bytes
    from pipelines.fusion.pipeline import run_network
    from pipelines.fusion.synthetic.sample import given

    weights, residual, _ = run_network(model, sample.frames, task)
    fused = to_bytes((weights * sample.frames).sum(0) + residual)
    values = metrics.score(fused, list(to_bytes(sample.frames)), task)
    if task == "mff":
        from skimage.metrics import structural_similarity

        # alone it is at its ceiling: blended by the true mattes, scenes have the same SSIM as by any network
        sharp = structural_similarity(fused, to_bytes(luma(given(sample.target))), data_range=255)
        return float(sharp + values["vif"] / 2 + values["qabf"]) / 3
    if task == "mef":
        return (values["mef_ssim"] + values["mef_index"]) / 2
    return (values["vif"] / 2 + values["qabf"] + values["scd"] / 2) / 3
