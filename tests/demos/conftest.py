"""A page on fakes: a pipeline that averages its frames by the faders, so that handlers run without weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest


class FakeCache:
    """Counts nothing, holds nothing; enough of a ModelCache for a page."""

    device, precision, vectors = "cpu", "float32", "float32"

    def __init__(self, assets: Path) -> None:
        self.assets = assets
        self.unloaded = 0
        self.listeners: list[Any] = []

    def add_listener(self, listener: Any) -> None:
        self.listeners.append(listener)

    def counters(self) -> Any:
        return SimpleNamespace(hits=3, misses=2, loads=1, evictions=0, bytes_ram=5_000_000, bytes_device=0,
                               load_ms=41.6, merge_ms=7.2, run_ms=20.4, budget_bytes=8_000_000, models=())  # fmt: skip

    def unload_all(self) -> None:
        self.unloaded += 1


class FakePipeline:
    """The first frame times the first expert's coefficient times alpha: any fader shows in the picture."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.counts: list[int] = []
        self.sizes: list[int] = []  # pixels of a frame

    def __call__(self, frames: Any, options: Any, recipe: Any, steady: Any = None) -> Any:
        from pipelines.merging.recipe_form import recipe_hash, recipe_to_dict

        self.calls.append((options, recipe))
        self.counts.append(len(frames.images))
        self.sizes.append(frames.images[0, ..., 0].size)
        strength = recipe.coefficient("ivis") * recipe.scale
        fused = np.clip(frames.images[0] * strength * 255, 0, 255).astype(np.uint8)
        weights = np.full((len(frames.images), 8, 8), 1 / len(frames.images), np.float32)
        run = SimpleNamespace(family="fusenet", tier="embedded", recipe=recipe_to_dict(recipe), device="cpu",
                              recipe_hash=recipe_hash(recipe), weights_version=len(self.calls), is_cached=False,
                              seconds={"total": 0.01}, bytes_moved=1_000_000)  # fmt: skip
        labels = np.zeros((8, 8), np.uint8) if options.task == "ivis" else None
        return SimpleNamespace(fused=fused, picture=fused, weights=weights, run=run, labels=labels, tables=None,
                               notices=())  # fmt: skip


@dataclass
class Built:
    """A tab on fakes, and the values its page starts with."""

    tab: Any
    page: Any
    pipeline: FakePipeline
    workshop: Any

    def values(self, changes: Mapping[Any, Any] | None = None) -> dict[Any, Any]:
        """What the page sends when nothing was touched, with changes."""
        return {one: started(one) for one in self.tab.inputs} | dict(changes or {})


def started(component: Any) -> Any:
    """The value a handler gets from an untouched component."""
    import gradio as gr

    value = component.value
    if isinstance(component, gr.File):
        paths = [one["path"] for one in value] if isinstance(value, list) else None
        return paths
    return value


@pytest.fixture(scope="module")
def built(root: Path) -> Iterator[Built]:
    from demos.page import build_page
    from demos.tab import Workshop

    pipeline = FakePipeline()
    workshop: Any = Workshop(FakeCache(root / "assets"), root / "assets")  # type: ignore[arg-type]
    page = build_page(workshop)
    tab = page.tabs["fusion"]
    tab.bench._make_pipeline = lambda: pipeline
    yield Built(tab, page, pipeline, workshop)


@pytest.fixture(scope="session")
def text_page(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A page with the text tab on a tiny reader of random weights; its picture is a crop of noise."""
    from demos.page import build_page
    from demos.tab import Tab, Workshop
    from demos.text_recognition import TextTab, warm
    from pipelines.shared.cache import ModelCache
    from tests.pipelines.text_recognition.tiny import make_family

    assets = tmp_path_factory.mktemp("assets")
    family = make_family(tmp_path_factory.mktemp("igtr"))
    workshop = Workshop(ModelCache(assets), assets)
    row = Tab("text_recognition", "Text", lambda shop: TextTab(shop, family), warm)
    page = build_page(workshop, rows=(row,))
    yield Built(page.tabs["text_recognition"], page, FakePipeline(), workshop)


@pytest.fixture(scope="session")
def grounding_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A page with the grounding tab on a tiny network of random weights with two experts."""
    from demos.grounding import GroundingTab, warm
    from demos.page import build_page
    from demos.tab import Tab, Workshop
    from pipelines.shared.cache import ModelCache
    from tests.pipelines.grounding.tiny_family import make_family

    assets = tmp_path_factory.mktemp("assets")
    family = make_family(tmp_path_factory.mktemp("plvl"), ("relation", "refuse"))
    workshop = Workshop(ModelCache(assets), assets)
    row = Tab("grounding", "Grounding", lambda shop: GroundingTab(shop, family), warm)
    page = build_page(workshop, rows=(row,))
    yield Built(page.tabs["grounding"], page, FakePipeline(), workshop)


@pytest.fixture(scope="session")
def crop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of noise, 31 × 64 px, as a visitor may upload it."""
    from PIL import Image

    path = tmp_path_factory.mktemp("crops") / "word.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (31, 64, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def visitor() -> Callable[[str], Any]:
    """A request of a visitor with that name."""
    return lambda name: SimpleNamespace(session_hash=name)


@pytest.fixture
def pressed() -> Callable[..., Iterator[dict[Any, Any]]]:
    """The steps of long work whose button a visitor has pressed, with these values on the page."""
    return lambda view, visitor, values: view.run(visitor, {**values, **view.queued()})
