"""The command that serves the page: cheap help, quiet environment, nothing heavy before the page is up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import app


def run_python(code: str, root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120)


def test_help_imports_neither_gradio_nor_torch(root: Path) -> None:
    code = (
        "import sys, app\ntry: app.parse_flags(['--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('gradio', 'torch', 'numpy') if name in sys.modules])"
    )
    done = run_python(code, root)
    assert done.stdout.strip().endswith("[]"), done.stderr
    assert "--cache-gb" in done.stdout


def test_building_the_page_imports_no_torch_and_no_opencv(root: Path) -> None:
    code = (
        "import sys, app\napp.build_app(app.build_workshop(app.parse_flags([])))\n"
        "print([name for name in ('torch', 'cv2', 'scipy', 'transformers') if name in sys.modules])"
    )
    done = run_python(code, root)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr


def test_the_page_listens_on_this_machine_only_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    options = app.launch_options(app.parse_flags([]))
    assert options["server_name"] == "127.0.0.1" and options["share"] is False
    assert "allowed_paths" not in options and options["show_error"] is False


def test_public_pages_take_smaller_files() -> None:
    assert app.launch_options(app.parse_flags(["--public"]))["max_file_size"] == "20mb"
    assert app.launch_options(app.parse_flags([]))["max_file_size"] == "50mb"


def test_a_space_decides_the_address_and_never_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/mixdeck")
    options = app.launch_options(app.parse_flags(["--share", "--port", "9000"]))
    assert options["server_name"] is None and options["server_port"] is None and options["share"] is False


def test_mcp_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"gradio\[mcp\]"):
        app.check_flags(app.parse_flags(["--mcp"]))


def test_unknown_precision_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        app.parse_flags(["--precision", "int3"])
    assert "bfloat16" in capsys.readouterr().err
