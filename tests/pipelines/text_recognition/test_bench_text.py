from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks import bench_text
from tests.pipelines.text_recognition.tiny import random_network


def test_every_procedure_is_timed_and_the_work_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_text, "shipped_network", random_network)
    monkeypatch.setattr(bench_text, "BATCHES", (1, 2))
    threads = torch.get_num_threads()
    bench_text.main(tmp_path / "text.json", rounds=1, threads=(1,))
    report = json.loads((tmp_path / "text.json").read_text())
    times = report["median_ms_per_crop"]["1"]
    assert times.keys() == {"1", "2"} and times["1"].keys() == bench_text.contestants().keys()
    assert all(value > 0 for row in times.values() for value in row.values())
    assert 0 < report["gflop"]["encoder"] < report["gflop"]["parallel"] < report["gflop"]["crnn"]
    assert torch.get_num_threads() == threads


def test_the_crnn_has_the_columns_of_its_paper() -> None:
    """At 32 x 100 the paper has 512 features in 24 to 26 columns; 8.3 M parameters with its two LSTM layers."""
    columns = bench_text.crnn_columns()
    assert columns(torch.zeros(1, 1, 32, 100)).shape == (1, 512, 1, 26)
    recurrent = torch.nn.LSTM(512, 256, num_layers=2, bidirectional=True)
    count = sum(weight.numel() for module in (columns, recurrent) for weight in module.parameters())
    assert count == pytest.approx(8.3e6, rel=0.05)
