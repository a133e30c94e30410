"""Many pairs at once: frames matched by name, results as a zip with a table of metrics.

Names are matched by rules that are written out below; a name that fits none, or fits twice, is listed, never guessed.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pipelines.fusion.registration import Placement, split
from pipelines.shared.errors import UserError
from pipelines.shared.tables import csv_table

if TYPE_CHECKING:
    from pipelines.fusion.inputs import FrameSet
    from pipelines.fusion.options import FusionOptions
    from pipelines.fusion.pipeline import FusionPipeline, FusionResult
    from pipelines.shared.notice import Notice
    from pipelines.shared.recipe_file import RecipeDocument

MOST_FRAMES = 6
FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # of zip members: equal results give equal bytes

# Words that name the slot of a frame, in slot order; they stand at the end of the name or are its folder.
ROLE_WORDS = (
    ("a", "b"),
    ("ir", "vi"),
    ("ir", "vis"),
    ("thermal", "visible"),
    ("mri", "ct"),
    ("mri", "pet"),
    ("mri", "spect"),
    ("over", "under"),
    ("near", "far"),
)


@dataclass(frozen=True)
class FrameGroup:
    """Files of one scene: `stem` is what their names share, `names` stand in slot order."""

    stem: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Matches:
    """Groups sorted by stem, and every name that belongs to none."""

    groups: tuple[FrameGroup, ...]
    unmatched: tuple[str, ...]


@dataclass(frozen=True)
class BatchStep:
    """One group is done: how far the batch is, `problem` if that group could not be fused, else what is to be said."""

    done: int
    total: int
    stem: str
    problem: str | None = None
    notices: tuple[Notice, ...] = ()


def match_pairs(names: Sequence[str]) -> Matches:
    """Groups of names that differ only in their slot: `_A/_B`, `ir/vi` (ending or folder), `_under/_over`, a number.

    Numbers count from 0 or 1 without a gap, at most six. A stem that two rules or two files claim is left unmatched.
    """
    candidates = [group for words in ROLE_WORDS for group in _by_words(names, words)] + _by_numbers(names)
    stems = Counter(group.stem for group in candidates)  # each names a picture of the results
    claims = Counter(name for group in candidates for name in group.names)
    clear = (g for g in candidates if stems[g.stem] == 1 and all(claims[name] == 1 for name in g.names))
    groups = tuple(sorted(clear, key=lambda g: g.stem))
    matched = {name for group in groups for name in group.names}
    return Matches(groups, tuple(name for name in names if name not in matched))


def _by_words(names: Sequence[str], words: tuple[str, str]) -> list[FrameGroup]:
    slots: dict[str, list[list[str]]] = {}
    for name in names:
        for slot, word in enumerate(words):
            stem = _stem_without(name, word)
            if stem is not None:
                slots.setdefault(stem, [[], []])[slot].append(name)
    return [
        FrameGroup(stem, (first[0], other[0]))
        for stem, (first, other) in slots.items()
        if len(first) == len(other) == 1
    ]


def _stem_without(name: str, word: str) -> str | None:
    """The name without its ending `_word` or its folder `word`; None if it has neither."""
    path = PurePosixPath(name)
    parts = list(path.parts[:-1])
    ending = re.fullmatch(rf"(.+)[_\- .]{word}", path.stem, re.IGNORECASE)
    if ending:
        return "/".join([*parts, ending.group(1)])
    if parts and parts[-1].lower() == word:
        return "/".join([*parts[:-1], path.stem])
    return None


def _by_numbers(names: Sequence[str]) -> list[FrameGroup]:
    numbered: dict[str, dict[int, list[str]]] = {}
    for name in names:
        path = PurePosixPath(name)
        found = re.fullmatch(r"(.+)[_\- .](\d{1,3})", path.stem)
        if found:
            stem = str(path.with_name(found.group(1)))
            numbered.setdefault(stem, {}).setdefault(int(found.group(2)), []).append(name)
    return [_numbered(stem, places) for stem, places in numbered.items() if _is_run(places)]


def _numbered(stem: str, places: Mapping[int, list[str]]) -> FrameGroup:
    return FrameGroup(stem, tuple(places[number][0] for number in sorted(places)))


def _is_run(places: Mapping[int, list[str]]) -> bool:
    first, count = min(places), len(places)
    is_unique = all(len(same) == 1 for same in places.values())
    return is_unique and first <= 1 and 2 <= count <= MOST_FRAMES and max(places) == first + count - 1


def run_batch(
    pipeline: FusionPipeline, files: Mapping[str, bytes], document: RecipeDocument, assets: Path, out_zip: Path
) -> Iterator[BatchStep]:
    """Fuse every group of `files` and write `out_zip`: a PNG each, `metrics.csv`, and `unmatched.txt` if need be.

    A group that cannot be fused is reported in its step and in the table, and so is what the readers and the pipeline
    say of the others. The zip is complete when the generator ends; stopping early leaves a sound zip with what was done
    so far.

    Args:
        document: the mix and the options of all groups; moves by hand are of one scene, and left out. Each PNG carries
            it with its own inputs.
        assets: the folder of the weights that the pipeline takes.

    Raises:
        UserError: no two names belong together.
    """
    matches = match_pairs(tuple(files))
    if not matches.groups:
        raise UserError("No two names belong together. Name them like scene_A.png and scene_B.png.", "Nothing to fuse")
    options, placement = split(document.options)
    unmoved = options.to_dict() | Placement(placement.is_aligned).to_dict()
    work = _Work(pipeline, options, placement.is_aligned, replace(document, options=unmoved), assets)
    rows: list[dict[str, str]] = []
    with zipfile.ZipFile(out_zip, "w") as archive:
        try:
            for done, group in enumerate(matches.groups, start=1):
                row, notices = _fuse_into(archive, group, files, work)
                rows.append(row)
                yield BatchStep(done, len(matches.groups), group.stem, row.get("problem"), notices)
        finally:
            _write(archive, "metrics.csv", csv_table(rows).encode())
            if matches.unmatched:
                _write(archive, "unmatched.txt", "\n".join(matches.unmatched).encode())


@dataclass(frozen=True)
class _Work:
    """What is done to every group."""

    pipeline: FusionPipeline
    options: FusionOptions
    is_aligned: bool
    document: RecipeDocument
    assets: Path


def _fuse_into(
    archive: zipfile.ZipFile, group: FrameGroup, files: Mapping[str, bytes], work: _Work
) -> tuple[dict[str, str], tuple[Notice, ...]]:
    """One row of the table, and what it says in its notes; the picture goes into the archive."""
    from pipelines.fusion.document import completed
    from pipelines.shared.figures import png_bytes
    from pipelines.shared.recipe_file import dump_yaml

    row = {"scene": group.stem, "frames": " + ".join(group.names)}
    try:
        frames = _frames(group, files, work)
        result = work.pipeline(frames, work.options, work.document.recipe)
    except UserError as error:
        return {**row, "problem": str(error)}, ()
    text = dump_yaml(completed(work.document, frames, work.assets))
    _write(archive, f"{group.stem}_fused.png", png_bytes(result.picture, text))
    notes = " ".join(notice.text for notice in result.notices)
    return {**row, **_metrics(result, frames, work.options), "notes": notes}, result.notices


def _frames(group: FrameGroup, files: Mapping[str, bytes], work: _Work) -> FrameSet:
    from pipelines.fusion.align import align
    from pipelines.fusion.inputs import load_frames

    names = [PurePosixPath(name).name for name in group.names]
    frames = load_frames([files[name] for name in group.names], work.options, names=names)
    return align(frames, work.options.task)[0] if work.is_aligned else frames


def _metrics(result: FusionResult, frames: FrameSet, options: FusionOptions) -> dict[str, str]:
    """Metrics by name, and the size that they were measured at."""
    from pipelines.fusion.measured import frames_at, measure, measured_size

    size_hw = measured_size(result.fused.shape)
    values = measure(result.fused, frames_at(frames, size_hw), options)
    return {name: f"{value:.5g}" for name, value in values.items()} | {"measured_at": f"{size_hw[1]}x{size_hw[0]}"}


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, FIXED_TIME), content)
