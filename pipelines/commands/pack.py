"""`pack` and `unpack`: a family's checkpoints in few bytes, and plain checkpoints back out of them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.shared.family import ModelSpec

    Weights = Mapping[str, Tensor]

FORMS = ("deltas", "tall", "auto")
ARCHIVE = "tall.safetensors"
TITLES = {"deltas": "lossless differences", "tall": "one vector and masks"}


@dataclass(frozen=True)
class Source:
    """Checkpoints as they are stored: a base and its experts, in order."""

    name: str
    base: Weights
    experts: Mapping[str, Weights]


def add(commands: Any) -> None:
    """Register both commands."""
    parser = commands.add_parser("pack", help="store a base and its experts in few bytes")
    parser.add_argument("source", metavar="FAMILY|FOLDER", help="a family, or base.safetensors and a file an expert")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the files are written")
    forms = "deltas: every bit comes back; tall: one vector and a mask a task; auto: the smaller"
    parser.add_argument("--form", choices=FORMS, default="deltas", help=forms)
    parser.add_argument("--vector", choices=("sum", "ties"), default="sum", help="what the masks are cut from")
    parser.add_argument("--lambda", type=float, default=0.4, dest="threshold", metavar="L", help="of all masks, 0.4")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the bytes of every part as JSON")
    parser.set_defaults(command=pack)
    parser = commands.add_parser("unpack", help="plain checkpoints out of packed ones")
    parser.add_argument("source", type=Path, metavar="FILE|FOLDER", help="what `pack` wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the checkpoints are written")
    parser.set_defaults(command=unpack)


def pack(flags: argparse.Namespace) -> None:
    """Write the form that was asked for, or the smaller one, and tell the bytes of both."""
    import shutil

    from pipelines.commands.reports import table, write_json

    source = open_source(flags.source)
    with TemporaryDirectory() as draft:
        folders = {form: Path(draft) / form for form in ("deltas", "tall")}
        sizes = {"deltas": write_deltas(source, folders["deltas"]),
                 "tall": write_tall(source, folders["tall"], flags.vector, flags.threshold)}  # fmt: skip
        totals = {form: sum(parts.values()) for form, parts in sizes.items()}
        form = min(totals, key=totals.__getitem__) if flags.form == "auto" else flags.form
        flags.out.mkdir(parents=True, exist_ok=True)
        for path in sorted(folders[form].iterdir()):
            shutil.copyfile(path, flags.out / path.name)
    plain = sum(plain_bytes(weights) for weights in (source.base, *source.experts.values()))
    rows = [["form", "bytes", "of plain"], ["plain checkpoints", f"{plain:,}", "1.000"]]
    rows += [[TITLES[one], f"{total:,}", f"{total / plain:.3f}"] for one, total in totals.items()]
    print(table(rows))
    print(f"{flags.out}: {TITLES[form]}, {totals[form]:,} bytes")
    if flags.json is not None:
        write_json({"source": source.name, "form": form, "plain_bytes": plain, "bytes": sizes}, flags.json)


def unpack(flags: argparse.Namespace) -> None:
    """Write base and experts as plain safetensors."""
    from pipelines.commands.merge import save_weights

    source = unpacked(flags.source)
    flags.out.mkdir(parents=True, exist_ok=True)
    for name, weights in {"base": source.base, **source.experts}.items():
        size_bytes = save_weights(weights, {"format": "pt"}, flags.out / f"{name}.safetensors")
        print(f"{name}.safetensors: {size_bytes:,} bytes")


def open_source(text: str) -> Source:
    """A registered family, or the checkpoints of a folder.

    Raises:
        UserError: neither, or a folder without base or experts.
    """
    from pipelines.commands.loading import ASSETS
    from pipelines.registry import FAMILIES
    from pipelines.shared.weights import stored_weights

    known = {family.name: family for family in FAMILIES if family.tier == "embedded" and family.experts}
    if text in known:
        family = known[text]
        experts = {task: stored_weights(spec, ASSETS) for task, spec in family.experts.items()}
        return Source(family.name, stored_weights(family.base, ASSETS), experts)
    if not Path(text).is_dir():
        raise UserError(f"{text!r} is no folder and no family with experts; those are {', '.join(known)}.")
    return _folder(Path(text))


def unpacked(path: Path) -> Source:
    """What `pack` wrote: an archive file, or a folder that holds one or differences.

    Raises:
        UserError: neither, damaged, or a folder of both.
    """
    from pipelines.shared.tall_archive import read_archive

    is_archive = [one.name for one in path.glob("*.safetensors")] == [ARCHIVE]
    if path.is_file() or is_archive:
        archive = read_archive(path / ARCHIVE if is_archive else path)
        return Source(path.name, archive.base, {task: archive.expert(task) for task in archive.tasks})
    if not path.is_dir():
        raise UserError(f"{path}: no such file or folder.")
    return _folder(path)


def write_deltas(source: Source, folder: Path) -> dict[str, int]:
    """Base as it is, experts as differences; name -> bytes.

    Raises:
        UserError: an expert of another form than the base.
    """
    from pipelines.commands.merge import save_weights
    from pipelines.shared.delta_store import write_delta

    folder.mkdir()
    sizes = {"base": save_weights(source.base, {"format": "pt"}, folder / "base.safetensors")}
    for task, weights in source.experts.items():
        sizes[task] = write_delta(source.base, weights, folder / f"{task}.safetensors")
    return sizes


def write_tall(source: Source, folder: Path, vector: str, threshold: float) -> dict[str, int]:
    """The archive of all experts; part -> bytes.

    Raises:
        MergeError: the checkpoints are not of one network, or lambda is out of range.
    """
    from pipelines.merging.arena import Arena
    from pipelines.shared.tall_archive import build_archive, tall_recipe, write_archive

    folder.mkdir()
    tasks = tuple(source.experts)
    recipe = tall_recipe(tasks, dict.fromkeys(tasks, threshold), vector)
    dtypes = {key: tensor.dtype for key, tensor in source.base.items()}
    archive = build_archive(Arena.from_checkpoints(source.base, source.experts), recipe, dtypes)
    sizes = write_archive(archive, folder / ARCHIVE)
    return {"base": sizes.base, "vector": sizes.vector, "masks": sizes.masks, "header": sizes.header}


def plain_bytes(weights: Weights) -> int:
    """Bytes of a checkpoint's numbers."""
    return sum(tensor.numel() * tensor.element_size() for tensor in weights.values())


def _folder(folder: Path) -> Source:
    from pipelines.commands.loading import ASSETS
    from pipelines.shared.family import ModelSpec
    from pipelines.shared.weights import stored_weights

    def read(path: Path) -> Weights:
        spec: ModelSpec = ModelSpec(path.stem, f"folder:{path}", None, "")
        return stored_weights(spec, ASSETS)

    paths = sorted(folder.glob("*.safetensors"))
    base = folder / "base.safetensors"
    if folder / ARCHIVE in paths:
        raise UserError(
            f"{folder} holds {ARCHIVE}, the name of an archive of all experts, beside other files; a folder takes one "
            f"form. Give unpack the file {folder / ARCHIVE}, move one form away, or rename the file if it is an expert."
        )
    if base not in paths or len(paths) < 2:
        raise UserError(f"{folder} should hold base.safetensors and a .safetensors file for each expert.")
    return Source(folder.name, read(base), {path.stem: read(path) for path in paths if path != base})
