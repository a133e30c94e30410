"""What can stand in a figure of the fusion tab, and what is said below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from demos import drawing
from demos.figure_layout import Panel, title_text
from demos.fusion_words import ENGINE_TITLES, left_choices, slot_titles
from demos.merge_words import describe
from pipelines.fusion.options import TASKS
from pipelines.merging.recipe_form import recipe_hash
from pipelines.shared.images import resized, to_bytes

if TYPE_CHECKING:
    from demos.fusion_bench import FusionBench, Job
    from pipelines.fusion.pipeline import FusionResult

CHOICES = (("Sources", "sources"), ("What it is compared with", "beside"), ("Result", "result"),
           ("Weight maps", "weights"))  # fmt: skip
CHOSEN = ("sources", "result")


def panels(
    bench: FusionBench, job: Job, result: FusionResult, names: Sequence[str], left: str, beside: np.ndarray
) -> list[Panel]:
    """The pictures that are ticked, sources first; the result where nothing is.

    Args:
        left, beside: what the result is compared with, its name and its picture (H, W, 3) uint8.
    """
    frames = bench.frames(job)
    count, size_hw = len(frames.images), (result.fused.shape[0], result.fused.shape[1])
    titles = slot_titles(job.options.task, count)
    found = {
        "sources": [Panel(title, to_bytes(image)) for title, image in zip(titles, frames.images, strict=True)],
        "beside": [Panel(dict((value, title) for title, value in left_choices(job, count)).get(left, left), beside)],
        "result": [Panel("fused", result.fused)],
        "weights": [Panel(f"weight of {title}", resized(drawing.heat_map(plane), size_hw))
                    for title, plane in zip(titles, result.weights, strict=True)],
    }  # fmt: skip
    if left.startswith("frame ") and "sources" in names:
        del found["beside"]  # it is there already
    return [one for name, some in found.items() if name in names for one in some] or found["result"]


def caption(bench: FusionBench, job: Job) -> str:
    """Task, frames, engine; of the mixed network also each fader and the start of the recipe's hash."""
    frames, is_net = ", ".join(bench.frames(job).names), job.options.engine == "net"
    engine = describe(job.recipe) if is_net else ENGINE_TITLES[job.options.engine]
    faders = ", ".join(f"{task} {job.recipe.coefficient(task):.2f}" for task, _ in job.recipe.coefficients)
    mark = f"Recipe #{recipe_hash(job.recipe)[:8]}"
    return title_text((f"{TASKS[job.options.task].title} fusion of {frames}", engine,
                       *((faders, mark) if is_net else ())))  # fmt: skip
