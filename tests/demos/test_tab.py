"""Turns decide who may write; errors become messages."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr
import pytest

from demos.tab import Turns, tell, told
from pipelines.merging.errors import MergeError
from pipelines.shared.errors import UserError


def test_a_later_run_that_has_written_silences_an_earlier_one() -> None:
    turns = Turns()
    early, late = turns.take(), turns.take()
    assert turns.may_write("anna", late)
    assert not turns.may_write("anna", early)


def test_visitors_do_not_silence_each_other() -> None:
    turns = Turns()
    early, late = turns.take(), turns.take()
    assert turns.may_write("anna", late) and turns.may_write("ben", early)


def test_stop_silences_what_has_started_and_nothing_after() -> None:
    turns = Turns()
    running = turns.take()
    turns.stop("anna")
    assert not turns.may_write("anna", running)
    assert turns.may_write("anna", turns.take())


def test_old_visitors_are_forgotten() -> None:
    turns = Turns(most_visitors=2)
    for name in ("anna", "ben", "cleo"):
        turns.may_write(name, turns.take())
    assert len(turns._written) == 2


@pytest.mark.parametrize(("error", "title"), [(UserError("no frame", "Nothing to fuse"), "Nothing to fuse"),
                                              (MergeError("no expert"), "This mix cannot be made")])  # fmt: skip
def test_errors_a_visitor_can_mend_are_said_word_for_word(error: Exception, title: str) -> None:
    def handler() -> None:
        raise error

    with pytest.raises(gr.Error) as caught:
        told(handler)()
    assert str(error) in caught.value.message and caught.value.title == title


def test_what_is_told_in_passing_is_the_same_message(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, str]] = []
    monkeypatch.setattr(gr, "Warning", lambda message, duration, title: said.append((message, title)))
    tell(UserError("<b> is no frame", "Nothing to fuse"))
    assert said == [("&lt;b&gt; is no frame", "Nothing to fuse")]


def test_markup_in_an_error_is_shown_not_rendered() -> None:
    def handler() -> None:
        raise UserError("<img src=x>.png is not a picture")

    with pytest.raises(gr.Error) as caught:
        told(handler)()
    assert "<img" not in caught.value.message


def test_a_defect_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    def handler() -> None:
        raise KeyError("secret-path")

    with pytest.raises(gr.Error) as caught:
        told(handler)()
    assert "secret-path" not in caught.value.message and "secret-path" in caplog.text


def test_generators_stay_generators_and_their_errors_are_told() -> None:
    def handler() -> Iterator[int]:
        yield 1
        raise UserError("too many")

    steps = told(handler)()
    assert next(steps) == 1
    with pytest.raises(gr.Error):
        next(steps)
