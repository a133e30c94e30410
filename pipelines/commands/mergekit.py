"""mergekit's recipes on the command line: read as ours, ours written as theirs, and told how true the copy is."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.merging.errors import MergeError
from pipelines.merging.mergekit_recipes import (
    ADAPTER,
    Fidelity,
    Imported,
    base_of,
    export_mergekit,
    frozen,
    import_mergekit,
)
from pipelines.shared.errors import UserError
from pipelines.shared.recipe_file import VERSION, mapping, parse_text

if TYPE_CHECKING:
    from pipelines.shared.checkpoint_slots import Slot

ADAPTER_FILE = "adapter_model.safetensors"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@\w[\w./-]*)?")


def imported_text(text: str, folder: Path, may_download: bool = False) -> tuple[str, tuple[Fidelity, ...]]:
    """A configuration of mergekit as the text of a recipe that names files, and the report.

    Args:
        folder: what its paths are relative to. The base's tensor names are read if it is at hand.
        may_download: whether a base on the Hub that is not in the local cache is fetched.

    Raises:
        UserError: not readable, or not to be fetched. MergeError: something in it cannot be expressed.
    """
    config = mapping("the configuration", parse_text(text))
    slots = base_slots(ref_of(base_of(config), folder), folder, may_download)
    imported = import_mergekit(config, None if slots is None else list(slots), float_dtypes(slots or {}))
    return _dump(document_of(imported, folder)), imported.report


def document_of(imported: Imported, folder: Path) -> dict[str, Any]:
    """A recipe that names files."""
    from pipelines.merging.recipe_form import recipe_to_dict

    return {
        "mixdeck_recipe": VERSION,
        "family": {"id": "checkpoints", "base": {"ref": ref_of(imported.base, folder)}},
        "experts": {name: entry_of(path, folder) for name, path in imported.experts.items()},
        "merge": recipe_to_dict(imported.recipe),
    }


def entry_of(path: str, folder: Path) -> dict[str, str]:
    """The entry of an expert: a checkpoint, or what is added to the base."""
    _, is_adapter, adapter = path.partition(ADAPTER)
    if not is_adapter:
        return {"ref": ref_of(path, folder)}
    file = Path(adapter) / ADAPTER_FILE
    return {"ref": str(file) if (folder / file).is_file() else ref_of(adapter, folder), "kind": "lora"}


def ref_of(path: str, folder: Path) -> str:
    """A checkpoint of theirs as our recipes name it: a Hub id, unless there is a file or folder of that name."""
    from pipelines.shared.checkpoint_sources import HUB, PICKLES

    is_file = path.endswith((".safetensors", *PICKLES)) or (folder / path).exists()
    return HUB + path if HUB_ID.fullmatch(path) and not is_file else path


def exported_text(text: str, folder: Path, may_download: bool = False) -> tuple[str, tuple[Fidelity, ...]]:
    """A recipe that names files as a configuration of mergekit, and the report.

    Raises:
        UserError: its files are not there. MergeError: it has no counterpart.
    """
    from pipelines.shared.checkpoint_files import parse_plan
    from pipelines.shared.checkpoint_slots import FLOATS, read_slots

    plan = parse_plan(text, folder, may_download)
    values = parse_text(text)
    base = path_of("base", values["family"]["base"]["ref"])
    experts = {str(name): path_of(str(name), entry["ref"]) for name, entry in values["experts"].items()}
    for one in plan.experts:
        if one.kind == "lora":
            experts[one.name] = f"{base}{ADAPTER}{adapter_folder(one.name, experts[one.name])}"
    slots = read_slots(plan.base.paths)
    keys = [key for key, slot in slots.items() if slot.dtype in FLOATS]
    config, report = export_mergekit(plan.recipe, base, experts, keys, float_dtypes(slots))
    return _dump(config), report


def path_of(name: str, ref: str) -> str:
    """A checkpoint of ours as theirs is named. Raises MergeError: its name would be taken apart there."""
    from pipelines.shared.checkpoint_sources import HUB

    if ADAPTER in ref:
        raise MergeError(f"{name} is {ref}: mergekit takes what is behind {ADAPTER} for an adapter; rename the file")
    return ref.removeprefix(HUB)


def adapter_folder(name: str, path: str) -> str:
    """The folder of an adapter, as theirs names it. Raises MergeError: its file has a name not looked for there."""
    if not path.endswith(".safetensors"):
        return path
    if Path(path).name != ADAPTER_FILE:
        raise MergeError(f"adapter {name} is {path}: mergekit looks for {ADAPTER_FILE} in a folder; rename the file")
    return str(Path(path).parent)


def float_dtypes(slots: Mapping[str, Slot]) -> set[str]:
    """Which dtypes the floats of a checkpoint have."""
    from pipelines.shared.checkpoint_slots import DTYPES, FLOATS

    return {DTYPES[slot.dtype] for slot in slots.values() if slot.dtype in FLOATS}


def base_slots(ref: str, folder: Path, may_download: bool = False) -> dict[str, Slot] | None:
    """Tensors of a checkpoint by name, None if it is not at hand.

    Raises:
        UserError: it should be fetched and cannot be, or is damaged.
    """
    from pipelines.shared.checkpoint_slots import read_slots
    from pipelines.shared.checkpoint_sources import weight_files

    try:
        paths = weight_files("base", ref, folder, may_download)
    except UserError:
        if may_download:
            raise
        return None
    return read_slots(paths)


def convert(text: str, folder: Path, out: Path, is_mergekit: bool, may_download: bool = False) -> tuple[Fidelity, ...]:
    """Write the other form of a recipe, whole or not at all; gives the report."""
    written, report = (imported_text if is_mergekit else exported_text)(text, folder, may_download)
    _write(written, out)
    return report


def pass_through(checkpoint: Path, out: Path) -> None:
    """Write the configuration with which mergekit takes a merged checkpoint as it is."""
    _write(_dump(frozen(os.path.relpath(checkpoint, out.parent))), out)


def is_recipe(path: Path) -> bool:
    """Whether a file is to hold a recipe instead of weights."""
    return path.suffix.lower() in (".yaml", ".yml")


def lines(report: Sequence[Fidelity]) -> list[str]:
    """A line for each field: grade, field, note."""
    width = max((len(one.field) for one in report), default=0)
    return [f"{one.grade:8}  {one.field:{width}}  {one.note}".rstrip() for one in report]


def _write(text: str, out: Path) -> None:
    from pipelines.shared.weights import whole_file

    with whole_file(out) as draft:
        draft.write_text(text, encoding="utf-8")


def _dump(values: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=100))
