"""Who may import whom, and what may be imported before the page is served."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "cv2", "scipy", "transformers", "diffusers")
STDLIB_AND_TORCH = set(sys.stdlib_module_names) | {"torch", "pipelines"}
MERGING_EXCEPTION = "pipelines/merging/optimal_transport.py: scipy.optimize"  # the assignment of neurons


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Modules that a file imports anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def offences(folder: str, is_bad) -> list[str]:
    return [f"{path.relative_to(ROOT)}: {name}" for path in sources(folder) for name in imports(path) if is_bad(name)]


def test_the_merging_engine_imports_torch_and_the_standard_library_only() -> None:
    def is_bad(name: str) -> bool:
        is_ours = name.startswith("pipelines") and not name.startswith("pipelines.merging")
        return is_ours or name.split(".")[0] not in STDLIB_AND_TORCH

    assert sources("pipelines/merging")
    assert offences("pipelines/merging", is_bad) == [MERGING_EXCEPTION]


def test_shared_code_imports_no_pipeline() -> None:
    def is_bad(name: str) -> bool:
        return name.startswith(("pipelines.fusion", "pipelines.training", "demos"))

    assert offences("pipelines/shared", is_bad) == []


def test_nothing_under_pipelines_imports_gradio_or_the_page() -> None:
    assert offences("pipelines", lambda name: name.split(".")[0] in ("gradio", "demos", "app")) == []


def test_transformers_and_diffusers_are_imported_inside_functions_only() -> None:
    at_top = [
        str(path.relative_to(ROOT))
        for path in sources("pipelines") + sources("demos")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and {getattr(node, "module", None) or "", *(alias.name for alias in node.names)} & {"transformers", "diffusers"}
    ]
    assert at_top == []


@pytest.mark.parametrize(
    "value", ['("pyramid", "paper", "fast")', "(0.5, 99.5)", "(-1.0, 1.5)", "DEFAULT_THRESHOLD = 0.4"]
)
def test_a_default_or_range_of_the_page_is_written_in_one_place(value: str) -> None:
    folders = ("demos", "pipelines/fusion", "pipelines/shared", "pipelines/merging")
    lines = [line for folder in folders for path in sources(folder) for line in path.read_text().splitlines()]
    assert sum(value in line and line[0].isupper() for line in lines) == 1


@pytest.mark.parametrize(
    "module",
    ["pipelines.registry", "pipelines.merging.registry", "pipelines.shared.cache", "pipelines.fusion.pipeline",
     "demos.registry"],
)  # fmt: skip
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr
