"""A whole family in one file: the base, one merged vector, and a mask for each task (TALL-masks, arXiv:2405.07813).

    2 d P + T P bits for P moved weights of d bits, d bits for each other weight, and a header that is kept small:
    tensors lie end to end, and their names and shapes are stored deflated.

Masks are cut against the vector as it is stored, so that mask and vector agree. The file is safetensors.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from pipelines.merging.recipe import MaskChoice, MergeRecipe
from pipelines.merging.recipe_form import recipe_hash, recipe_to_dict
from pipelines.shared.entropy_coding import (
    decode,
    decode_masks,
    encode_masks,
    pack_planes,
    planes_bytes,
    unpack_planes,
)
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from pipelines.merging.arena import Arena

FORMAT = "mixdeck-tall-1"
ABOUT = "mixdeck:tall"
MOST_LAYOUT_BYTES = 64 << 20
LARGEST_EXPONENT = 15  # of the stored vector's largest entry: what fp16 holds, with a factor of 2 to spare
FORMS = ("planes", "coded")
LARGEST_SHIFT = 200  # float32 goes from 2^-149 to 2^128
FIELDS = {"tasks": list, "recipe": dict, "exponent": int, "masks": str, "sha256": str, "layout": str}


@dataclass(frozen=True)
class TallArchive:
    """What the file holds.

    Attributes:
        base: the base's state dict, in the dtypes that it is stored in, sorted by name.
        moved: names of the tensors that experts moved, sorted; the vector and the masks are laid over these.
        tied: second name of a tensor -> its first. The file holds such a tensor once.
        vector: the merged vector of the moved weights, (P,) float32.
        masks: (T, P) bool, in order of `tasks`.
        recipe: how masks and vector were made; its masks have a lambda for each task.
    """

    base: Mapping[str, Tensor]
    moved: tuple[str, ...]
    tasks: tuple[str, ...]
    vector: Tensor
    masks: np.ndarray
    recipe: MergeRecipe
    tied: Mapping[str, str] = field(default_factory=dict)

    def expert(self, task: str) -> dict[str, Tensor]:
        """base + mask of the task * vector: the task's network, in the base's dtypes.

        Raises:
            UserError: no such task.
        """
        import torch

        if task not in self.tasks:
            raise UserError(f"The archive has no task {task!r}; it holds {', '.join(self.tasks)}.")
        mask = torch.from_numpy(self.masks[self.tasks.index(task)])
        change = torch.where(mask, self.vector, 0.0)
        expert, start = dict(self.base), 0
        for key in self.moved:
            base = self.base[key]
            part = change[start : start + base.numel()].view(base.shape)
            expert[key] = (base.float() + part).to(base.dtype)
            start += base.numel()
        return expert | {second: expert[first] for second, first in self.tied.items()}


@dataclass(frozen=True)
class Sizes:
    """Bytes of a file, part by part, and what the formula says of it."""

    base: int
    vector: int
    masks: int
    header: int
    formula: float
    form: str

    @property
    def total(self) -> int:
        return self.base + self.vector + self.masks + self.header


def build_archive(arena: Arena, recipe: MergeRecipe, dtypes: Mapping[str, Any] | str = "float16") -> TallArchive:
    """The archive of a family.

    Args:
        recipe: of method tall_masks; all heard tasks get a mask, whichever of them it lays over the vector.
        dtypes: of the stored base, by name, or one for all floats; the vector is stored in the moved tensors' own, in
            float32 where they differ.

    Raises:
        UserError: a recipe of another method, or of no task.
    """
    import torch

    from pipelines.merging.masks import merged_vector, task_masks

    tasks = tuple(task for task in arena.tasks if recipe.coefficient(task) != 0)
    if recipe.method != "tall_masks" or not tasks:
        raise UserError("An archive wants a recipe of TALL-masks with at least one raised expert.")
    mixture = replace(arena.mixture(with_mask_of(recipe, tasks[0])), selected=tasks)
    merged_of = merged_vector(mixture, str(recipe.full_settings()["vector"]))
    views = arena.views(arena.base)
    base = {key: _stored(views[key], _dtype_of(dtypes, key)) for key in sorted(views)}
    base |= {second: base[first] for second, first in arena.tied.items()}
    tiles = {slot.key: tile for slot, tile in sorted(mixture.slots(), key=lambda pair: pair[0].key)}
    vector = torch.cat([torch.zeros(0), *map(merged_of, tiles.values())])
    vector = _rounded(vector, _vector_dtype(base, tiles))
    masks, start = torch.zeros(len(tasks), len(vector), dtype=torch.bool), 0
    for tile in tiles.values():
        stop = start + tile.stop - tile.start
        for task, mask in task_masks(mixture, tile, vector[start:stop]):
            masks[tasks.index(task), start:stop] = mask.bool()
        start = stop
    return TallArchive(base, tuple(tiles), tasks, vector, masks.numpy(), with_mask_of(recipe, tasks[0]), arena.tied)


def with_mask_of(recipe: MergeRecipe, task: str) -> MergeRecipe:
    """The recipe with the mask of one task laid over the vector."""
    return replace(recipe, masks=replace(recipe.masks, mode="task", tasks=(task,)))


def tall_recipe(
    tasks: Sequence[str], thresholds: Mapping[str, float] | None = None, vector: str = "sum"
) -> MergeRecipe:
    """A recipe of masks for these tasks; lambda 0.4 where none is given."""
    masks = MaskChoice("task", (tasks[0],), tuple((thresholds or {}).items()))
    return MergeRecipe("tall_masks", tuple((task, 1.0) for task in tasks), settings=(("vector", vector),), masks=masks)


def write_archive(archive: TallArchive, path: Path, form: str = "coded") -> Sizes:
    """Write it; gives its bytes.

    Args:
        form: "planes" (bits as they are) or "coded" (masks of all tasks coded together, where that is smaller).
    """
    import numpy as np
    import torch
    from safetensors.torch import save_file

    planes = pack_planes(archive.masks)
    coder, masks = ("planes", planes)
    if form == "coded":
        coder, masks = min((("planes", planes), encode_masks(archive.masks, _exponents(archive.vector))),
                           key=lambda pair: len(pair[1]))  # fmt: skip
    once = {key: tensor for key, tensor in archive.base.items() if key not in archive.tied}
    tensors = {f"base.{dtype}": flat for dtype, flat in _flat_base(once).items()}
    scaled, exponent = _scaled(archive.vector, _vector_dtype(archive.base, archive.moved))
    tensors |= {"vector": scaled, "masks": torch.from_numpy(np.frombuffer(masks, np.uint8).copy())}
    about = {
        "format": FORMAT,
        "tasks": list(archive.tasks),
        "recipe": recipe_to_dict(archive.recipe),
        "recipe_hash": recipe_hash(archive.recipe),
        "weights": len(archive.vector),
        "exponent": exponent,
        "masks": coder,
        "sha256": hashlib.sha256(planes).hexdigest(),
        "layout": _packed_layout(once, archive.moved),
        "tied": dict(archive.tied),
    }
    save_file(tensors, path, {ABOUT: json.dumps(about, separators=(",", ":"))})
    return _sizes(tensors, path, archive, coder)


def read_archive(path: Path) -> TallArchive:
    """The archive in a file.

    Raises:
        UserError: not an archive of this form, or damaged.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    from pipelines.merging.recipe_form import recipe_from_dict

    try:
        with safe_open(path, "pt") as file:
            about = archive_of(file.metadata())
            if about is None or about.get("format") != FORMAT:
                raise UserError(f"{path.name} is no TALL archive.", title="Format not accepted")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise UserError(f"{path.name} is damaged ({error}).", title="Weights are damaged") from error
    _check_fields(path.name, about, tensors)
    _check_tasks(path.name, about["tasks"])
    tied = about.get("tied", {})  # older files hold a tensor under each of its names
    base, moved = _unpacked_base(about["layout"], tensors, tied)
    vector = torch.ldexp(tensors["vector"].float(), torch.tensor(-about["exponent"]))
    masks = _read_masks(about, tensors["masks"].numpy().tobytes(), vector)
    tasks = tuple(about["tasks"])
    return TallArchive(base, moved, tasks, vector, masks, recipe_from_dict(about["recipe"], tasks), tied)


def archive_of(metadata: Mapping[str, str] | None) -> dict[str, Any] | None:
    """What a file's metadata say of an archive; None for another file. Raises UserError: they cannot be read."""
    text = (metadata or {}).get(ABOUT)
    try:
        return None if text is None else dict(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"The archive's entry {ABOUT} is damaged.", title="Weights are damaged") from error


def formula_bytes(moved: int, other: int, tasks: int, bits: int = 16) -> float:
    """(2 d + T) P bits for the moved weights, d for each of the others; in bytes (arXiv:2405.07813, section 5)."""
    return ((2 * bits + tasks) * moved + bits * other) / 8


def _check_fields(name: str, about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Refuse an archive in which something is missing or of another type. Raises UserError that names the field."""
    import torch

    sound = {field: isinstance(about.get(field), kind) for field, kind in FIELDS.items()}
    sound["tied"] = isinstance(about.get("tied", {}), dict)
    sound["exponent"] = sound["exponent"] and abs(about["exponent"]) <= LARGEST_SHIFT
    vector, masks = tensors.get("vector"), tensors.get("masks")
    sound["tensor vector"] = vector is not None and vector.is_floating_point() and vector.ndim == 1
    sound["tensor masks"] = masks is not None and masks.dtype == torch.uint8
    if odd := [field for field, is_sound in sound.items() if not is_sound]:
        raise UserError(
            f"{name} is a damaged archive: its {odd[0]} is missing or not what an archive has there; get the file "
            "again, or pack the checkpoints again.", title="Weights are damaged",
        )  # fmt: skip


def _check_tasks(name: str, tasks: Sequence[Any]) -> None:
    """Refuse names that make no file of their own beside base.safetensors. Raises UserError that quotes one."""
    if odd := [task for task in tasks if not _is_file_name(task)]:
        raise UserError(
            f"{name} has a task called {str(odd[0])[:80]!r}: a task's name becomes a file's, so it is plain text "
            'without folders, and not "base".', title="Weights are damaged",
        )  # fmt: skip
    if not tasks or len(set(tasks)) < len(tasks):
        raise UserError(f"{name} is a damaged archive: its tasks should be names, none twice; came {tasks[:8]}.")


def _is_file_name(name: Any) -> bool:
    """Whether a text stays in its folder as a file's name, here and on Windows, and is not that of the base."""
    if not isinstance(name, str) or not name.isprintable():
        return False
    return PureWindowsPath(name).name == name and name not in ("", ".", "..", "base")


def _read_masks(about: Mapping[str, Any], content: bytes, vector: Tensor) -> np.ndarray:
    tasks, coder = len(about["tasks"]), about["masks"]
    if coder == "planes":
        decode("raw", content, planes_bytes(tasks, len(vector)))
        masks = unpack_planes(content, tasks, len(vector))
    else:
        masks = decode_masks(coder, content, tasks, _exponents(vector))
    if hashlib.sha256(pack_planes(masks)).hexdigest() != about["sha256"]:
        raise UserError("The masks of the archive are damaged.", title="Weights are damaged")
    return masks


def _exponents(vector: Tensor) -> np.ndarray:
    """Exponents of float32 numbers, (P,) int32: the context that masks are coded in."""
    import torch

    return ((vector.view(torch.int32) >> 23) & 255).numpy()


def _dtype_of(dtypes: Mapping[str, Any] | str, key: str) -> Any:
    import torch

    return getattr(torch, dtypes) if isinstance(dtypes, str) else dtypes[key]


def _stored(tensor: Tensor, dtype: Any) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _vector_dtype(base: Mapping[str, Tensor], moved: Iterable[str]) -> Any:
    """The dtype of the moved tensors; of several, float32, in which the vector is reckoned and nothing is lost."""
    import torch

    dtypes = {base[key].dtype for key in moved} or {torch.float16}
    return dtypes.pop() if len(dtypes) == 1 else torch.float32


def _scaled(vector: Tensor, dtype: Any) -> tuple[Tensor, int]:
    """The vector in its dtype after a power of two, and that power: small entries stay out of fp16's subnormals."""
    import torch

    largest = vector.abs().max() if len(vector) else torch.tensor(1.0)
    exponent = LARGEST_EXPONENT - 1 - int(torch.frexp(largest).exponent)
    return torch.ldexp(vector, torch.tensor(exponent)).to(dtype), exponent


def _rounded(vector: Tensor, dtype: Any) -> Tensor:
    """The vector as a reader of the file will have it."""
    import torch

    scaled, exponent = _scaled(vector, dtype)
    return torch.ldexp(scaled.float(), torch.tensor(-exponent))


def _flat_base(base: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Dtype -> all tensors of it end to end, in the base's order."""
    import torch

    by_dtype: dict[str, list[Tensor]] = {}
    for tensor in base.values():
        by_dtype.setdefault(_name(tensor), []).append(tensor.reshape(-1))
    return {name: torch.cat(tensors) for name, tensors in by_dtype.items()}


def _name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _packed_layout(base: Mapping[str, Tensor], moved: Collection[str]) -> str:
    rows = [[key, list(t.shape), _name(t), int(key in moved)] for key, t in base.items()]
    return base64.b85encode(zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 9)).decode()


def _unpacked_base(
    layout: str, tensors: Mapping[str, Tensor], tied: Mapping[str, str]
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The base's tensors out of the flat ones, second names added, and the names of the moved.

    Raises:
        UserError: names and shapes do not fit the numbers there are.
    """
    damaged = UserError("The archive's list of tensors is damaged.", title="Weights are damaged")
    try:
        plain = zlib.decompressobj().decompress(base64.b85decode(layout), MOST_LAYOUT_BYTES)
        rows = json.loads(plain)
        base, starts = {}, dict.fromkeys(tensors, 0)
        for key, shape, dtype, _ in rows:
            source, flat = f"base.{dtype}", tensors[f"base.{dtype}"]
            count = 1
            for length in shape:
                count *= int(length)
            base[str(key)] = flat[starts[source] : starts[source] + count].view(shape)
            starts[source] += count
        base |= {second: base[first] for second, first in tied.items()}
    except (ValueError, KeyError, TypeError, RuntimeError, zlib.error) as error:
        raise damaged from error
    moved = tuple(str(key) for key, _, _, is_moved in rows if is_moved)
    if len(base) < len(rows) + len(tied) or sum(base[key].numel() for key in moved) != tensors["vector"].numel():
        raise damaged
    return dict(sorted(base.items())), moved


def _sizes(tensors: Mapping[str, Tensor], path: Path, archive: TallArchive, form: str) -> Sizes:
    parts = {key: tensor.numel() * tensor.element_size() for key, tensor in tensors.items()}
    base = sum(size for key, size in parts.items() if key.startswith("base."))
    moved = len(archive.vector)
    bits = 8 * tensors["vector"].element_size()
    formula = formula_bytes(moved, 0, len(archive.tasks), bits) + base - bits * moved / 8
    header = path.stat().st_size - sum(parts.values())
    return Sizes(base, parts["vector"], parts["masks"], header, formula, form)
