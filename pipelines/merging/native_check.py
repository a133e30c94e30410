"""Whether the native engine gives the bits of the tensor operations, tried on a small family of odd numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipelines.merging.arena import Arena
from pipelines.merging.bit_counts import bits_of
from pipelines.merging.layout import same_bits
from pipelines.merging.recipe import BlockRule, MaskChoice, MergeRecipe

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.native import Kernels

WEIGHTS = (1.0, 0.7, -0.4, 0.3, -1.0, 1.5, 0.2, 0.9, -0.6)  # a kernel for every number of experts, and one for more
COUNT = 2500  # more than two blocks of lanes, and not a multiple of any vector


def is_exact(kernels: Kernels) -> bool:
    """Merge everything that the engine serves both ways, with one expert, two, and so on."""
    base, *experts = odd_vectors(1 + len(WEIGHTS))
    tasks = {f"task{i}": {"w": base + 0.1 * vector} for i, vector in enumerate(experts)}
    chosen = [dict(list(tasks.items())[:count]) for count in range(1, 1 + len(WEIGHTS))]

    def is_right(some: list[dict[str, dict[str, Tensor]]]) -> bool:
        return all(agrees(kernels, base, one, is_compact) for one in some for is_compact in (False, True))

    with kernels.streaming_from(0):
        if not is_right([chosen[0], *chosen[-2:]]):
            return False
    return packs_alike(kernels) and is_right(chosen)


def packs_alike(kernels: Kernels) -> bool:
    """Whether bits of a plane are those of the tensor operations, at every level."""
    import torch

    plane = torch.arange(256, dtype=torch.uint8).repeat(2)[
        torch.randperm(512, generator=torch.Generator().manual_seed(0))
    ]
    return all(
        torch.equal(bits_of(plane, level, kernels), bits_of(plane, level, None)) for level in (0, 1, 127, 128, 255)
    )


def agrees(kernels: Kernels, base: Tensor, tasks: dict[str, dict[str, Tensor]], is_compact: bool = False) -> bool:
    """Whether both engines merge these experts to the same bits."""
    native = Arena.from_checkpoints({"w": base}, tasks, engine=lambda: kernels, is_compact=is_compact)
    eager = Arena.from_checkpoints({"w": base}, tasks, engine=lambda: None, is_compact=is_compact)
    return all(same_bits(native.merge(recipe).flat, eager.merge(recipe).flat) for recipe in recipes(native.tasks))


def odd_vectors(count: int) -> list[Tensor]:
    """Numbers of all sizes with ties, zeros of both signs and subnormals among them, (COUNT,) each."""
    import torch

    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(count, COUNT, generator=generator)
    vectors[:, ::3] = torch.randint(-2, 3, vectors[:, ::3].shape, generator=generator) / 64.0
    vectors[:, 1::7] *= 1e-42
    vectors[:, 2::11] = -0.0
    return list(vectors)


def recipes(tasks: tuple[str, ...]) -> Iterator[MergeRecipe]:
    """Every kernel with each of its branches; a recipe that comes twice is taken from the remembered votes."""
    faders = tuple(zip(tasks, WEIGHTS, strict=False))
    yield MergeRecipe("task_arithmetic", faders, 0.8)
    yield MergeRecipe("average", faders, 0.8)
    for aggregate in ("mean", "sum"):
        for density in (0.3, 1.0):
            yield MergeRecipe("ties", faders, 0.8, (("density", density), ("aggregate", aggregate)))
    for vector in ("sum", "ties"):
        for compare in ("gt", "ge"):
            masks = MaskChoice("union", tasks[:2], compare=compare)
            rules = (BlockRule("*", -0.9 if compare == "ge" else 1.0),)
            yield from 2 * [MergeRecipe("tall_masks", faders, 0.8, (("vector", vector),), masks, rules)]
