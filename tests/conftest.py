"""Fixtures every part shares: one thread for torch, the evaluation folder if there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("NO_PROXY", "127.0.0.1,localhost")

ROOT = Path(__file__).resolve().parent.parent


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
def stage() -> Iterator[SimpleNamespace]:
    """A running page on the real engine, one for the session: its `url`, and the `workshop` behind it.

    It has the fusion tab alone: a page of all tabs takes a browser four times as long to open, for every journey.
    """
    import app
    from demos.page import build_page
    from demos.registry import TABS

    flags = app.parse_flags([])
    workshop = app.build_workshop(flags)
    page = build_page(workshop, rows=TABS[:1]).blocks
    options = app.launch_options(flags) | {"server_port": None, "server_name": "127.0.0.1", "quiet": True}
    _, url, _ = page.launch(**options, prevent_thread_lock=True)
    app.warm(workshop)
    yield SimpleNamespace(url=url, workshop=workshop)
    page.close()


@pytest.fixture(scope="session")
def served(stage: SimpleNamespace) -> str:
    """Its address."""
    url: str = stage.url
    return url
