"""Licences are read from both forms of copyright files, and the lock accounts for every face."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.shared.errors import UserError
from pipelines.shared.synthetic import font_lock
from pipelines.shared.synthetic.font_lock import LOCK, declared_licences, lock, main, named_licences, packages_of
from pipelines.shared.synthetic.fonts import FontFace

FORMAL = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
License: header

Files: *
Copyright: 2010 Somebody
License: OFL-1.1
 Permission is granted

Files: debian/* debian/rules
License: GPL-2+

Files: extra/*.ttf
License: MIT

License: GPL-2+
 This package is free software
"""


def test_licences_of_the_packaging_are_left_out() -> None:
    assert declared_licences(FORMAL) == ["MIT", "OFL-1.1"]


def test_a_plain_text_declares_none_and_names_some() -> None:
    text = (
        "It was downloaded from nowhere.\n\nThis is under the SIL Open\nFont License, or\n  the GNU General Public one."
    )
    assert declared_licences(text) == [] and named_licences(text) == ["GPL", "OFL-1.1"]


def test_the_lock_accounts_for_every_face(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    faces = (FontFace("Lato", "Bold", "/a"), FontFace("Lato", "Thin", "/b"), FontFace("Own", "Thin", "/home/c"))
    owners = {"/a": "fonts-lato", "/b": "fonts-lato"}
    monkeypatch.setattr(font_lock, "packages_of", lambda paths: owners)
    monkeypatch.setattr(font_lock, "_asked", lambda *command: "2.0-2.1")
    monkeypatch.setattr(font_lock, "DOCUMENTS", tmp_path)
    (tmp_path / "fonts-lato").mkdir()
    (tmp_path / "fonts-lato" / "copyright").write_text(FORMAL)
    found = lock(faces)
    assert (found["families"], found["faces"]) == (2, 3)
    assert found["packages"]["fonts-lato"] == {
        "version": "2.0-2.1", "licences": ["MIT", "OFL-1.1"], "is_declared": True, "families": 1, "faces": 2,
    }  # fmt: skip
    assert found["packages"][""]["faces"] == 1 and not found["packages"][""]["licences"]


def test_paths_with_brackets_are_looked_up_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def answer(*command: str) -> str:
        asked.append(command)
        return "fonts-karla:all: /fonts/Karla[wght].ttf\n"

    monkeypatch.setattr(font_lock, "_asked", answer)
    assert packages_of(["/fonts/Karla[wght].ttf"]) == {"/fonts/Karla[wght].ttf": "fonts-karla"}
    assert asked == [("dpkg-query", "-S", r"/fonts/Karla\[wght\].ttf")]


def test_a_machine_without_dpkg_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(font_lock, "installed_fonts", lambda: (FontFace("Lato", "Bold", "/a"),))
    monkeypatch.setattr(font_lock.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="dpkg-query is not on this machine"):
        packages_of(["/a"])
    assert main() == 1 and "Debian packages" in capsys.readouterr().err


def test_the_stored_lock_adds_up() -> None:
    stored = json.loads(LOCK.read_text(encoding="utf-8"))
    assert sum(entry["faces"] for entry in stored["packages"].values()) == stored["faces"]
    assert all(name and entry["version"] for name, entry in stored["packages"].items())
