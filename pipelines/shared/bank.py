"""A family laid out in files as it is in memory: mapped instead of read, so opening it takes milliseconds.

    base, vector-0, vector-1 ...: safetensors files of one flat tensor each, their data behind a page's boundary
    others: the tensors that are not merged; exact: what brings each expert back to the bit
    bank.json: names, shapes and classes

Nothing is private memory until it is written to, which never happens: the system takes pages back when it must, and
several processes share them. A bank is a copy, good for as long as the checkpoints that it was made of are the same.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.checkpoint_slots import Slot, bytes_of, write_header
from pipelines.shared.family import ModelFamily
from pipelines.shared.weights import locate, remove_leftovers

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.arena import Arena, Expert

FORMAT = "mixdeck-bank-2"  # 2: statistics of batch-norms are the base's
ABOUT = "bank.json"
PAGE_BYTES, STAGGER_BYTES = 4096, 256  # streams that share their page offset evict each other
ROOM = 1.1  # of the bank's own size: what must be free on the disk

log = logging.getLogger(__name__)


@dataclass
class Banks:
    """The folder that keeps families laid out for the next start; one bank for each family and kind of vector."""

    folder: Path
    _writers: list[threading.Thread] = field(default_factory=list, repr=False)

    def opened(self, family: ModelFamily, vectors: str, assets: Path) -> Arena | None:
        """The family, mapped; None where there is no bank of these checkpoints, or a damaged one."""
        try:
            return open_bank(self._place(family, vectors, assets))
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.info("%s: no bank is opened (%s)", family.name, error)
            return None

    def keep(self, family: ModelFamily, vectors: str, assets: Path, arena: Arena) -> None:
        """Lay out what was loaded, in the background; older banks of the family go. A full disk is told in the log."""
        place = self._place(family, vectors, assets)
        writer = threading.Thread(target=self._write, args=(place, arena), name=f"bank of {family.name}")
        self._writers = [one for one in self._writers if one.is_alive()] + [writer]
        writer.start()

    def wait(self) -> None:
        """Until nothing is being written."""
        for writer in self._writers:
            writer.join()

    def _place(self, family: ModelFamily, vectors: str, assets: Path) -> Path:
        return self.folder / f"{family.name}-{vectors}-{fingerprint(family, vectors, assets)}"

    def _write(self, place: Path, arena: Arena) -> None:
        from safetensors import SafetensorError

        draft = place.with_name(f".{place.name}.{os.getpid()}.part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.folder)
            if shutil.disk_usage(self.folder).free < ROOM * arena.size_bytes:
                raise OSError(f"{arena.size_bytes / 1e9:.1f} GB are needed")
            write_bank(arena, draft)
            for older in self.folder.glob(f"{place.name.rpartition('-')[0]}-*"):
                shutil.rmtree(older)
            draft.rename(place)
        except (OSError, SafetensorError) as error:
            log.warning("No bank is kept at %s: %s", place, error)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def fingerprint(family: ModelFamily, vectors: str, assets: Path) -> str:
    """Of the checkpoints' files (places, sizes, times of change) and of what decides their layout, 16 hex digits.

    Raises:
        UserError: a checkpoint is missing.
    """
    files = [(spec.name, path.resolve(), path.stat()) for spec in (family.base, *family.experts.values())
             for path in locate(spec, assets)]  # fmt: skip
    content = [FORMAT, vectors, [[block.name, block.match] for block in family.blocks],
               [[name, str(path), about.st_size, about.st_mtime_ns] for name, path, about in files]]  # fmt: skip
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def write_bank(arena: Arena, folder: Path) -> None:
    """Lay a family out in `folder`, which is made.

    Raises:
        OSError: it is there already, or cannot be written.
    """
    from safetensors.torch import save_file

    from pipelines.merging.halves import Halves

    folder.mkdir()
    save_file({key: value.contiguous() for key, value in arena.others.items()}, folder / "others.safetensors")
    exact = {f"{name}.{task}": getattr(expert, name) for task, expert in arena.experts.items()
             for name in ("index", "values")}  # fmt: skip
    save_file(exact, folder / "exact.safetensors")
    _write_flat(folder / "base.safetensors", arena.base, 0)
    for number, expert in enumerate(arena.experts.values()):
        stored = expert.stored
        flat = stored.values if isinstance(stored, Halves) else stored
        _write_flat(_vector_path(folder, number), flat, 1 + number)
    (folder / ABOUT).write_text(json.dumps(_about(arena)))


def open_bank(folder: Path) -> Arena:
    """The family that lies in `folder`, mapped.

    Raises:
        OSError: no bank there. ValueError, KeyError or TypeError: it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from pipelines.merging.arena import Arena
    from pipelines.merging.layout import Layout

    about = json.loads((folder / ABOUT).read_text())
    if about["format"] != FORMAT:
        raise ValueError(f"it has form {about['format']!r}, not {FORMAT!r}")
    layout = Layout.of((key, tuple(shape)) for key, shape in about["shapes"])
    try:
        exact = load_file(folder / "exact.safetensors")
        others = load_file(folder / "others.safetensors")
        base = _read_flat(folder / "base.safetensors", layout)
        experts = {
            task: _expert(_read_flat(_vector_path(folder, number), layout), shift, task, exact)
            for number, (task, shift) in enumerate(about["shifts"].items())
        }
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return Arena(layout, base, experts, others, about["classes"], about["tied"], tuple(about["blocks"]),
                 tuple(about["notices"]), is_mapped=True)  # fmt: skip


def _about(arena: Arena) -> dict[str, Any]:
    from pipelines.merging.halves import Halves

    stored = {task: expert.stored for task, expert in arena.experts.items()}
    return {
        "format": FORMAT,
        "shapes": [[slot.key, list(slot.shape)] for slot in arena.layout.slots],
        "shifts": {task: one.shift if isinstance(one, Halves) else None for task, one in stored.items()},
        "classes": arena.key_classes,
        "tied": arena.tied,
        "blocks": arena.block_names,
        "notices": arena.notices,
    }


def _vector_path(folder: Path, number: int) -> Path:
    return folder / f"vector-{number}.safetensors"


def _write_flat(path: Path, flat: Tensor, number: int) -> None:
    dtype = "F16" if flat.element_size() == 2 else "F32"
    slot = Slot(path, 0, flat.nbytes, dtype, tuple(flat.shape))
    with path.open("xb") as file:
        write_header(file, {"flat": slot}, {"format": FORMAT}, PAGE_BYTES, number % 16 * STAGGER_BYTES)
        file.write(bytes_of(flat))


def _read_flat(path: Path, layout: Any) -> Tensor:
    from safetensors.torch import load_file

    flat = load_file(path)["flat"]
    if flat.shape != (layout.length,):
        raise ValueError(f"{path.name} holds {tuple(flat.shape)} numbers, not {layout.length}")
    return flat


def _expert(values: Tensor, shift: int | None, task: str, exact: Mapping[str, Tensor]) -> Expert:
    from pipelines.merging.arena import Expert
    from pipelines.merging.halves import Halves

    stored = values if shift is None else Halves(values, shift)
    return Expert(stored, exact[f"index.{task}"], exact[f"values.{task}"])
