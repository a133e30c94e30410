"""A person's own checkpoints as a family without a network: what can be told from weights alone.

They are a stranger's: only safetensors are opened, sizes are summed before anything is read or fetched, and no path is
taken from a person. A folder has one file for the base and one for each expert; of the Hub, a line says which is which.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.arena import Arena

MOST_EXPERTS = 20
MOST_BYTES = 2_000_000_000
MOST_NAME = 60  # characters of an expert's name
BASE_NAMES = ("base", "pretrained", "zeroshot")
BESIDE = {".json", ".md", ".txt", ".yaml", ".yml"}  # what lies beside weights; never opened
READS = 5  # memory for each byte of 16-bit files: the file, its float32 form, and that in the arena

Files = Mapping[str, tuple[Path, ...]]  # name -> its file or shards; the first is the base


@dataclass(frozen=True)
class OwnFamily:
    """What was brought: a name for the page, the arena, and what a reader should know of it."""

    name: str
    arena: Arena
    notices: tuple[str, ...]


def own_family(files: Files) -> OwnFamily:
    """Read a base and its experts.

    Raises:
        UserError: too large, damaged, or nothing was tuned. MergeError: not one network.
    """
    from pipelines.merging.arena import Arena

    check_size(sum(path.stat().st_size for path in paths_of(files)))
    base, *experts = ((name, read_files(name, paths)) for name, paths in files.items())
    arena = Arena.from_checkpoints({key: base[1][key] for key in sorted(base[1])}, dict(experts))
    if arena.layout.count == 0:
        raise UserError("No expert differs from the base: there is nothing to look at.", "All the same")
    return OwnFamily(f"own: {digest_of(files)[:8]}", arena, (*arena.notices, *far_from_base(arena)))


def files_of_folder(paths: Sequence[Path]) -> Files:
    """The files of one folder: the base is the one whose name says so, experts are the others, sorted.

    Configurations, cards and the like are passed over.

    Raises:
        UserError: none or several bases, another format, two of one name, no expert, or too many.
    """
    seen = [path for path in paths if not path.name.startswith(".") and path.suffix.lower() not in BESIDE]
    if odd := [path.name for path in seen if path.suffix != ".safetensors"]:
        raise UserError(f"{odd[0]} is not safetensors. Other formats can hide programs and are not opened; give a "
                        "folder that holds no weights in them.", "Format not accepted")  # fmt: skip
    files = sorted(seen, key=lambda path: path.name)
    bases = [path for path in files if path.stem.lower().startswith(BASE_NAMES)]
    if len(bases) != 1 or len(files) < 2:
        raise UserError(
            "Give one file whose name begins with `base` and one file for each expert, all .safetensors; came "
            f"{', '.join(path.name for path in files[:8]) or 'none'}.", "Which is the base?",
        )  # fmt: skip
    named = [(path.stem, (path,)) for path in (bases[0], *(path for path in files if path != bases[0]))]
    return _named(named)


def files_of_hub(text: str, may_download: bool = False) -> Files:
    """Checkpoints of the Hub, a line each: `base: owner/name@revision`, then `expert: owner/name@revision`.

    Args:
        may_download: fetch what is not in the local cache; sizes are asked for first.

    Raises:
        UserError: a line that cannot be read, no base, too large, not safetensors, or not there.
    """
    from pipelines.shared.checkpoint_sources import HUB, weight_files

    lines = parse_lines(text)
    if may_download:
        check_size(sum(hub_bytes(reference) for _, reference in lines))
    return _named([(name, weight_files(name, HUB + reference, Path(), may_download)) for name, reference in lines])


def parse_lines(text: str) -> list[tuple[str, str]]:
    """(name, reference) of each line; the first is the base. Raises UserError that quotes the line."""
    from pipelines.shared.hub import parse

    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_EXPERTS + 1:
        raise UserError(f"At most {MOST_EXPERTS} experts are read; came {len(lines) - 1}.", "Too many checkpoints")
    found = []
    for line in lines:
        name, mark, reference = (part.strip() for part in line.partition(":"))
        if not mark or not name:
            raise UserError(f"Cannot read {line[:80]!r}: write a name, a colon, and owner/name@revision.",
                            "Not a Hub id")  # fmt: skip
        parse(reference, is_pinned=False)
        found.append((name, reference))
    if len(found) < 2 or found[0][0].lower() not in BASE_NAMES:
        raise UserError("The first line names the base, `base: owner/name@revision`; a line for each expert follows.",
                        "Which is the base?")  # fmt: skip
    return found


def hub_bytes(reference: str) -> int:
    """Bytes of the safetensors files of a Hub id, without fetching them.

    Raises:
        UserError: the Hub cannot be reached, or has no such checkpoint.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    from pipelines.shared.hub import parse

    repository, revision = parse(reference, is_pinned=False)
    try:
        files = HfApi().model_info(repository, revision=revision, files_metadata=True, timeout=20).siblings or ()
    except HfHubHTTPError as error:
        raise UserError(f"The Hub has no {repository} at {revision}, or it wants a login.") from error
    except (OSError, OfflineModeIsEnabled) as error:
        raise UserError(f"The Hub cannot be reached, so {repository} cannot be fetched.", "No network") from error
    return sum(one.size or 0 for one in files if one.rfilename.endswith(".safetensors"))


def check_size(count: int) -> None:
    """Refuse more bytes than are read here, or than this machine has memory for now. Raises UserError."""
    import psutil

    if count > MOST_BYTES:
        raise UserError(
            f"These files have {count / 1e9:.1f} GB, the page reads {MOST_BYTES / 1e9:.0f} GB; "
            "`python -m pipelines merge` takes larger ones piece by piece.", "Too large",
        )  # fmt: skip
    free = psutil.virtual_memory().available
    if READS * count > free:
        raise UserError(f"Reading them may take {READS * count / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free.",
                        "Not enough memory")  # fmt: skip


def paths_of(files: Files) -> list[Path]:
    """Every file, in order."""
    return [path for paths in files.values() for path in paths]


def digest_of(files: Files) -> str:
    """A hash of names and contents: tells one folder from another on the page, 64 hex digits."""
    found = hashlib.sha256()
    for name, paths in files.items():
        found.update(name.encode())
        for path in paths:
            with path.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def far_from_base(arena: Arena) -> tuple[str, ...]:
    """A line for each expert that hardly comes from this base: its vector is more than half as long."""
    norms = arena.diagnostics().relative_norms
    return tuple(
        f'"{task}" is {norm:.2f} times the base away from it: another base?'
        for task, norm in norms.items()
        if norm > 0.5
    )


def _named(found: Sequence[tuple[str, tuple[Path, ...]]]) -> Files:
    if len(found) > MOST_EXPERTS + 1:
        raise UserError(f"At most {MOST_EXPERTS} experts are read; came {len(found) - 1}.", "Too many checkpoints")
    names = [name for name, _ in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"Two checkpoints are called {twice[0]!r}: each needs a name of its own.", "One name twice")
    if long := [name for name in names if len(name) > MOST_NAME]:
        raise UserError(f"{long[0][:MOST_NAME]!r}… is longer than {MOST_NAME} characters.", "Name too long")
    return dict(found)


def read_files(name: str, paths: Sequence[Path]) -> dict[str, Tensor]:
    """A checkpoint in one file or several. Raises UserError: damaged, not safetensors, or a tensor in two files."""
    from pipelines.shared.checkpoint_slots import joined
    from pipelines.shared.family import ModelSpec
    from pipelines.shared.weights import read_weights

    return joined((path, read_weights(ModelSpec(name, f"folder:{path}", None, ""), path.parent)) for path in paths)
