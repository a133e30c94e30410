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
    assert times.keys() == {"1", "2"} and times["1"].keys() == {*bench_text.contestants(), "crnn_100", "crnn_128"}
    assert all(value > 0 for row in times.values() for value in row.values())
    work = report["gflop"]
    assert 0 < work["encoder"] < work["parallel"] < work["autoregressive"] and work["crnn_100"] < work["crnn_128"]
    assert torch.get_num_threads() == threads


def test_the_crnn_is_that_of_its_paper() -> None:
    """At 32 x 100 the paper has 512 features in 24 to 26 columns, and 8.3 M parameters in all."""
    network = bench_text.crnn()
    assert network.columns(torch.zeros(1, 1, 32, 100)).shape == (1, 512, 1, 26)
    assert network(torch.zeros(2, 1, 32, 100)).shape == (26, 2, 37)
    assert bench_text.millions(network) == pytest.approx(8.3, rel=0.02)


def test_work_is_two_for_each_multiply_add() -> None:
    layer, pixels = torch.nn.Conv2d(3, 4, 3, padding=1), torch.zeros(1, 3, 8, 8)
    assert bench_text.counted(lambda: layer(pixels)) == pytest.approx(2 * 3 * 4 * 9 * 64 / 1e9)
    assert bench_text.recurrent_gflop(1, width=1, inputs=1) == pytest.approx(2 * 2 * (4 * 2 + 4 * 2) / 1e9)
