"""Experts as lossless differences from their base: every bit comes back, in a fraction of the bytes.

Numbers are mapped to integers in order of size, so that neighbours differ by 1; an expert is stored as the differences
from the base, small steps of either sign as small numbers, a stream for each byte of them. Entries are sorted by the
base's exponent: where the base is large, a step is coarse and the difference is small.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.entropy_coding import decode, encode
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    Weights = Mapping[str, Tensor]

FORMAT = "mixdeck-delta-1"
ABOUT = "mixdeck:delta"
EXPONENT_BITS = {"float16": (10, 31), "bfloat16": (7, 255), "float32": (23, 255), "float64": (52, 2047)}


def encode_delta(base: Weights, expert: Weights) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The streams of an expert by name, uint8, and what a reader must know.

    Raises:
        UserError: names, shapes or dtypes are not the base's.
    """
    import numpy as np
    import torch

    _check_alike(base, expert)
    streams, entries = {}, {}
    for width, keys in _by_width(base).items():
        steps = np.concatenate([_bytes_of(_steps(base[key], expert[key]), width)[_context_order(base[key])]
                                for key in keys])  # fmt: skip
        for place in range(width):
            name = f"{8 * width}-bit.{place}"
            coder, coded = encode(steps[:, place].tobytes())
            entries[name] = coder
            streams[name] = torch.from_numpy(np.frombuffer(coded, np.uint8).copy())
    about = {"format": FORMAT, "coders": entries, "base": content_hash(base), "sha256": content_hash(expert)}
    return streams, about


def decode_delta(base: Weights, streams: Weights, about: Mapping[str, Any]) -> dict[str, Tensor]:
    """The expert, to the bit.

    Raises:
        UserError: another base than the one it was stored against, or a damaged stream.
    """
    import numpy as np

    if about.get("format") != FORMAT:
        raise UserError(f"Differences of form {about.get('format')!r}; {FORMAT} is read here.")
    if content_hash(base) != about.get("base"):
        raise UserError("This expert was stored as differences from another base.", title="Weights do not fit")
    expert: dict[str, Tensor] = {}
    for width, keys in _by_width(base).items():
        count = sum(base[key].numel() for key in keys)
        steps = np.empty((count, width), np.uint8)
        for place in range(width):
            name = f"{8 * width}-bit.{place}"
            content = decode(*_stream(about, streams, name), count)
            steps[:, place] = np.frombuffer(content, np.uint8)
        expert |= _taken(base, keys, steps)
    expert = {key: expert[key] for key in base}
    if content_hash(expert) != about.get("sha256"):
        raise UserError("The differences do not give the expert back: a stream is damaged.", "Weights are damaged")
    return expert


def write_delta(
    base: Weights,
    expert: Weights,
    path: Path,
    beside: str = "base.safetensors",
    metadata: Mapping[str, str] | None = None,
) -> int:
    """Store an expert as a safetensors file of its differences; gives its bytes.

    Args:
        beside: name of the base's file, which lies in the same folder.
    """
    from safetensors.torch import save_file

    streams, about = encode_delta(base, expert)
    about["beside"] = beside
    save_file(streams, path, {**(metadata or {}), ABOUT: json.dumps(about, separators=(",", ":"))})
    return path.stat().st_size


def base_of(about: Mapping[str, Any], path: Path) -> Path:
    """The base file that a file of differences names: a plain name, in the same folder.

    Raises:
        UserError: there is none.
    """
    base = path.with_name(Path(str(about.get("beside", "base.safetensors"))).name)
    if base == path or not base.is_file():
        raise UserError(
            f"{path.name} holds differences from {base.name}, which does not lie beside it.", "Base missing"
        )
    return base


def delta_of(metadata: Mapping[str, str] | None) -> dict[str, Any] | None:
    """What a file's metadata say of its differences; None for a file of plain weights.

    Raises:
        UserError: they cannot be read.
    """
    text = (metadata or {}).get(ABOUT)
    try:
        return None if text is None else dict(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"The entry {ABOUT} of the differences is damaged.", title="Weights are damaged") from error


def content_hash(weights: Weights) -> str:
    """SHA-256 over names, dtypes, shapes and bits, in order of name: the same however the file was written."""
    digest = hashlib.sha256()
    for key in sorted(weights):
        tensor = weights[key]
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(_raw(tensor).tobytes())
    return digest.hexdigest()


def is_alike(base: Weights, expert: Weights) -> bool:
    """Whether an expert can be stored as differences: the same names, shapes and dtypes."""
    forms = [{key: (tensor.shape, tensor.dtype) for key, tensor in weights.items()} for weights in (base, expert)]
    return forms[0] == forms[1]


def _stream(about: Mapping[str, Any], streams: Weights, name: str) -> tuple[str, bytes]:
    """Coder and content of a stream."""
    try:
        return str(about["coders"][name]), streams[name].numpy().tobytes()
    except (KeyError, TypeError) as error:
        raise UserError(f"The differences lack their stream {name}, or its coder: the file is damaged.",
                        title="Weights are damaged") from error  # fmt: skip


def _check_alike(base: Weights, expert: Weights) -> None:
    if odd := sorted(base.keys() ^ expert.keys()):
        raise UserError(f"Expert and base differ in the tensor {odd[0]}: differences need one network.")
    for key, tensor in base.items():
        other = expert[key]
        if (tensor.shape, tensor.dtype) != (other.shape, other.dtype):
            raise UserError(
                f"{key} is {other.dtype} {tuple(other.shape)} in the expert, {tensor.dtype} {tuple(tensor.shape)} in "
                "the base: differences need the same form."
            )


def _by_width(base: Weights) -> dict[int, list[str]]:
    """Bytes a number -> names, in the base's order."""
    widths: dict[int, list[str]] = {}
    for key in sorted(base):
        widths.setdefault(base[key].element_size(), []).append(key)
    return dict(sorted(widths.items()))


def _raw(tensor: Tensor) -> np.ndarray:
    """The bits of a tensor, (numel,), as unsigned integers of its width."""
    import numpy as np
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    content = flat.view(torch.uint8).numpy() if flat.numel() else np.zeros(0, np.uint8)
    return content.view(f"u{tensor.element_size()}")


def _ordered(tensor: Tensor) -> np.ndarray:
    """Integers in the order of the numbers, (numel,) uint64; a bijection of the bits, zeros of both signs too."""
    import numpy as np

    bits = _raw(tensor)
    if not tensor.is_floating_point():
        return bits.astype(np.uint64)
    sign = bits.dtype.type(1 << (8 * bits.itemsize - 1))
    return np.where(bits & sign, ~bits, bits | sign).astype(np.uint64)


def _steps(base: Tensor, expert: Tensor) -> np.ndarray:
    """Expert minus base in ordered integers, modulo 2^bits, as 0, -1, 1, -2, ... -> 0, 1, 2, 3, ...; uint64."""
    import numpy as np

    bits = 8 * base.element_size()
    wide = np.uint64(64 - bits)
    signed = ((_ordered(expert) - _ordered(base)) << wide).view(np.int64) >> np.int64(64 - bits)
    return (((signed << 1) ^ (signed >> 63)).view(np.uint64)) & np.uint64((1 << bits) - 1)


def _bytes_of(steps: np.ndarray, width: int) -> np.ndarray:
    """The low bytes of uint64 steps, lowest first, (numel, width) uint8: all tensors are held at once, so in little."""
    return steps.astype(f"<u{width}").view("u1").reshape(-1, width)


def _taken(base: Weights, keys: list[str], steps: np.ndarray) -> dict[str, Tensor]:
    """Tensors from the steps of all of them, (weights, width) uint8, each in its order of context."""
    import numpy as np

    expert, start = {}, 0
    for key in keys:
        order = _context_order(base[key])
        own = np.empty(len(order), np.uint64)
        own[order] = steps[start : start + len(order)].view(f"<u{steps.shape[1]}")[:, 0]
        expert[key] = _stepped(base[key], own)
        start += len(order)
    return expert


def _stepped(base: Tensor, steps: np.ndarray) -> Tensor:
    """The inverse of `_steps`."""
    import numpy as np
    import torch

    if not len(steps):
        return base.clone()
    signed = (steps >> np.uint64(1)) ^ (-(steps & np.uint64(1)).view(np.int64)).view(np.uint64)
    width = base.element_size()
    ordered = (_ordered(base) + signed).astype(f"u{width}")
    if base.is_floating_point():
        sign = ordered.dtype.type(1 << (8 * width - 1))
        ordered = np.where(ordered & sign, ordered ^ sign, ~ordered)
    return torch.from_numpy(ordered.view(np.uint8).copy()).view(base.dtype).reshape(base.shape)


def _context_order(tensor: Tensor) -> np.ndarray:
    """Places of a tensor's entries, sorted by the size of the base there; integers stay as they are."""
    import numpy as np

    name = str(tensor.dtype).removeprefix("torch.")
    if name not in EXPONENT_BITS:
        return np.arange(tensor.numel())
    shift, mask = EXPONENT_BITS[name]
    exponent = (_raw(tensor) >> shift) & mask
    return np.argsort(exponent, kind="stable")
