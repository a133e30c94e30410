"""Which checkpoints are here, and how the others come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.shared.family import ModelSpec
from pipelines.shared.presence import absent, bytes_here, fetch_command
from pipelines.text_recognition.igtr_authors_family import IGTR_AUTHORS
from pipelines.text_recognition.trocr import TROCR_SMALL


@pytest.fixture(autouse=True)
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def test_a_file_that_is_here_has_its_size_and_others_have_none(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"1234")
    assert bytes_here(ModelSpec("x", f"folder:{path}", None, "MIT"), tmp_path) == 4
    for source in ("folder:/nowhere", "assets:a/b.safetensors", TROCR_SMALL.base.source):
        assert bytes_here(ModelSpec("x", source, None, "MIT"), tmp_path) == 0


def test_what_is_missing_of_a_family_is_listed_the_base_first(tmp_path: Path) -> None:
    assert [one.name for one in absent(TROCR_SMALL, tmp_path)] == [
        "trocr-small-stage1", "trocr-small-printed", "trocr-small-handwritten"
    ]  # fmt: skip
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"1234")
    here = replace(TROCR_SMALL.base, source=f"folder:{path}")
    assert absent(replace(TROCR_SMALL, base=here), tmp_path)[0].name == "trocr-small-printed"


def test_every_kind_of_source_says_how_it_comes_here() -> None:
    assert fetch_command(TROCR_SMALL.base) == (
        "hf download microsoft/trocr-small-stage1 --revision 0567f496787caff4697043010a802ff35f640871"
    )
    assert fetch_command(IGTR_AUTHORS.base) == "python -m pipelines import-igtr FILE.pth --as synthetic"
    assert fetch_command(ModelSpec("x", "folder:/nowhere", None, "MIT")) == ""
