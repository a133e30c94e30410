"""A pair of checkpoints larger than the memory allowed, by the command: within its bound, and killed half-way."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from benchmarks.bench_merge_files import RECIPE, measure, write_pair
from pipelines.__main__ import main
from pipelines.shared.checkpoint_files import merge_files, parse_plan

SIZE = 24_000_000
KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.shared.checkpoint_files import merge_files, parse_plan

def stop(progress):
    if progress.name == "merged" and progress.done_bytes * 2 > progress.total_bytes:
        os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
merge_files(parse_plan((folder / "recipe.yaml").read_text(), folder), folder / "out.safetensors", stop, piece=1 << 18)
"""


def test_a_sharded_pair_is_merged_within_the_stated_bound(tmp_path: Path) -> None:
    report = measure(tmp_path, SIZE, 0.02, "task_arithmetic")
    assert report["checkpoint_bytes"] > 0.95 * SIZE
    assert report["bound_bytes"] <= 20_000_000
    # one whole vector in float32 would be 48 MB; 20 MB are for the allocator and the libraries' own start
    assert report["used_bytes"] <= report["bound_bytes"] + 20_000_000
    merged, base, expert = (
        {
            key: value
            for path in sorted((tmp_path / name).glob("*.safetensors"))
            for key, value in load_file(path).items()
        }
        if (tmp_path / name).is_dir()
        else load_file(tmp_path / name)
        for name in ("out.safetensors", "base", "expert")
    )
    assert merged.keys() == base.keys()
    for key, value in merged.items():
        wanted = (base[key].double() + 0.6 * (expert[key].double() - base[key].double())).half()
        assert value.dtype == torch.float16
        assert float((value.float() - wanted.float()).abs().max()) <= 2**-10 * float(wanted.abs().max())


def test_a_tensor_that_does_not_fit_is_refused_with_the_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pair(tmp_path, SIZE // 10)
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(method="iso"))
    command = ["merge", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "out.safetensors")]
    assert main([*command, "--memory", "0.001"]) == 1
    assert "looks at tensors as a whole" in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()


def test_killed_half_way_it_leaves_no_result_and_says_so_when_started_again(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pair(tmp_path, SIZE // 10)
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(method="task_arithmetic"))
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    out = tmp_path / "out.safetensors"
    (draft,) = tmp_path.glob(".out.safetensors.*.part")
    assert not out.exists() and draft.stat().st_size > 0
    report = tmp_path / "report.json"
    assert main(["merge", str(tmp_path / "recipe.yaml"), "--out", str(out), "--json", str(report)]) == 0
    assert "half-written out.safetensors" in capsys.readouterr().err
    assert not draft.exists() and json.loads(report.read_text())["size_bytes"] == out.stat().st_size
    again = tmp_path / "again.safetensors"
    merge_files(parse_plan((tmp_path / "recipe.yaml").read_text(), tmp_path), again)
    assert again.read_bytes() == out.read_bytes()


def test_memory_must_be_a_number_of_gigabytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pair(tmp_path, SIZE // 100)
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(method="average"))
    command = ["merge", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "out.safetensors"), "--memory", "-1"]
    assert main(command) == 1
    assert "--memory is -1" in capsys.readouterr().err
