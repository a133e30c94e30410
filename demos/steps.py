"""Long work on the page: its steps until a visitor presses Stop, and how far it is."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

from gradio.utils import get_upload_folder

from demos.tab import QUIET, Turns
from demos.words import hint

Step = TypeVar("Step")

# A place of its own in the queue, for one at a time: minutes of work must not hold up the faders.
LONG: dict[str, Any] = {"concurrency_id": "batch", "concurrency_limit": 1, "api_visibility": "private", **QUIET}
WAITING, NOT_BEGUN = "Waiting for the machine…", "Stopped before it began."


def until_stopped(steps: Iterator[Step], turns: Turns, visitor: str, turn: int) -> Iterator[tuple[Step, bool]]:
    """Each step, and whether it is the last because the visitor stopped; the work is closed then."""
    for step in steps:
        is_stopped = not turns.is_current(visitor, turn)
        if is_stopped:
            close(steps)
        yield step, is_stopped
        if is_stopped:
            return


def close(steps: Iterator[Any]) -> None:
    """End work between two steps: what it has written is complete."""
    if isinstance(steps, Generator):
        steps.close()


def new_file(name: str) -> Path:
    """A path for a result, in a folder of its own among the files that the page may serve."""
    root = Path(get_upload_folder())
    root.mkdir(parents=True, exist_ok=True)
    return Path(mkdtemp(prefix="mixdeck-", dir=root)) / name


def progress_bar(done: int, total: int, words: str) -> str:
    """A bar and a line that is read out."""
    share = f'<div style="width:{done / max(total, 1):.1%};height:100%;background:var(--color-accent)"></div>'
    aria = f'role="progressbar" aria-label="progress" aria-valuenow="{done}" aria-valuemin="0" aria-valuemax="{total}"'
    bar = f'<div {aria} style="height:8px;background:var(--border-color-primary)">{share}</div>'
    return f'{bar}<div role="status">{hint(words)}</div>'
