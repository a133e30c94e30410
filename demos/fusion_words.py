"""What the fusion tab says: titles, the line above the picture, notices, the arithmetic of one pixel. No widgets."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demos.merge_panel import describe
from pipelines.fusion.options import TASKS
from pipelines.shared.family import ModelFamily

if TYPE_CHECKING:
    from demos.fusion_bench import Job
    from pipelines.fusion.pipeline import FusionResult
    from pipelines.merging.report import MaskReport

ENGINE_TITLES = {
    "net": "Mixed network", "lut": "Tables (exposures)", "average": "Average", "max": "Maximum",
    "laplacian": "Laplacian pyramid", "gff": "Guided filter", "mertens": "Mertens",
}  # fmt: skip
NETWORKS = {"fusenet": "FuseNet", "meflut": "MEFLUT tables"}
MOST_HEADER = 1_000_000  # bytes of a safetensors header that are read to count weights


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
    """One line on a result: version, mix, bytes moved, time."""
    run, engine = result.run, job.options.engine
    mix = describe(job.recipe) if engine == "net" else ENGINE_TITLES[engine]
    parts = [f"<b>v{run.weights_version}</b>" if engine == "net" else "", html.escape(mix)]
    if run.bytes_moved:
        parts.append(f"{run.bytes_moved / 1e6:.1f} MB moved")
    parts.append(f"{run.seconds.get('total', 0.0):.2f} s")
    if is_kept:
        parts.append("cached")
    return " · ".join(part for part in parts if part)


def version_label(text: str, is_preview: bool = False, is_stale: bool = False) -> str:
    """What the picture shows, and the hidden words that a newer setting turns on."""
    kind = "preview · " if is_preview else ""
    pending = '<span class="pending">· newer settings pending</span>'
    mark = " stale" if is_stale else ""
    return f'<div class="version{mark}" role="status">{kind}{text} {pending}</div>'


def mask_line(report: MaskReport) -> str:
    """What the masks keep, as shares of all merged weights."""
    kept = " · ".join(f"{html.escape(task)} keeps {share:.0%}" for task, share in report.density.items())
    shared = max(0.0, report.union - report.selfish)
    return (
        f'<div class="hint">{kept}<br>by any {report.union:.0%} · shared {shared:.0%} · selfish {report.selfish:.0%} · '
        f"used by none {report.catastrophic:.0%}</div>"
    )


def notice_lines(notices: Sequence[Any]) -> str:
    """What the readers or a restore had to say."""
    lines = [(getattr(one, "level", "info"), getattr(one, "text", str(one))) for one in notices]
    return f'<div class="notices">{"".join(f"<p class={level}>{html.escape(text)}</p>" for level, text in lines)}</div>'


def hint(text: str, kind: str = "hint") -> str:
    """A quiet line of the page; `text` is plain, `commands` stand in backticks. Kind "reason" says why something is not
    there."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
    return f'<div class="{kind}">{marked}</div>'


def tier_line(family: ModelFamily, assets: Path) -> str:
    """Which tier is shown: its size and where its weights come from."""
    if family.tier != "embedded":
        return f"Full tier: {family.name}, the published checkpoint {family.base.name} ({family.base.license})."
    source = assets / "weights" / family.base.source.removeprefix("assets:")
    count = weight_count(source)
    size = f"{count / 1000:.0f} k parameters, " if count else ""
    command = f"`python -m pipelines train {family.name}`"
    return f"Embedded tier: {NETWORKS.get(family.name, family.name)}, {size}trained by {command} on generated data."


def weight_count(path: Path) -> int:
    """How many numbers a safetensors file holds, from its header; 0 if there is no such file."""
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(min(length, MOST_HEADER)))
    return sum(_product(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


def _product(shape: Sequence[int]) -> int:
    count = 1
    for extent in shape:
        count *= extent
    return count


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
