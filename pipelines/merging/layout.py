"""Where each merged tensor lies in the flat buffers, and what becomes of every key of a state dict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from pipelines.merging.errors import MergeError

Weights = Mapping[str, Tensor]

ALIGNMENT = 64  # elements: vector loads never straddle two tensors
LENGTH_STEP = 16384  # elements: the whole buffer is a multiple, so no tile has a ragged end
STATISTICS = ("running_mean", "running_var")  # how the keys of a batch-norm's statistics end
QUANTISED = (torch.int8, torch.uint8, torch.int32, torch.int64)  # in which weights are packed; int32 and int64 by GPTQ


@dataclass(frozen=True)
class Slot:
    """One merged tensor inside a flat buffer: elements start to stop, stop excluded."""

    key: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Layout:
    """Slots in module order; between and after them lie zeros that round every start up to ALIGNMENT elements."""

    slots: tuple[Slot, ...]
    length: int

    @property
    def count(self) -> int:
        """Merged parameters P, padding not counted."""
        return sum(slot.stop - slot.start for slot in self.slots)

    @classmethod
    def of(cls, shapes: Iterable[tuple[str, tuple[int, ...]]]) -> Layout:
        slots, start = [], 0
        for key, shape in shapes:
            stop = start + torch.Size(shape).numel()
            slots.append(Slot(key, shape, start, stop))
            start = round_up(stop, ALIGNMENT)
        return cls(tuple(slots), max(round_up(start, LENGTH_STEP), LENGTH_STEP))


def round_up(value: int, step: int) -> int:
    """The smallest multiple of `step` that is at least `value`."""
    return -(-value // step) * step


def beside(tensor: Tensor) -> AbstractContextManager[object]:
    """Within it new tensors are made where this one lies; on the processor that is nothing and costs nothing."""
    return nullcontext() if tensor.device.type == "cpu" else tensor.device


def same_bits(first: Tensor, second: Tensor) -> bool:
    """Equal to the bit as float32: tells -0.0 from 0.0."""
    return torch.equal(as_float32(first).view(torch.int32), as_float32(second).view(torch.int32))


def as_float32(tensor: Tensor) -> Tensor:
    """Flat contiguous float32 values, (numel,); shares memory where it can."""
    return tensor.detach().reshape(-1).float()


def check_same_names_and_shapes(base: Weights, task: str, expert: Weights) -> None:
    """Refuse an expert of another network.

    Raises:
        MergeError: names the expert, the key and both shapes.
    """
    check_same_names(base, task, expert)
    for key, tensor in base.items():
        _check_alike(key, tensor, task, expert[key])


def check_same_names(base: Weights, task: str, expert: Weights) -> None:
    """Refuse an expert with other tensors. Raises MergeError that names the expert and the key."""
    missing, extra = sorted(base.keys() - expert.keys()), sorted(expert.keys() - base.keys())
    if missing:
        raise MergeError(f'expert "{task}" lacks {_first_of(missing)}, which the base has: it is another network')
    if extra:
        raise MergeError(f'expert "{task}" has {_first_of(extra)}, which the base lacks: it is another network')


def _check_alike(key: str, base: Tensor, task: str, expert: Tensor) -> None:
    if expert.shape != base.shape:
        raise MergeError(
            f'expert "{task}" has {key} of {tuple(expert.shape)}, base has {tuple(base.shape)}: '
            "both must come from the same network"
        )
    if expert.is_floating_point() != base.is_floating_point():
        raise MergeError(f'expert "{task}" has {key} as {expert.dtype}, base has {base.dtype}')
    check_not_quantised(key, tuple(base.shape), base, task, expert)


def check_not_quantised(key: str, shape: tuple[int, ...], base: Tensor, task: str, expert: Tensor) -> None:
    """Refuse whole numbers that look like weights: a matrix of them that the expert has moved. Counters have no axes,
    and tables of positions are the same in every expert.

    Args:
        shape: of the whole tensor; `base` and `expert` may be a stretch of it.

    Raises:
        MergeError: names the key.
    """
    if len(shape) >= 2 and base.dtype in QUANTISED and not torch.equal(base, expert):
        raise MergeError(
            f'expert "{task}" has {key} of {shape} in {base.dtype} with other values than the base: quantised weights '
            "must be dequantised first; save base and experts as float16, bfloat16 or float32"
        )


def _first_of(keys: Sequence[str]) -> str:
    return keys[0] if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more keys"


def check_finite(owner: str, weights: Weights) -> None:
    """Refuse nan and infinity, and what float32 cannot hold, naming the key."""
    for key, tensor in weights.items():
        if not is_finite(tensor):
            raise MergeError(f"{owner} has values in {key} that are not finite: the checkpoint is damaged")
        if tensor.dtype == torch.float64 and not is_finite(tensor.float()):
            raise MergeError(
                f"{owner} has values in {key} beyond 3.4e38, the range of float32, in which weights are merged: store "
                f"{key} in smaller numbers, or leave it out of every checkpoint"
            )


def is_finite(tensor: Tensor) -> bool:
    """Neither nan nor infinity in it. The largest and the smallest tell, without a mask of its size."""
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    low, high = torch.aminmax(tensor)
    return bool(torch.isfinite(low)) and bool(torch.isfinite(high))


def tied_names(base: Weights) -> dict[str, str]:
    """Second name of a storage -> its first name, among tensors that are the same view of the same memory."""
    first_names: dict[tuple[object, ...], str] = {}
    tied = {}
    for key, tensor in base.items():
        if tensor.numel() and tensor.is_floating_point():
            place = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)
            first = first_names.setdefault(place, key)
            if first != key:
                tied[key] = first
    return tied


def classify(base: Weights, experts: Mapping[str, Weights]) -> dict[str, str]:
    """Key -> MERGE, FROZEN (no expert moved it), COPY (not a float: the base's is taken), BN_STAT (statistics of a
    batch-norm: the base's are taken) or TIED (a second name).

    Statistics are no weights: a sum of task vectors can make a variance negative, and even their average is not that of
    the mix. Those of the base are at least of one network; the mix needs its own, from samples.
    """
    tied = tied_names(base)
    classes = {}
    for key, tensor in base.items():
        if not tensor.is_floating_point():
            classes[key] = "COPY"
        elif key in tied:
            _check_still_tied(key, tied[key], experts)
            classes[key] = "TIED"
        else:
            is_frozen = all(same_bits(tensor, expert[key]) for expert in experts.values())
            classes[key] = "FROZEN" if is_frozen else "BN_STAT" if key.endswith(STATISTICS) else "MERGE"
    return classes


def _check_still_tied(key: str, first: str, experts: Mapping[str, Weights]) -> None:
    for task, expert in experts.items():
        if not same_bits(expert[key], expert[first]):
            raise MergeError(f'{key} and {first} are one tensor in the base, but differ in expert "{task}"')


def check_blocks(keys: Iterable[str], blocks: Sequence[tuple[str, str]]) -> None:
    """Refuse (name, glob) blocks that leave a key out or claim it twice."""
    for key in keys if blocks else ():
        owners = [name for name, glob in blocks if fnmatchcase(key, glob)]
        if len(owners) != 1:
            raise MergeError(f"{key} belongs to {' and '.join(owners) or 'no block'}: it must belong to exactly one")
