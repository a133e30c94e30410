"""mergekit's recipes on the command line: read as ours, ours written as theirs, and told how true the copy is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.merging.mergekit_recipes import Fidelity, Imported, base_of, export_mergekit, import_mergekit
from pipelines.shared.errors import UserError
from pipelines.shared.recipe_file import VERSION, mapping, parse_text


def imported_text(text: str, folder: Path) -> tuple[str, tuple[Fidelity, ...]]:
    """A configuration of mergekit as the text of a recipe that names files, and the report.

    Args:
        folder: what its paths are relative to. The base's tensor names are read there if it is at hand.

    Raises:
        UserError: not readable. MergeError: something in it cannot be expressed.
    """
    config = mapping("the configuration", parse_text(text))
    path = folder / base_of(config)
    imported = import_mergekit(config, tensor_names(path))
    return _dump(document_of(imported)), imported.report


def document_of(imported: Imported) -> dict[str, Any]:
    """A recipe that names files."""
    from pipelines.merging.recipe_form import recipe_to_dict

    return {
        "mixdeck_recipe": VERSION,
        "family": {"id": "checkpoints", "base": {"ref": imported.base}},
        "experts": {name: {"ref": path} for name, path in imported.experts.items()},
        "merge": recipe_to_dict(imported.recipe),
    }


def exported_text(text: str, folder: Path) -> tuple[str, tuple[Fidelity, ...]]:
    """A recipe that names files as a configuration of mergekit, and the report.

    Raises:
        UserError: its files are not there. MergeError: it has no counterpart.
    """
    from pipelines.shared.checkpoint_files import parse_plan
    from pipelines.shared.checkpoint_slots import FLOATS, read_slots

    plan = parse_plan(text, folder)
    values = parse_text(text)
    experts = {str(name): str(entry["ref"]) for name, entry in values["experts"].items()}
    keys = [key for key, slot in read_slots(plan.base.paths).items() if slot.dtype in FLOATS]
    config, report = export_mergekit(plan.recipe, str(values["family"]["base"]["ref"]), experts, keys)
    return _dump(config), report


def tensor_names(path: Path) -> list[str] | None:
    """Names of a local checkpoint's tensors, None if it is not at hand."""
    from pipelines.shared.checkpoint_slots import read_slots

    paths = tuple(sorted(path.glob("*.safetensors"))) if path.is_dir() else (path,)
    if not paths or not all(one.is_file() for one in paths):
        return None
    return list(read_slots(paths))


def convert(text: str, folder: Path, out: Path, is_mergekit: bool) -> tuple[Fidelity, ...]:
    """Write the other form of a recipe, whole or not at all; gives the report."""
    from pipelines.shared.weights import whole_file

    if out.suffix.lower() not in (".yaml", ".yml"):
        raise UserError(f"--out {out}: a recipe is written as .yaml.")
    written, report = (imported_text if is_mergekit else exported_text)(text, folder)
    with whole_file(out) as draft:
        draft.write_text(written, encoding="utf-8")
    return report


def lines(report: Sequence[Fidelity]) -> list[str]:
    """A line for each field: grade, field, note."""
    width = max((len(one.field) for one in report), default=0)
    return [f"{one.grade:8}  {one.field:{width}}  {one.note}".rstrip() for one in report]


def _dump(values: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=100))
