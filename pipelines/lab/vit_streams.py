"""Where neurons of ShapesViT stand for each other: what optimal-transport fusion is told of the network.

Streams are the stem's channels, the residual stream, and inside each block heads and hidden neurons; q, k and v lie in
one tensor, so the network is taken apart before its neurons are moved, and joined after.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.lab.vit import ShapesViT, Sizes
from pipelines.merging.errors import MergeError
from pipelines.merging.feed import Alignment
from pipelines.merging.layout import Weights
from pipelines.merging.optimal_transport import Axes, Plan, Stream

MATRICES = ("q", "k", "v")


def depth(weights: Weights) -> int:
    """Blocks of the network."""
    return 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("blocks."))


def streams(weights: Weights) -> list[Stream]:
    """What is matched: the stem's channels, the residual stream, and inside each block heads and hidden neurons."""
    count = depth(weights)
    found = [Stream("first", ("stem.first",)), Stream("second", ("stem.second",))]
    found.append(Stream("width", ("stem.third", *(f"blocks.{number}" for number in range(count)))))
    for number in range(count):
        block = f"blocks.{number}"
        found += [Stream(f"{block}.{one}", (f"{block}.{one}",), heads=(4, 4)) for one in ("qk", "v")]
        found.append(Stream(f"{block}.ffn", (f"{block}.expand",)))
    return found


def axes(weights: Weights) -> Axes:
    """Key -> stream along each axis, of a network whose q, k and v are `apart`."""
    found: dict[str, tuple[str | None, ...]] = {"position": (None, None, "→width"), "prototypes": (None, "width")}
    sides = {"stem.first": ("first", None), "stem.second": ("second", "first"), "stem.third": ("width", "second")}
    for name, (out, into) in sides.items():
        found |= {f"{name}.weight": (out, into, None, None), f"{name}.bias": (out,)}
    norms = ["norm"]
    for number in range(depth(weights)):
        block = f"blocks.{number}"
        norms += [f"{block}.norm1", f"{block}.norm2"]
        inner = {"q": f"{block}.qk", "k": f"{block}.qk", "v": f"{block}.v", "expand": f"{block}.ffn"}
        for name, stream in inner.items():
            found |= {f"{block}.{name}.weight": (stream, "width"), f"{block}.{name}.bias": (stream,)}
        for name, stream in (("out", f"{block}.v"), ("shrink", f"{block}.ffn")):
            found |= {f"{block}.{name}.weight": ("width", stream), f"{block}.{name}.bias": ("width",)}
    return found | {f"{name}.{half}": ("width",) for name in norms for half in ("weight", "bias")}


def apart(weights: Weights) -> dict[str, Tensor]:
    """The same network with q, k and v as tensors of their own. Raises MergeError: their rows are no multiple of 3."""
    found: dict[str, Tensor] = {}
    for key, value in weights.items():
        name, _, half = key.rpartition(".")
        if name.endswith(".qkv"):
            if len(value) % len(MATRICES):
                raise MergeError(f"{key} has {len(value)} rows, for q, k and v they must be a multiple of 3")
            parts = zip(MATRICES, value.chunk(3), strict=True)
            found |= {f"{name.removesuffix('qkv')}{one}.{half}": part for one, part in parts}
        else:
            found[key] = value
    return found


def joined(weights: Weights) -> dict[str, Tensor]:
    """`apart` undone."""
    found = {}
    for key, value in weights.items():
        name, _, half = key.rpartition(".")
        block, _, one = name.rpartition(".")
        if one == MATRICES[0]:
            found[f"{block}.qkv.{half}"] = torch.cat([weights[f"{block}.{part}.{half}"] for part in MATRICES])
        elif one not in MATRICES[1:]:
            found[key] = value
    return found


def shuffles(weights: Weights, seed: int = 0) -> dict[str, Plan]:
    """A random order of every stream's neurons; heads move whole, those of q, k and v alike."""
    generator = torch.Generator().manual_seed(seed)
    split, found = apart(weights), {}
    widths = {names[0]: split[key].shape[0] for key, names in axes(weights).items() if names[0]}
    orders: dict[str, Tensor] = {}
    for stream in streams(weights):
        size, heads = widths[stream.name], stream.heads[0] or 1
        block = stream.name.rpartition(".")[0] if heads > 1 else stream.name
        order = orders.setdefault(block, torch.randperm(heads, generator=generator))
        inside = [torch.randperm(size // heads, generator=generator) for _ in range(heads)]
        places = torch.cat([number * (size // heads) + one for number, one in zip(order.tolist(), inside, strict=True)])
        found[stream.name] = Plan(torch.eye(size, dtype=torch.float64)[:, places] / size)
    return found


def activations(model: nn.Module, weights: Weights, pixels: Tensor) -> dict[str, Tensor]:
    """Site -> activations (samples, width) of a network with these weights on pictures; widths may be their own."""
    module = _as_wide_as(weights, model)
    with _listening(module) as found, torch.inference_mode():
        torch.func.functional_call(module, dict(weights), (pixels,))
    return found


def _as_wide_as(weights: Weights, model: nn.Module) -> nn.Module:
    """The network itself, or one for another residual width: LayerNorm alone insists on the width it was made for."""
    width = len(weights["norm.weight"])
    if width == len(model.get_parameter("norm.weight")):
        return model
    with torch.device("meta"):  # its own weights are never read
        return ShapesViT(Sizes(width=width)).eval()


@contextmanager
def _listening(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    found: dict[str, Tensor] = {}

    def keep(name: str, value: Tensor) -> None:
        rows = value.movedim(1, -1) if value.ndim == 4 else value
        rows = rows.reshape(-1, rows.shape[-1])
        if name.endswith(".qkv"):
            q, k, v = rows.chunk(3, -1)
            found[name.removesuffix("qkv") + "qk"] = torch.cat([q, k])
            found[name.removesuffix("qkv") + "v"] = v
        else:
            found[name] = rows

    def hook(name: str) -> Any:
        return lambda module, inputs, output: keep(name, output)

    heard = [(name, one) for name, one in model.named_modules() if _is_site(name)]
    handles = [one.register_forward_hook(hook(name)) for name, one in heard]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _is_site(name: str) -> bool:
    is_block = name.startswith("blocks.") and name.count(".") == 1
    return is_block or name.startswith("stem.") or name.endswith((".qkv", ".expand"))


VIT_ALIGNMENT = Alignment(apart, joined, streams, axes, activations, shuffles)
