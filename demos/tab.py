"""What every tab shares: the record of a tab, the workshop it works in, the device queue, errors, and turns."""

from __future__ import annotations

import functools
import html
import inspect
import logging
import secrets
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.memory import give_back
from demos.words import marked
from pipelines.merging.errors import MergeError
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.shared.cache import ModelCache

log = logging.getLogger("mixdeck")

# One model run at a time, over all tabs; previews stay outside the queue and bring their own lock.
ON_DEVICE: dict[str, Any] = {"concurrency_id": "device", "concurrency_limit": 1, "api_visibility": "private"}
# Nothing spins, and no component is watched: a browser tells each output of each event so far at every message.
QUIET: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": []}
BESIDE_QUEUE: dict[str, Any] = {"queue": False, "api_visibility": "private", **QUIET}
# Handlers that tell something in passing (gr.Info, gr.Warning, gr.Success) or set a State with listeners: outside the
# queue neither reaches anybody.
TELLING: dict[str, Any] = {"api_visibility": "private", **QUIET}


class Turns:
    """Who may still write to a page. A run takes a turn when it starts; when it ends it may write only if no later turn
    has written and nobody pressed Stop. One for each tab; keyed by visitor, oldest forgotten."""

    def __init__(self, most_visitors: int = 1000) -> None:
        self._most = most_visitors
        self._lock = threading.Lock()
        self._taken = 0
        self._written: OrderedDict[str, int] = OrderedDict()

    def take(self) -> int:
        """The number of a run that starts now; later runs have larger ones."""
        with self._lock:
            self._taken += 1
            return self._taken

    def may_write(self, visitor: str, turn: int) -> bool:
        """True once per turn, unless a later one has written or stopped this visitor's runs."""
        with self._lock:
            if turn <= self._written.get(visitor, 0):
                return False
            self._note(visitor, turn)
            return True

    def is_current(self, visitor: str, turn: int) -> bool:
        """Whether no later run has written; leaves no mark, so that a preview never silences a commit under way."""
        with self._lock:
            return turn > self._written.get(visitor, 0)

    def was_last(self, visitor: str, turn: int) -> bool:
        """Whether nothing has written or stopped since this turn wrote."""
        with self._lock:
            return self._written.get(visitor) == turn

    def stop(self, visitor: str) -> None:
        """No run that has started by now will write."""
        with self._lock:
            self._note(visitor, self._taken)

    def _note(self, visitor: str, turn: int) -> None:
        self._written[visitor] = turn
        self._written.move_to_end(visitor)
        while len(self._written) > self._most:
            self._written.popitem(last=False)


@dataclass
class Workshop:
    """What the tabs of one page share; made in app.py and passed down.

    `turns`: of each tab by its name, so that a run or a Stop on one leaves what goes on on another. `waiting()`: how
    many events wait in the queue.
    """

    cache: ModelCache
    assets: Path
    turns: defaultdict[str, Turns] = field(default_factory=lambda: defaultdict(Turns))
    waiting: Callable[[], int] = lambda: 0
    forget: list[Callable[[], None]] = field(default_factory=list)  # each tab's way to drop its kept results

    def free(self) -> None:
        """Everything that can be made again leaves memory: models that are not running, kept results."""
        self.cache.unload_all()
        for forget in self.forget:
            forget()
        give_back()


@dataclass(frozen=True)
class Tab:
    """One tab: its id, its title, what builds it inside `gr.Tab`, and what it wants loaded before the first visitor."""

    name: str
    title: str
    build: Callable[[Workshop], Any]
    warm: Callable[[Workshop], None]


def visitor_of(request: gr.Request | None) -> str:
    """The page a request comes from: one per opened browser tab."""
    return getattr(request, "session_hash", None) or "script"


def told(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler with its errors turned into messages: what a visitor can mend is said word for word, the rest is
    logged under an id. Keeps generators generators."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def generate(*arguments: Any, **named: Any) -> Iterator[Any]:
            try:
                yield from handler(*arguments, **named)
            except Exception as error:
                raise as_message(error) from error

        return generate

    @functools.wraps(handler)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return handler(*arguments, **named)
        except Exception as error:
            raise as_message(error) from error

    return call


def tell(error: Exception) -> None:
    """The same in passing, for a handler that then ends as usual: after an error the browser drops what waits."""
    message = as_message(error)
    gr.Warning(message.message, duration=None, title=message.title)


def alert_line(error: Exception) -> str:
    """The same to stay on the page, until there is a result of what it asks for; it is read out at once."""
    message = as_message(error)
    return f'<div class="notices" role="alert"><p><b>{html.escape(message.title)}.</b> {message.message}</p></div>'


def as_message(error: Exception) -> gr.Error:
    """What a visitor reads about an exception."""
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, UserError | MergeError):
        title = getattr(error, "title", "This mix cannot be made")
        return gr.Error(marked(str(error)), duration=None, title=title, print_exception=False)
    mark = secrets.token_hex(2)
    log.error("unexpected problem %s", mark, exc_info=error)
    text = f"Something of ours broke (id {mark}). Your settings are kept; the server's log has the details."
    return gr.Error(text, duration=None, title="Unexpected problem", print_exception=False)
