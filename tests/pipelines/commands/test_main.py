from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.__main__ import main

COMMANDS = ("list", "run", "evaluate", "train", "merge", "bench")


def failure(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line that a command fails with."""
    assert main([str(one) for one in arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    line = printed.err.splitlines()[-1]
    assert line.startswith("error: ") and "Traceback" not in printed.err
    return line


def test_help_takes_under_half_a_second_and_loads_nothing_heavy(root: Path) -> None:
    code = (
        "import sys; from pipelines.__main__ import build_parser; print(build_parser().format_help()); "
        "print([name for name in ('torch', 'cv2', 'scipy', 'numpy', 'yaml') if name in sys.modules])"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 0.5


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m pipelines {command}")


def test_unknown_arguments_end_in_one_line_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["mix"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "'mix'" in error


@pytest.mark.usefixtures("toy")
def test_bad_input_ends_in_one_line_that_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "known are toy" in failure(capsys, "evaluate", "tay")
    assert "no-such.yaml" in failure(capsys, "merge", tmp_path / "no-such.yaml", "--out", tmp_path / "a.safetensors")
    assert "known are" in failure(capsys, "bench", "nothing")


def test_a_missing_picture_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, out = tmp_path / "a.png", tmp_path / "out"
    assert "no file a.png" in failure(capsys, "run", "fusion", picture, picture, "--engine", "max", "--out", out)
    assert not out.exists()


def test_an_error_of_several_lines_is_told_in_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipelines.commands import list as list_command
    from pipelines.merging.errors import MergeError

    def refuse(flags: object) -> None:
        raise MergeError("first\n  second")

    monkeypatch.setattr(list_command, "run", refuse)
    assert failure(capsys, "list") == "error: first second"


def test_a_defect_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.commands import list as list_command

    def break_down(flags: object) -> None:
        raise KeyError("defect")

    monkeypatch.setattr(list_command, "run", break_down)
    with pytest.raises(KeyError):
        main(["list"])


def test_a_reader_that_leaves_early_is_no_error(root: Path) -> None:
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait()
    assert reader.stdin is not None
    command = [sys.executable, "-m", "pipelines", "list"]
    done = subprocess.run(command, cwd=root, stdout=reader.stdin, stderr=subprocess.PIPE, timeout=60)
    reader.stdin.close()
    assert (done.returncode, done.stderr) == (141, b"")


def test_the_device_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.commands.loading import open_cache
    from pipelines.shared.errors import UserError

    monkeypatch.setenv("MIXDECK_DEVICE", "cuda:63")
    with pytest.raises(UserError, match="'cuda:63' is not on this machine"):
        open_cache()
    assert open_cache("cpu").device == "cpu"
