"""Words that every tab says alike: quiet lines, the label of a result, notices, the tier. No widgets."""

from __future__ import annotations

import html
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.family import ModelFamily
from pipelines.shared.presence import absent, fetch_command

if TYPE_CHECKING:
    from pipelines.merging.recovery import Recovery
    from pipelines.merging.report import MaskReport
    from pipelines.shared.run_info import RunInfo

MOST_HEADER = 1_000_000  # bytes of a safetensors header that are read to count weights
LABELS = itertools.count(1)  # numbers of labels


def hint(text: str, kind: str = "hint") -> str:
    """A quiet line of the page; `text` is plain, `commands` stand in backticks. Kind "reason" says why something is not
    there."""
    return f'<div class="{kind}">{marked(text)}</div>'


def marked(text: str) -> str:
    """Plain text as HTML, what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def version_label(text: str, is_preview: bool = False, is_stale: bool = False) -> str:
    """What the picture shows, and the hidden words that a newer setting turns on.

    Every label has its number: the browser draws nothing anew where the text is the same, and its own mark would stay.
    """
    kind = "preview · " if is_preview else ""
    pending = '<span class="pending">· newer settings pending</span>'
    mark = " stale" if is_stale else ""
    return f'<div class="version{mark}" role="status" data-label="{next(LABELS)}">{kind}{text} {pending}</div>'


def notice_lines(notices: Sequence[Any]) -> str:
    """What the readers or a restore had to say; `commands` stand in backticks."""
    lines = [(getattr(one, "level", "info"), getattr(one, "text", str(one))) for one in notices]
    return f'<div class="notices">{"".join(f"<p class={level}>{marked(text)}</p>" for level, text in lines)}</div>'


def mask_line(report: MaskReport, recovered: Mapping[str, Recovery] | None = None) -> str:
    """What the masks keep, as shares of all merged weights; how far the mix is from the experts whose masks count."""
    kept = " · ".join(f"{html.escape(task)} keeps {share:.0%}" for task, share in report.density.items())
    shared = max(0.0, report.union - report.selfish)
    return (
        f'<div class="hint">{kept}<br>by any {report.union:.0%} · shared {shared:.0%} · selfish {report.selfish:.0%} · '
        f"used by none {report.catastrophic:.0%}{_recovered(recovered or {})}</div>"
    )


def _recovered(found: Mapping[str, Recovery]) -> str:
    told = (f"{html.escape(task)} {one.distance:.2f} ({one.against:.0%})" for task, one in found.items())
    about = "Distance to the expert, 0 there, 1 as the base (kept weights against its sign)"
    return f"<br>{about}: {' · '.join(told)}" if found else ""


def tier_line(family: ModelFamily, assets: Path, network: str) -> str:
    """Which tier is shown: the name of its network, its size and where its weights come from."""
    if family.tier != "embedded":
        return f"Full tier: {family.name}, {_checkpoints(family)}. {_whereabouts(family, assets)}"
    source = assets / "weights" / family.base.source.removeprefix("assets:")
    count = weight_count(source)
    size = f"{count / 1000:.0f} k parameters, " if count else ""
    command = f"`python -m pipelines train {family.name}`"
    return f"Embedded tier: {network}, {size}trained by {command} on generated data."


def _checkpoints(family: ModelFamily) -> str:
    """Base and experts in words, with their licence and about how large they are together."""
    specs = (family.base, *family.experts.values())
    size_bytes = sum(spec.size_bytes for spec in specs)
    size = f", about {size_bytes / 1e9:.1f} GB" if size_bytes else ""
    over = f"{', '.join(spec.name for spec in specs[1:])} over {family.base.name}" if family.experts else specs[0].name
    return f"the published checkpoint{'s' if family.experts else ''} {over} ({family.base.license}{size})"


def _whereabouts(family: ModelFamily, assets: Path) -> str:
    """Whether its checkpoints are on this machine; of those that are not, how they come here. The page fetches none."""
    missing = absent(family, assets)
    if not missing:
        return "On this machine."
    names = ", ".join(spec.name for spec in missing)
    commands = [f"`{command}`" for spec in missing if (command := fetch_command(spec))]
    how = f"To fetch {'them' if len(missing) > 1 else 'it'}, run {' and '.join(commands)}." if commands else ""
    return f"Not on this machine: {names}; the page downloads nothing by itself. {how}".strip()


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


def traffic(run: RunInfo) -> list[str]:
    """What the merge of a run moved, and how fast: ["1.6 MB moved at 4.1 GB/s"]; nothing where nothing was merged."""
    seconds = run.seconds.get("merge", 0.0)
    if not run.bytes_moved or not seconds:
        return []
    return [f"{run.bytes_moved / 1e6:.1f} MB moved at {run.bytes_moved / seconds / 1e9:.1f} GB/s"]
