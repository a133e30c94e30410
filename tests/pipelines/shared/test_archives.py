"""Archives that mean harm, and archives that do not."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.shared.archives import gathered, read_archive
from pipelines.shared.errors import UserError


def png(seed: int = 0, size_hw: tuple[int, int] = (48, 64)) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (*size_hw, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "PNG")
    return buffer.getvalue()


def packed(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_an_archive_gives_its_pictures_and_passes_over_the_rest() -> None:
    content = packed(
        {"a/x_A.png": png(), "notes.txt": b"hi", "__MACOSX/x_A.png": b"", ".hidden.png": b"", "a\\y.png": b"1"}
    )
    assert sorted(read_archive(content)) == ["a/x_A.png", "a/y.png"]


@pytest.mark.parametrize("name", ["../x.png", "/etc/x.png", "a/../../x.png", "..\\x.png", "C:\\x.png"])
def test_a_name_that_leads_out_of_the_archive_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="leads out"):
        read_archive(packed({name: png()}))


FULL = {f"{number}.png": b"" for number in range(200)}


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="201 files to read; it may have 200 pictures"):
        read_archive(packed({**FULL, "one.png": b""}))
    with pytest.raises(UserError, match="201 files"):
        read_archive(packed({f"{number}.txt": b"" for number in range(201)}), (".txt",))
    (tmp_path / "full.zip").write_bytes(packed(FULL))
    (tmp_path / "one.png").write_bytes(b"")
    with pytest.raises(UserError, match="takes 200 pictures"):
        gathered([str(tmp_path / "full.zip"), str(tmp_path / "one.png")])


def test_labels_beside_a_full_batch_and_hidden_twins_do_not_count(tmp_path: Path) -> None:
    twins = {f"__MACOSX/._{name}": b"" for name in FULL}
    (tmp_path / "full.zip").write_bytes(packed({**FULL, **twins, "labels.txt": b"0.png a"}))
    (tmp_path / "more.tsv").write_bytes(b"1.png\tb")
    files = gathered([str(tmp_path / "full.zip"), str(tmp_path / "more.tsv")], (".png", ".txt"))
    assert files.keys() == {*FULL, "labels.txt", "more.tsv"}


def test_a_member_that_expands_a_thousandfold_is_refused() -> None:
    with pytest.raises(UserError, match="100 times"):
        read_archive(packed({"x.png": bytes(3_000_000)}, zipfile.ZIP_DEFLATED))


def test_an_archive_that_expands_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.shared.archives.MOST_EXPANDED_BYTES", 15_000)
    with pytest.raises(UserError, match="expands to more than"):
        read_archive(packed({"x.png": png(0), "y.png": png(1)}))


def test_a_link_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("x.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UserError, match="link"):
        read_archive(buffer.getvalue())


@pytest.mark.parametrize("content", [b"", b"no zip at all", packed({"x.png": png()})[:900]])
def test_what_is_no_sound_zip_is_said_in_one_line(content: bytes) -> None:
    with pytest.raises(UserError, match="not a sound zip"):
        read_archive(content)
