"""Fonts that are on every machine: those that matplotlib brings, in a folder of their own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

LATIN = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "STIXGeneral.ttf")


def matplotlib_fonts() -> Path:
    """The folder with the TrueType files of matplotlib."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@pytest.fixture
def font_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five Latin faces; the scan's cache is of this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "fonts"
    folder.mkdir()
    for name in LATIN:
        shutil.copy(matplotlib_fonts() / name, folder)
    return folder
