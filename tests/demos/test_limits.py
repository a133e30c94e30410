"""What one visitor may take of a page."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import gradio as gr
import pytest

from demos.limits import PUBLIC, TimeIsUp, apply, ended, in_time, timed
from demos.tab import told


def test_long_work_is_told_when_its_time_is_up_and_hands_over_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr("demos.limits.time.monotonic", lambda: next(clock))

    def work(count: int) -> Iterator[str]:
        step = 0
        try:
            for step in range(count):
                yield f"step {step}"
        except TimeIsUp:
            yield f"kept {step + 1}"
            raise

    limited, found = ended(told(work), 2), []
    assert list(limited(2)) == ["step 0", "step 1"]
    with pytest.raises(gr.Error, match="may take 2 s on this page") as caught:
        for step in limited(9):
            found.append(step)
    assert found == ["step 0", "step 1", "step 2", "kept 3"] and caught.value.title == "Stopped after 2 s"


def test_work_that_has_nothing_to_hand_over_just_ends() -> None:
    def work() -> Iterator[int]:
        yield from range(9)

    steps = ended(told(work), 0.0)()
    assert next(steps) == 0
    with pytest.raises(gr.Error, match="fewer files"):
        next(steps)


def test_an_endpoint_ends_between_two_steps_and_outside_one_nothing_does(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr("demos.limits.time.monotonic", lambda: next(clock))

    def work(count: int) -> int:
        return sum(1 for _ in in_time(range(count)))

    limited = timed(told(work), 3)
    assert limited(3) == 3 and work(50) == 50
    with pytest.raises(gr.Error, match="may take 3 s on this page"):
        limited(9)


def test_a_public_page_ends_the_long_work_of_its_endpoints_too() -> None:
    seen = []

    def work() -> None:
        from demos import limits

        seen.append(limits._END.get())

    with gr.Blocks() as page:
        for lane in ("batch", "device"):
            gr.Button(lane).click(work, concurrency_id=lane, api_name=lane)
    apply(page, PUBLIC)
    for event in page.fns.values():
        event.fn()
    assert [end and end[1] for end in seen] == [PUBLIC.longest_s, None]
