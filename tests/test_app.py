"""The command that serves the page: cheap help, quiet environment, nothing heavy before the page is up."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

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


@pytest.mark.parametrize(("flags", "variables"), [(["--public"], {}), ([], {"SPACE_ID": "someone/mixdeck"}),
                                                  ([], {"MIXDECK_PUBLIC": "1"})])  # fmt: skip
def test_strangers_get_the_public_limits_however_they_are_told_of(
    flags: list[str], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    limits = app.limits_of(app.parse_flags(flags))
    assert (limits.queue_size, limits.delete_cache, limits.upload) == (20, (1800, 7200), "20mb")
    monkeypatch.setenv("GRADIO_VIBE_MODE", "1")
    with pytest.raises(SystemExit, match="GRADIO_VIBE_MODE lets visitors edit the program; unset it"):
        app.check_flags(app.parse_flags(flags))


def test_a_page_of_ones_own_has_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXDECK_PUBLIC", "0")
    limits = app.limits_of(app.parse_flags([]))
    assert (limits.queue_size, limits.delete_cache, limits.longest_s) == (32, (3600, 86400), None)


def test_a_space_installs_the_gradio_that_is_tested(root: Path) -> None:
    installed = importlib.metadata.version("gradio")
    front_matter = yaml.safe_load((root / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert front_matter["sdk_version"] == installed
    assert f"gradio=={installed}\n" in (root / "requirements.txt").read_text(encoding="utf-8")


def test_a_space_decides_the_address_and_never_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/mixdeck")
    options = app.launch_options(app.parse_flags(["--share", "--port", "9000"]))
    assert options["server_name"] is None and options["server_port"] is None and options["share"] is False
    assert options["mcp_server"] is (importlib.util.find_spec("mcp") is not None)


def test_mcp_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"gradio\[mcp\]"):
        app.check_flags(app.parse_flags(["--mcp"]))


@pytest.mark.parametrize("variable", ["MIXDECK_RAM_GB", "MIXDECK_VRAM_GB"])
def test_a_budget_that_is_no_size_is_refused_at_the_start(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "abc")
    with pytest.raises(SystemExit, match=f"error: {variable} is 'abc'; it should be a number of gigabytes"):
        app.check_flags(app.parse_flags([]))


@pytest.mark.parametrize("size", ["0", "-1", "nan", "inf"])
def test_a_cache_without_a_size_is_refused_at_the_start(size: str) -> None:
    with pytest.raises(SystemExit, match="error: --cache-gb is "):
        app.check_flags(app.parse_flags([f"--cache-gb={size}"]))


def test_a_start_with_mcp_serves_the_tools_or_says_what_to_install(root: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = tmp_path / "told.txt"
    with told.open("w") as errors:
        process = subprocess.Popen([sys.executable, "app.py", "--mcp", "--port", str(port)], cwd=root, stderr=errors,
                                   stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        tools = _tools_of(f"http://127.0.0.1:{port}/gradio_api/mcp/schema", process)
    finally:
        process.terminate()
        process.wait(timeout=30)
    if importlib.util.find_spec("mcp") is None:
        assert tools is None and 'pip install "gradio[mcp]"' in told.read_text()
    else:
        assert tools is not None and {"fuse", "merge_info", "status"} <= set(tools)


def _tools_of(url: str, process: subprocess.Popen[bytes], seconds: float = 90) -> list[str] | None:
    """Names of the tools of a page that is starting; None if it gives up."""
    last = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < last:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return [tool["name"] for tool in json.load(answer)]
        except (urllib.error.URLError, ConnectionError, json.JSONDecodeError):
            time.sleep(0.5)
    return None


def test_unknown_precision_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        app.parse_flags(["--precision", "int3"])
    assert "bfloat16" in capsys.readouterr().err
