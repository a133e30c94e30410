"""What a recipe of files calls a checkpoint: a file, a folder of shards, a Hub id, or a LoRA adapter of the base."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.merging.errors import MergeError
from pipelines.shared.checkpoint_slots import UNPACK, Slot, read_slots
from pipelines.shared.errors import UserError
from pipelines.shared.recipe_file import mapping

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.lora import Factors

HUB = "hub:"
INDEX = "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
PLAIN_STARTS = (None, True, False, "gaussian")  # of init_lora_weights: they leave the base as it is
UNREAD = ("fan_in_fan_out", "use_dora", "alpha_pattern", "rank_pattern", "modules_to_save")  # of an adapter


@dataclass(frozen=True)
class Checkpoint:
    """One network's weights: a file, or shards in order of name. `sha256` empty: not checked.

    `kind` is "full", or "lora": then the files hold the factors of a change to the base.
    """

    name: str
    paths: tuple[Path, ...]
    sha256: str = ""
    kind: str = "full"


def checkpoint_of(name: str, value: Any, folder: Path, may_download: bool = False) -> Checkpoint:
    """The checkpoint of an entry {ref, sha256, kind}.

    Args:
        folder: what a path is relative to.
        may_download: whether a Hub id that is not in the local cache is fetched.

    Raises:
        UserError: not there, not safetensors, or an entry that cannot be read.
    """
    entry = mapping(f"entry of {name}", value)
    only(f"entry of {name}", entry, ("ref", "sha256", "kind"))
    ref, kind, sha256 = entry.get("ref"), entry.get("kind", "full"), entry.get("sha256", "")
    if kind == "delta":
        raise UserError(f"{name}: kind 'delta'; {UNPACK}, and name the file that comes out, without a kind.")
    if kind not in ("full", "lora"):
        raise UserError(f"{name}: kind {kind!r}; full checkpoints and lora adapters are merged.")
    if not isinstance(ref, str):
        raise UserError(
            f"{name} needs a `ref`: the path of its safetensors file, of the folder of its shards, or "
            f"{HUB}owner/name@revision."
        )
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}|", sha256):
        raise UserError(f"{name}: sha256 should be 64 hex digits in quotes.")
    return Checkpoint(name, weight_files(name, ref, folder, may_download), sha256, kind)


def weight_files(name: str, ref: str, folder: Path, may_download: bool = False) -> tuple[Path, ...]:
    """Safetensors files of a path or a Hub id, in order of name.

    Raises:
        UserError: none, a shard of the index missing, or another format.
    """
    path = folder / ref
    if ref.startswith(HUB):
        from pipelines.shared.hub import snapshot

        path = snapshot(ref.removeprefix(HUB), may_download, is_pinned=False)
    paths = shards(name, path) if path.is_dir() else (path,)
    if not paths and (pickles := sorted(one.name for one in path.iterdir() if one.suffix in PICKLES)):
        raise UserError(
            f"{name}: {ref} has no safetensors, only {pickles[0]}. Pickles can hide programs and are not opened; "
            "convert it with safetensors.torch.save_file.",
            title="Format not accepted",
        )
    if not paths or not all(one.is_file() for one in paths):
        raise UserError(f"{name}: no weights at {ref}.", title="Weights are missing")
    if any(one.suffix != ".safetensors" for one in paths):
        raise UserError(f"{name}: {path.name} is not safetensors. Other formats can hide programs and are not opened.")
    return paths


def shards(name: str, folder: Path) -> tuple[Path, ...]:
    """The safetensors files that the folder's index names, else all of them. Raises UserError: one is missing."""
    index = folder / INDEX
    if not index.is_file():
        return tuple(sorted(folder.glob("*.safetensors")))
    try:
        files = {str(file) for file in mapping("weight_map", json.loads(index.read_text())["weight_map"]).values()}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{name}: {INDEX} is damaged.", title="Weights are damaged") from error
    for file in sorted(files):
        if Path(file).name != file or not (folder / file).is_file():
            raise UserError(f"{name}: the shard {file} that {INDEX} names is not there.", title="Weights are missing")
    return tuple(sorted(folder / file for file in files))


def only(name: str, values: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse keys that are not known. Raises UserError."""
    if unknown := [str(key) for key in values if key not in known]:
        raise UserError(f"Unknown keys in {name}: {', '.join(unknown)}; known are {', '.join(known)}.")


def read_adapter(checkpoint: Checkpoint, base: Mapping[str, Slot]) -> dict[str, Factors]:
    """An adapter as PEFT stores it, its configuration beside it, checked against the base it is to be folded into.

    Raises:
        UserError: no configuration, or one that asks for more than factors. MergeError: it changes a matrix that the
            base lacks or that has another shape.
    """
    from safetensors.torch import load_file

    from pipelines.merging.lora import adapter_of

    scaling = scaling_of(checkpoint)
    read_slots(checkpoint.paths)  # headers are checked before the loader sees them
    state = {key: value for path in checkpoint.paths for key, value in load_file(path).items()}
    factors = adapter_of(state, scaling["lora_alpha"], is_rank_stabilised=scaling["use_rslora"])
    for key, change in factors.items():
        _check_change(checkpoint.name, key, change, base)
    return factors


def scaling_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """What an adapter's configuration decides of its change, beside the factors; nothing of a full checkpoint.

    Raises:
        UserError: as `read_adapter`.
    """
    if checkpoint.kind == "full":
        return {}
    config = _adapter_config(checkpoint)
    return {"lora_alpha": config["lora_alpha"], "use_rslora": bool(config.get("use_rslora"))}


def _adapter_config(checkpoint: Checkpoint) -> dict[str, Any]:
    path = checkpoint.paths[0].with_name("adapter_config.json")
    try:
        config = dict(mapping(path.name, json.loads(path.read_text())))
    except (OSError, ValueError) as error:
        raise UserError(f"{checkpoint.name}: an adapter needs its {path.name} beside it.") from error
    if not isinstance(config.get("lora_alpha"), int | float):
        raise UserError(f"{checkpoint.name}: {path.name} has no number lora_alpha.")
    if odd := [key for key in UNREAD if config.get(key)]:
        raise UserError(
            f"{checkpoint.name}: {path.name} sets {odd[0]}; fold it into a checkpoint with its own library."
        )
    if (start := config.get("init_lora_weights")) not in PLAIN_STARTS:
        raise UserError(
            f"{checkpoint.name}: {path.name} sets init_lora_weights to {start!r}; true, false and gaussian are "
            "read. Other starts, such as PiSSA, OLoRA, CorDA and LoftQ, change the base, and the factors belong to the "
            "changed one: convert it into a plain adapter, or fold it into a checkpoint, with its own library."
        )
    return config


def factor_bytes(checkpoint: Checkpoint) -> int:
    """What the factors of an adapter take, which are held throughout a merge; 0 of a full checkpoint."""
    slots = read_slots(checkpoint.paths).values() if checkpoint.kind == "lora" else ()
    return sum(slot.stop - slot.start for slot in slots)


def _check_change(name: str, key: str, change: Factors, base: Mapping[str, Slot]) -> None:
    import torch

    wanted = (change.up.shape[0], change.down.shape[1])
    shape = base[key].shape if key in base else ()
    if not shape or (shape[0], base[key].count // max(1, shape[0])) != wanted:
        has = f"{shape}" if shape else "nothing"
        raise MergeError(f'adapter "{name}" changes {key} of {wanted}, the base has {has}: it is of another network')
    if not all(bool(torch.isfinite(half).all()) for half in (change.up, change.down)):
        raise MergeError(f'adapter "{name}" has factors of {key} that are not finite: it is damaged')


def folded(base: Mapping[str, Tensor], factors: Mapping[str, Factors]) -> dict[str, Tensor]:
    """A piece of the base with the adapter's change in it, in float32 where it changes."""
    from pipelines.merging.lora import folded as fold

    changed = {key: change for key, change in factors.items() if key in base}
    wide = {key: value.float() if key in changed else value for key, value in base.items()}
    return fold(wide, [changed], [1.0])
