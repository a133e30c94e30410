"""A tiny network with random weights, and the tiny world in place of the generated one."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch

from pipelines.grounding import validation
from pipelines.grounding.plvl import PLVL, SHAPES
from tests.pipelines.grounding import tiny_world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny world is what scenes and twins are drawn from."""
    package = ModuleType("pipelines.grounding.synthetic")
    monkeypatch.setitem(sys.modules, "pipelines.grounding.synthetic", package)
    for module in ("world", "newcomer"):
        monkeypatch.setitem(sys.modules, f"pipelines.grounding.synthetic.{module}", tiny_world)
    validation.drawn.cache_clear()
    yield
    validation.drawn.cache_clear()


@pytest.fixture(scope="session")
def network() -> PLVL:
    torch.manual_seed(0)
    return PLVL(SHAPES["test"]).eval()
