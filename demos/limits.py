"""How much of a page one visitor may take: its queue, long work, uploads and how long files stay.

Differs from the specification of the page (interface 11) in two ways. There is no count of runs per address and ten
minutes: every released fader is a run, and behind the proxy of a Space all visitors have one address. And it is the
queue that refuses one visitor's many runs, not a validator, before which gradio would read all inputs once more.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from gradio.queueing import Queue

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    import gradio as gr

Step = TypeVar("Step")
LANES = ("device", "batch")  # places of the queue where networks run


@dataclass(frozen=True)
class Limits:
    """What a page grants (interface 9 and 11).

    Attributes:
        queue_size: events that may wait, of all visitors.
        most_waiting: runs of one visitor that may wait in one place of the queue, beside the one that runs.
        longest_s: seconds that one piece of long work may take; None is no limit.
        upload: largest file.
        delete_cache: seconds between two looks at the files that were made, and their age when they go.
        has_models: whether visitors see what is in memory, and may unload it.
    """

    queue_size: int = 32
    most_waiting: int = 16
    longest_s: float | None = None
    upload: str = "50mb"
    delete_cache: tuple[int, int] = (3600, 86400)
    has_models: bool = True


PRIVATE = Limits()
PUBLIC = Limits(20, 2, 600, "20mb", (1800, 7200), has_models=False)


class TimeIsUp(UserError):
    """Thrown into long work where it hands over a step; it may still hand over what it has, and lets this pass."""

    def __init__(self, longest_s: float) -> None:
        super().__init__(
            f"One piece of work may take {longest_s:.0f} s on this page. Give it fewer files, a shorter clip or fewer "
            "cells, or run Mixdeck on a machine of your own, where there is no limit.",
            f"Stopped after {longest_s:.0f} s",
        )


def apply(page: gr.Blocks, limits: Limits) -> None:
    """Give a finished page its queue, and its long work an end."""
    page.queue(max_size=limits.queue_size)
    page._queue.__class__ = FairQueue  # the page has made its queue: gradio has no setting for one of another class
    page._queue.most_waiting = limits.most_waiting  # type: ignore[attr-defined]
    for event in page.fns.values():
        if limits.longest_s is not None and event.concurrency_id == "batch" and event.fn is not None:
            end = ended if inspect.isgeneratorfunction(event.fn) else timed
            event.fn = end(event.fn, limits.longest_s)


class FairQueue(Queue):
    """A queue that one visitor cannot fill."""

    most_waiting: int

    async def push(self, body: Any, request: Any, username: str | None) -> Any:
        """Take an event, unless its visitor has as many waiting as one may have; the browser shows why."""
        event = self.blocks.fns.get(body.fn_index)
        if event is not None and event.concurrency_id in LANES:
            waiting = self._waiting(event.concurrency_id, body.session_hash)
            if waiting >= self.most_waiting:
                return False, f"{waiting} of your runs are waiting already. Wait for them, or press Stop.", "error"
        return await super().push(body, request, username)

    def _waiting(self, lane: str, visitor: str | None) -> int:
        queued = self.event_queue_per_concurrency_id.get(lane)
        return sum(one.session_hash == visitor for one in queued.queue) if queued else 0


def ended(handler: Callable[..., Iterator[Any]], longest_s: float) -> Callable[..., Iterator[Any]]:
    """The handler, told by TimeIsUp at the first step after so many seconds that it is over."""

    @functools.wraps(handler)
    def generate(*arguments: Any, **named: Any) -> Iterator[Any]:
        steps, until_s = handler(*arguments, **named), time.monotonic() + longest_s
        for step in steps:
            yield step
            if time.monotonic() > until_s:
                yield steps.throw(TimeIsUp(longest_s))  # type: ignore[attr-defined]
                yield from steps
                return

    return generate


_END: ContextVar[tuple[float, float] | None] = ContextVar("end of the call", default=None)  # moment, and length in s


def timed(handler: Callable[..., Any], longest_s: float) -> Callable[..., Any]:
    """The handler of an endpoint, whose steps (`in_time`) end after so many seconds."""

    @functools.wraps(handler)
    def call(*arguments: Any, **named: Any) -> Any:
        token = _END.set((time.monotonic() + longest_s, longest_s))
        try:
            return handler(*arguments, **named)
        finally:
            _END.reset(token)

    return call


def in_time(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps of an endpoint's work. Raises TimeIsUp after the first one that comes when its time is up."""
    end = _END.get()
    for step in steps:
        yield step
        if end is not None and time.monotonic() > end[0]:
            raise TimeIsUp(end[1])
