"""A tiny IGTR with random weights, as a network and as a family on disk, and a set of given crops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from pipelines.shared.family import Block, ModelFamily, ModelSpec
from pipelines.text_recognition.datasets import Word
from pipelines.text_recognition.igtr import IGTR, SHAPES


def build() -> IGTR:
    return IGTR(SHAPES["test"])


def random_network(seed: int = 0) -> IGTR:
    torch.manual_seed(seed)
    return build().eval().requires_grad_(False)


def make_family(folder: Path) -> ModelFamily:
    """Base and one expert, "curved"."""

    def spec(name: str, seed: int) -> ModelSpec:
        save_file(random_network(seed).state_dict(), folder / f"{name}.safetensors")
        return ModelSpec(f"igtr/{name}", f"folder:{folder / name}.safetensors", None, "Apache-2.0", name)

    return ModelFamily(
        "igtr", "text_recognition", "embedded", build, spec("base", 0), {"curved": spec("curved", 1)}, "",
        blocks=(Block("all", "*"),),
    )  # fmt: skip


@dataclass(frozen=True)
class FixedSet:
    """A set of these crops."""

    name: str
    made: tuple[Word, ...]
    is_case_sure: bool = True

    def words(self, limit: int | None = None) -> Iterator[Word]:
        return iter(self.made[:limit])
