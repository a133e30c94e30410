"""The history of a tab: what was run, newest first, as pictures; a click brings inputs, settings and mix back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from demos import drawing
from demos.sight import STILL, Updates, Values
from demos.stills import StillGallery, still
from demos.words import hint
from pipelines.shared.errors import UserError

MOST_RUNS = 50
SIDE_PX = 96
ABOUT = "Every full run of this visit, newest first. Click one: its inputs, settings and mix come back."
EMPTY = "Nothing was run yet: the first result will stand here."


@dataclass(frozen=True)
class PastRun:
    """One run: its job, the file of its thumbnail, what is written below it, the example its inputs came from."""

    job: Any
    picture: str
    caption: str
    example: str = ""


class PastView:
    """Gallery and its notes. `gallery.select` runs: the tab's events wire it.

    Args:
        picture_of: (job, result) -> (H, W, 3) uint8, what the thumbnail shows.
        caption_of: (job, result) -> a few words.
        example_of: values -> the example whose inputs are used as they are, empty for others.
        paths_of: job -> files that have to be there for it to be run again.
    """

    def __init__(
        self, tab: str, picture_of: Callable[[Any, Any], np.ndarray], caption_of: Callable[[Any, Any], str],
        example_of: Callable[[Values], str], paths_of: Callable[[Any], tuple[str, ...]],
    ) -> None:  # fmt: skip
        self._picture_of, self._caption_of = picture_of, caption_of
        self._example_of, self._paths_of = example_of, paths_of
        with gr.Accordion("History", open=False, elem_id=f"{tab}-history-box"):
            self.note = gr.HTML(hint(EMPTY), elem_id=f"{tab}-history-note")
            self.gallery = StillGallery(label="Runs", columns=5, height="auto", object_fit="contain", buttons=[],
                                        allow_preview=False, show_label=False, elem_id=f"{tab}-history",
                                        elem_classes=["past", "captions"], visible=False, **STILL)  # fmt: skip
        self.runs = gr.State(())
        self.controls: list[Any] = [self.runs]
        self.outputs: list[Any] = [self.runs, self.note, self.gallery]

    def pictured(self, job: Any, result: Any, values: Values) -> Updates:
        """One entry more, in front; a job that is there already keeps its place."""
        runs: tuple[PastRun, ...] = values[self.runs]
        if any(one.job == job for one in runs):
            return {}
        thumbnail = drawing.thumbnail(np.ascontiguousarray(self._picture_of(job, result)), SIDE_PX)
        path = still(thumbnail, self.gallery.GRADIO_CACHE)
        entry = PastRun(job, path, self._caption_of(job, result), self._example_of(values))
        return self._shown((entry, *runs)[:MOST_RUNS])

    def _shown(self, runs: tuple[PastRun, ...]) -> Updates:
        pictures = [(one.picture, one.caption) for one in runs if Path(one.picture).is_file()]
        return {
            self.runs: runs,
            self.note: hint(ABOUT),
            self.gallery: gr.update(value=pictures, visible=True, selected_index=None),
        }

    def wire(self, inputs: set[Any]) -> None:
        """Nothing of its own."""

    def chosen(self, event: gr.SelectData, values: Values) -> PastRun:
        """The run that was clicked. Raises UserError: its inputs were deleted meanwhile."""
        runs = [one for one in values[self.runs] if Path(one.picture).is_file()]
        run: PastRun = runs[int(event.index)]
        gone = [Path(path).name for path in self._paths_of(run.job) if not Path(path).is_file()]
        if gone:
            raise UserError(
                f"{', '.join(gone)} of this run is no longer on the server; uploads are deleted after a day. Drop it "
                "in again; its recipe is in the pictures that were exported.", "Inputs are gone",
            )  # fmt: skip
        return run
