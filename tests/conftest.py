"""Fixtures every part shares: one thread for torch, the evaluation folder if there is one."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("NO_PROXY", "127.0.0.1,localhost")
PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
os.environ["GRADIO_SERVER_PORT"] = str(7860 + 100 * PROCESS)  # the first that is tried: processes would race for one

ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Two processes: one for all that needs a browser, in order, the other for the rest; then they share what is left.

    Two browsers at once would take turns on two cores. Files stay whole: their tests share a page.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "browser" if nodeid.startswith("tests/browser/") else nodeid.partition("::")[0]

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def root() -> Path:
    """Top of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def evaluation_data() -> Path:
    """The folder named by MIXDECK_DATA; a test that needs it is skipped where there is none."""
    folder = os.environ.get("MIXDECK_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("MIXDECK_DATA names no folder of evaluation data")
    return Path(folder)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def small_assets(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assets, with the first pair to fuse at half its width and height: it is what most tests of pages wait for."""
    from PIL import Image

    from pipelines.fusion.stored_result import ABOUT, PICTURE, fuse_first
    from pipelines.registry import family

    shipped, assets = root / "assets", tmp_path_factory.mktemp("assets")
    pairs, there = shipped / "examples" / "fusion", assets / "examples" / "fusion"
    first = Path(json.loads((pairs / "index.json").read_text(encoding="utf-8"))[0]["frames"][0]).parent
    for folder, but in ((shipped, ("examples",)), (shipped / "examples", ("fusion",)), (pairs, (str(first), PICTURE))):
        inside = assets / folder.relative_to(shipped)
        inside.mkdir(exist_ok=True)
        for one in folder.iterdir():
            if one.name not in but:
                (inside / one.name).symlink_to(one)
    (there / first).mkdir()
    for frame in (pairs / first).iterdir():
        Image.open(frame).reduce(2).save(there / first / frame.name)
    assert (there / ABOUT).is_file()  # weights and mix are the shipped ones
    Image.fromarray(fuse_first(assets, family("fusenet"))).save(there / PICTURE, lossless=True)
    return assets


@pytest.fixture(scope="session")
def stages(small_assets: Path) -> Iterator[Callable[..., SimpleNamespace]]:
    """Names of tabs -> a running page with those alone, on the real engine: its `url` and the `workshop` behind it.

    Opened when first asked for, one for the session. A page of all tabs takes a browser four times as long to open.
    """
    import app
    from demos.page import build_page
    from demos.registry import TABS
    from demos.tab import Workshop
    from pipelines.shared.cache import ModelCache

    pages = ExitStack()

    @functools.cache
    def stage_of(*names: str) -> SimpleNamespace:
        flags = app.parse_flags([])
        workshop = Workshop(ModelCache(small_assets), small_assets)
        rows = tuple(next(tab for tab in TABS if tab.name == name) for name in names)
        page = build_page(workshop, rows=rows).blocks
        options = app.launch_options(flags) | {"server_port": None, "server_name": "127.0.0.1", "quiet": True}
        _, url, _ = page.launch(**options, prevent_thread_lock=True)
        pages.callback(page.close)
        for row in rows:
            row.warm(workshop)
        return SimpleNamespace(url=url, workshop=workshop)

    with pages:
        yield stage_of


@pytest.fixture(scope="session")
def stage(stages: Callable[..., SimpleNamespace]) -> SimpleNamespace:
    """The page of the fusion tab."""
    return stages("fusion")


@pytest.fixture(scope="session")
def served(stage: SimpleNamespace) -> str:
    """Its address."""
    url: str = stage.url
    return url
