from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.__main__ import main


@pytest.mark.usefixtures("toy")
def test_every_checkpoint_has_a_row_with_licence_and_place(assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (assets / "weights" / "toy" / "right.safetensors").unlink()
    assert main(["list"]) == 0
    heading, _, *rows = capsys.readouterr().out.splitlines()
    assert heading.startswith("toy (fusion, embedded)")
    assert [row.split()[0] for row in rows] == ["toy/base", "toy/left", "toy/right"]
    assert all("Apache-2.0" in row and "assets:toy/" in row for row in rows)
    assert ["missing" in row for row in rows] == [False, False, True]
