"""How a merge of files is cut into pieces, and how much memory a piece takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.registry import method
from pipelines.shared.checkpoint_slots import Slot
from pipelines.shared.errors import UserError

MEMORY_BYTES = 10**9
LEAST_PIECE = 1 << 14  # the flat buffers come in steps of this many weights
HISTOGRAM_BYTES = 1 << 19  # of the sizes of an expert's weights
BY_ELEMENT = ("task_arithmetic", "average", "tall_masks", "consensus")  # no weight depends on another one


@dataclass(frozen=True)
class Cut:
    """A tensor, or its elements start to stop (excluded); `stop` None is the whole of it."""

    key: str
    start: int = 0
    stop: int | None = None


@dataclass(frozen=True)
class Job:
    """Tensors of the base and of every expert, elements merged at once, and what that takes at most.

    `is_split`: a tensor larger than a piece is cut too.
    """

    slots: Sequence[Mapping[str, Slot]]
    piece: int
    is_split: bool
    bound_bytes: int


def is_local(recipe: MergeRecipe) -> bool:
    """Whether no merged tensor depends on another tensor of the checkpoints, but for the sign of votes that cancel, so
    that pieces can be merged.
    """
    settings, is_masked = recipe.full_settings(), recipe.masks.mode != "off"
    if recipe.method in ("tall_masks", "consensus"):
        return settings.get("vector") == "sum"
    return (recipe.method == "emr" and not is_masked) or method(recipe.method).is_piecewise(settings)


def elects(recipe: MergeRecipe) -> bool:
    """Whether several experts vote for the sign of a weight, and a vote that cancels is decided over all weights."""
    settings, heard = recipe.full_settings(), sum(recipe.coefficient(task) != 0 for task, _ in recipe.coefficients)
    return heard > 1 and (recipe.method == "ties" or settings.get("combine", "linear") != "linear")


def job_of(
    recipe: MergeRecipe, slots: Sequence[Mapping[str, Slot]], adapter_bytes: int, piece: int | None, memory_bytes: int
) -> Job:
    """The job that fits into `memory_bytes`; `piece` given, that many elements at once.

    Args:
        adapter_bytes: factors of adapters, which are held throughout; 0 where there are none.

    Raises:
        UserError: whole vectors, the adapters or one tensor do not fit into `memory_bytes`, or into what is free.
    """
    least = 4 if adapter_bytes else 1  # an adapter is folded in float32
    each = bytes_of_element(slots, has_masks=recipe.method in ("tall_masks", "consensus"), least_width=least)
    largest = max((slot.count for slot in slots[0].values()), default=0)
    work = max((work_bytes(recipe.method, len(slots) - 1, slot.shape) for slot in slots[0].values()), default=0)
    if not is_local(recipe):
        whole = sum(slot.count for slot in slots[0].values())
        needed = each * whole + work + HISTOGRAM_BYTES * len(slots) + adapter_bytes
        _check_whole(recipe, needed, memory_bytes)
        return Job(slots, whole, False, needed)
    is_split = recipe.method in BY_ELEMENT and not adapter_bytes
    if piece is None and adapter_bytes:
        _check_room(adapter_bytes, each * LEAST_PIECE, memory_bytes)
    size = piece or max(LEAST_PIECE, (memory_bytes - work - adapter_bytes) // each)
    at_once = size if is_split else max(size, largest)
    if piece is None and at_once > size:
        raise UserError(
            f"One tensor has {largest:,} weights, and {recipe.method} looks at tensors as a whole: that takes "
            f"{(each * largest + work + adapter_bytes) / 1e9:.2f} GB and {memory_bytes / 1e9:.2f} GB are allowed. "
            "Allow more with --memory.",
            title="Not enough memory",
        )
    return Job(slots, size, is_split, each * at_once + work + adapter_bytes)


def bytes_of_element(slots: Sequence[Mapping[str, Slot]], has_masks: bool, least_width: int = 1) -> int:
    """Memory for one weight of all files: as stored, as float32 in the base's buffer and the task vectors, with the
    places where a sum does not give the expert back, the mix before and after rounding, and remembered masks.
    """
    count = len(slots)
    width = max(least_width, max((slot.width for one in slots for slot in one.values()), default=4))
    return count * (width + 4) + 12 * (count - 1) + 24 + (4 * count if has_masks else 0)


def work_bytes(name: str, experts: int, shape: tuple[int, ...]) -> int:
    """Memory that a method takes for one tensor that it looks at as a whole, beside `bytes_of_element`.

    Of spectra, for each weight in float64: all matrices while they are stacked, the factors of each, a matrix being
    decomposed with its workspace; of WUDI also products of inputs, (in, in) for each expert. Of the others: members,
    their squares, ranks and draws. Measured for one expert, with what `bytes_of_element` says (48): TSV 129, Iso-CTS
    143, WUDI 122 bytes for each weight of a matrix of (1318, 2048); stated are 168, 168 and 205.
    """
    if name in BY_ELEMENT:
        return 0
    count = math.prod(shape)
    if method(name).group != "spectra":
        return (12 * experts + 32) * count + HISTOGRAM_BYTES * (experts + 1)
    products = count * count // max(shape[0], 1) ** 2 if name == "wudi" and len(shape) > 1 else 0
    return (24 * experts + 96) * count + 8 * (experts + 2) * products


def pieces(slots: Mapping[str, Slot], most: int, is_split: bool) -> Iterator[list[Cut]]:
    """Tensors in order, in groups of at most `most` weights each.

    A larger tensor is a group of its own, or cut into several.
    """
    group: list[Cut] = []
    count = 0
    for key, slot in slots.items():
        if group and count + slot.count > most:
            yield group
            group, count = [], 0
        if is_split and slot.count > most:
            yield from ([Cut(key, start, min(start + most, slot.count))] for start in range(0, slot.count, most))
        else:
            group.append(Cut(key))
            count += slot.count
    if group:
        yield group


def _check_room(adapter_bytes: int, piece_bytes: int, memory_bytes: int) -> None:
    if adapter_bytes + piece_bytes > memory_bytes:
        raise UserError(
            f"The adapters take {adapter_bytes / 1e6:.1f} MB, and the smallest piece of the merge beside them "
            f"{piece_bytes / 1e6:.1f} MB; {memory_bytes / 1e6:.1f} MB are allowed. Allow more with --memory.",
            title="Not enough memory",
        )


def _check_whole(recipe: MergeRecipe, needed: int, memory_bytes: int) -> None:
    if needed > memory_bytes:
        record = method(recipe.method)
        settings = ", ".join(f"{name}: {' or '.join(values)}" for name, values in record.piecewise_when or ())
        way = f"{record.title} with {settings} is" if settings else "Methods such as task arithmetic and SLERP are"
        raise UserError(
            f"{record.title} looks at whole task vectors here: that takes {needed / 1e9:.2f} GB, and "
            f"{memory_bytes / 1e9:.2f} GB are allowed. Allow more with --memory {math.ceil(needed / 1e7) / 100}. "
            f"{way} merged piece by piece.",
            title="Not enough memory",
        )
    _check_free(needed)


def _check_free(needed: int) -> None:
    from pipelines.shared.device import free_bytes

    free = free_bytes("cpu")
    if needed > free:
        raise UserError(
            f"This merge needs about {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free. Methods without an "
            "election over the whole, such as task arithmetic and SLERP, are merged piece by piece.",
            title="Not enough memory",
        )
