"""A load that takes a while, told to the visitor whose run waits for it."""

from __future__ import annotations

import html

import gradio as gr

from pipelines.shared.weights import LoadProgress

LARGE_BYTES = 50 << 20  # smaller checkpoints are there before anybody could read of them
STEPS = 4


class LoadMessages:
    """A listener of the cache. The thread that reads is the waiting run's own, so its page gets the message.

    Each large checkpoint is told when its reading begins, at every quarter, and when it is there.
    """

    def __init__(self) -> None:
        self._told: dict[str, int] = {}  # checkpoint -> quarter

    def __call__(self, progress: LoadProgress) -> None:
        step = STEPS * progress.done_bytes // max(progress.total_bytes, 1)
        if progress.total_bytes < LARGE_BYTES or self._told.get(progress.name) == step:
            return
        self._told[progress.name] = step
        done, total = progress.done_bytes / 1e6, progress.total_bytes / 1e6
        gr.Info(f"{html.escape(progress.name)}: {done:.0f} of {total:.0f} MB", title="Loading")
