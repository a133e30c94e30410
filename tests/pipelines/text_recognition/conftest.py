"""A tiny network with random weights, as a network and as a family on disk; crops to put before it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pipelines.shared.cache import ModelCache
from pipelines.shared.family import Block, ModelFamily, ModelSpec
from pipelines.text_recognition.igtr import IGTR, SHAPES
from pipelines.text_recognition.reader import Reader


def build() -> IGTR:
    return IGTR(SHAPES["test"])


def random_network(seed: int = 0) -> IGTR:
    torch.manual_seed(seed)
    return build().eval().requires_grad_(False)


@pytest.fixture(scope="session")
def network() -> IGTR:
    return random_network()


@pytest.fixture(scope="session")
def crops() -> list[np.ndarray]:
    """Five crops of unlike sizes, (H, W, 3) uint8; the last one is tall."""
    rng = np.random.default_rng(0)
    sizes = ((20, 60), (31, 64), (48, 48), (17, 90), (60, 20))
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


@pytest.fixture(scope="session")
def reader(network: IGTR) -> Reader:
    """Four crops, encoded."""
    pixels = torch.from_numpy(np.random.default_rng(1).random((4, 3, 32, 128), dtype=np.float32))
    with torch.inference_mode():
        return Reader(network, network.encode(pixels))


@pytest.fixture(scope="session")
def tiny_family(tmp_path_factory: pytest.TempPathFactory) -> ModelFamily:
    """Base and one expert of random weights."""
    folder: Path = tmp_path_factory.mktemp("igtr")

    def spec(name: str, seed: int) -> ModelSpec:
        save_file(random_network(seed).state_dict(), folder / f"{name}.safetensors")
        return ModelSpec(f"igtr/{name}", f"folder:{folder / name}.safetensors", None, "Apache-2.0", name)

    return ModelFamily(
        "igtr", "text_recognition", "embedded", build, spec("base", 0), {"curved": spec("curved", 1)}, "",
        blocks=(Block("all", "*"),),
    )  # fmt: skip


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    return ModelCache(tmp_path_factory.mktemp("assets"))
