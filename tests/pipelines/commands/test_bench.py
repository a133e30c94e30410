from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.__main__ import main
from pipelines.commands import bench

SOURCE = """
from __future__ import annotations
import json
from dataclasses import dataclass

@dataclass
class Row:
    milliseconds: float

def main(json_path=None):
    print("ran")
    if json_path is not None:
        json_path.write_text(json.dumps({"best": Row(1.5).milliseconds}))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bench_toy.py").write_text(SOURCE)
    monkeypatch.setattr(bench, "BENCHMARKS", tmp_path)
    return tmp_path


def test_a_benchmark_runs_and_writes_its_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "made" / "numbers.json"
    assert main(["bench", "toy", "--json", str(path)]) == 0
    assert capsys.readouterr().out == "ran\n"
    assert json.loads(path.read_text()) == {"best": 1.5}


@pytest.mark.parametrize("name", ["other", "../bench_toy", "toy.py"])
def test_only_benchmarks_of_the_folder_run(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", name]) == 1
    assert "known are toy" in capsys.readouterr().err


def test_every_shipped_benchmark_can_be_named() -> None:
    files = bench.benchmarks()
    assert files and all(path.is_file() for path in files.values())
