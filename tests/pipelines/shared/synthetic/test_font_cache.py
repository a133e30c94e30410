"""The scan is done once for the same files, and again when one changes or the entry is damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.shared.synthetic import font_cache
from pipelines.shared.synthetic.font_cache import KEPT, cache_folder, remembered

ENTRIES = (("Lato", "Bold", "/fonts/lato.ttf", False), ("Ünder", "Regular", "/fonts/ü.ttf", True))


class Scan:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> tuple[font_cache.Entry, ...]:
        self.times += 1
        return ENTRIES


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "one.ttf"
    path.write_bytes(b"1234")
    return path


def stored() -> list[Path]:
    return sorted(cache_folder().glob("fonts-*.json"))


def test_the_second_time_nothing_is_looked_at(file: Path) -> None:
    scan = Scan()
    assert [remembered([file], b"", scan) for _ in range(3)] == [ENTRIES] * 3
    assert scan.times == 1 and len(stored()) == 1


def test_another_size_time_name_or_code_is_looked_at_anew(file: Path) -> None:
    scan = Scan()
    remembered([file], b"", scan)
    remembered([file], b"new", scan)
    os.utime(file, ns=(0, 0))
    remembered([file], b"", scan)
    file.write_bytes(b"12345")
    os.utime(file, ns=(0, 0))
    remembered([file], b"", scan)
    remembered([file.rename(file.with_name("two.ttf"))], b"", scan)
    assert scan.times == 5 and len(stored()) == KEPT


@pytest.mark.parametrize("content", ["", "{", "[1]", '[["a", "b", "c"]]', '[["a", "b", 3, true]]', "[null]", "7"])
def test_a_damaged_entry_is_made_anew(file: Path, content: str) -> None:
    scan = Scan()
    remembered([file], b"", scan)
    stored()[0].write_text(content)
    assert remembered([file], b"", scan) == ENTRIES and scan.times == 2
    assert remembered([file], b"", scan) == ENTRIES and scan.times == 2


def test_where_nothing_can_be_written_the_scan_is_done_each_time(file: Path) -> None:
    cache_folder().parent.write_text("a file where the folder should be")
    scan = Scan()
    assert [remembered([file], b"", scan) for _ in range(2)] == [ENTRIES] * 2 and scan.times == 2


def test_the_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "mixdeck"
