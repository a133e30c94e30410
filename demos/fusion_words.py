"""What the fusion tab says: titles, the line above the picture, the arithmetic of one pixel. No widgets."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from demos.merge_words import describe
from demos.words import traffic
from pipelines.fusion.options import TASKS

if TYPE_CHECKING:
    from demos.fusion_bench import Job
    from pipelines.fusion.pipeline import FusionResult

ENGINE_TITLES = {
    "net": "Mixed network", "lut": "Tables (exposures)", "average": "Average", "max": "Maximum",
    "laplacian": "Laplacian pyramid", "gff": "Guided filter", "mertens": "Mertens",
}  # fmt: skip
NETWORKS = {"fusenet": "FuseNet", "meflut": "MEFLUT tables"}


def slots_label(task: str) -> str:
    """What the upload box asks for."""
    record = TASKS[task]
    if len(record.slots) == 2:
        return f"Two frames: {record.slots[0]}, then {record.slots[1]}"
    return f"2 to {record.most_frames} frames, any order"


def slot_titles(task: str, count: int) -> list[str]:
    """A name for each frame: what it is in a pair, else its number."""
    slots = TASKS[task].slots
    return [slots[k] if len(slots) == 2 else f"{slots[0]} {k + 1}" for k in range(count)]


def engine_choices(task: str) -> list[tuple[str, str]]:
    """Engines that can fuse a task: tables weigh exposures only."""
    only_exposures = () if task == "mef" else ("lut",)
    return [(title, name) for name, title in ENGINE_TITLES.items() if name not in only_exposures]


def left_choices(job: Job, count: int) -> list[tuple[str, str]]:
    """What the result can be compared with."""
    frames = [(title, f"frame {k + 1}") for k, title in enumerate(slot_titles(job.options.task, count))]
    engines = [(title, name) for title, name in engine_choices(job.options.task) if name != "net"]
    mixes = [("Base network", "base"), ("Other slot (A | B)", "other")]
    return [*frames, *mixes, *engines]


def about(job: Job, result: FusionResult, is_kept: bool) -> str:
    """One line on a result: version, mix, what the merge moved, time."""
    run, engine = result.run, job.options.engine
    mix = describe(job.recipe) if engine == "net" else ENGINE_TITLES[engine]
    parts = [f"<b>v{run.weights_version}</b>" if engine == "net" else "", html.escape(mix)]
    parts += traffic(run)
    parts.append(f"{run.seconds.get('total', 0.0):.2f} s")
    if is_kept:
        parts.append("cached")
    return " · ".join(part for part in parts if part)


def run_caption(job: Job, result: FusionResult) -> str:
    """A few words on a run, below its thumbnail: version and scale of the mix, or the engine; and the time."""
    run, engine = result.run, job.options.engine
    mix = f"v{run.weights_version} · α {job.recipe.scale:.2f}" if engine == "net" else ENGINE_TITLES[engine]
    return f"{mix} · {run.seconds.get('total', 0.0):.2f} s"


def pixel_line(
    point_xy: tuple[int, int], greys: Sequence[float], weights: Sequence[float], fused: float,
    entries: Sequence[float] | None = None,
) -> str:  # fmt: skip
    """One pixel as one line of arithmetic: weights times luma of the frames, beside the luma of the result.

    Args:
        greys, fused: luma 0 to 1, shown as 0 to 255.
        weights: of each frame here, sum 1.
        entries: of the tables at these greys, before they are made to sum to 1.
    """
    terms = " + ".join(f"{weight:.3f} × {255 * grey:.1f}" for weight, grey in zip(weights, greys, strict=True))
    blended = sum(weight * grey for weight, grey in zip(weights, greys, strict=True))
    parts = [f"({point_xy[0]}, {point_xy[1]}): {terms} = {255 * blended:.1f}"]
    parts.append(f"result {255 * fused:.0f} ({255 * (fused - blended):+.1f} by blending over scales and added detail)")
    if entries is not None:
        looked_up = zip(entries, greys, strict=True)
        parts.append(
            "tables " + ", ".join(f"T{k + 1}[{int(255 * grey + 1e-4)}] = {entry:.3f}"
                                  for k, (entry, grey) in enumerate(looked_up))
        )  # fmt: skip
    return " · ".join(parts)
