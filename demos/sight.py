"""What the views of one result share: the bench that has it, the job it came from, and what a view is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import gradio as gr

from pipelines.shared.errors import UserError

Updates = dict[Any, Any]
Values = Mapping[Any, Any]
SAVE: list[Any] = ["download", "fullscreen"]
STILL: dict[str, Any] = {"format": "png", "interactive": False}


def with_updates(values: Values, updates: Updates) -> Updates:
    """The values of the page once these updates have come; an update without a value leaves it."""
    found = dict(values)
    for one, update in updates.items():
        if not _has_update(update):
            found[one] = update
        elif "value" in update:
            found[one] = update["value"]
    return found


def both(first: Updates, second: Updates) -> Updates:
    """Two updates as one: what the second says of a component is added to what the first does, and counts before it."""
    found = dict(first)
    for one, update in second.items():
        found[one] = {**_as_update(found[one]), **_as_update(update)} if _has_update(found.get(one)) else update
    return found


def _has_update(value: Any) -> bool:
    return isinstance(value, dict) and "__type__" in value


def _as_update(value: Any) -> dict[str, Any]:
    return value if _has_update(value) else gr.update(value=value)


class Bench(Protocol):
    """What a tab computes with; a job is a value that decides its result."""

    def result(self, job: Any) -> tuple[Any, bool]:
        """The result of a job, and whether it was made before."""


@dataclass(frozen=True)
class Sight:
    """`shown` is the page's note of the job whose full result it shows."""

    bench: Any
    shown: gr.State

    def job(self, values: Values) -> Any:
        """The job whose result is on the page. Raises UserError if there is none."""
        job = values[self.shown]
        if job is None:
            raise UserError("There is no result yet: press Run first.", "Nothing to show")
        return job

    def result(self, values: Values) -> Any:
        """Its result."""
        bench: Bench = self.bench
        return bench.result(self.job(values))[0]


class View(Protocol):
    """A part of the page that shows something of a result.

    `controls`: what its handlers need to know; `outputs`: what a run updates.
    """

    controls: list[Any]
    outputs: list[Any]

    def pictured(self, job: Any, result: Any, values: Values) -> Updates:
        """What it shows of a new result; a subset of `outputs`."""

    def wire(self, inputs: set[Any]) -> None:
        """Its own events; every handler is given all `inputs`."""
