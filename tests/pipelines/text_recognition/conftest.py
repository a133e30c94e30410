"""Crops, and a tiny network with random weights that they are put before."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.shared.cache import ModelCache
from pipelines.shared.family import ModelFamily
from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.reader import Reader
from tests.pipelines.text_recognition.tiny import make_family, random_network


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
    return make_family(tmp_path_factory.mktemp("igtr"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    return ModelCache(tmp_path_factory.mktemp("assets"))
