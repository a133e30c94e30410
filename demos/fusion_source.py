"""Where the fusion tab's frames come from: uploads and examples, and which task they are for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos import drawing
from demos.examples import Example
from demos.exports import hashes_of
from demos.fusion_words import slot_titles, slots_label
from demos.stills import StillGallery
from demos.words import hint
from pipelines.fusion.options import TASKS
from pipelines.shared.images import FOREIGN_SUFFIXES, to_bytes

if TYPE_CHECKING:
    from pipelines.fusion.inputs import FrameSet
    from pipelines.shared.recipe_file import RecipeDocument

Updates = dict[Any, Any]
Values = Mapping[Any, Any]
SORTED = ("mef",)  # tasks whose frames find their order themselves
OTHER_WAY, SORTS = "the last frame first", "exposures are sorted, brightest first"
STILL: dict[str, Any] = {"format": "png", "interactive": False}


class FusionSource:
    """Task, frames and the menu of examples, in the current layout; `run` and `stop` stand between them."""

    def __init__(self, examples: tuple[Example, ...]) -> None:
        self.examples = examples
        first = examples[0] if examples else None
        self._build_frames(first)
        with gr.Row(elem_classes="tight"):
            self.run = gr.Button("Run", variant="primary", elem_id="fusion-run", size="md", min_width=80)
            self.stop = gr.Button("Stop", elem_id="fusion-stop", size="md", min_width=80)
        self._build_menu(first)
        self.controls = [self.task, self.files, self.swap, self.align, self.example, self.awaited]
        self.shown_components = [*self.controls, self.gallery, self.caption]

    def _build_frames(self, first: Example | None) -> None:
        tasks = [(task.title, name) for name, task in TASKS.items()]
        task = first.task if first else "ivis"
        self.task = gr.Radio(tasks, value=task, label="Task", elem_id="fusion-task")
        self.files = gr.File(
            [str(path) for path in first.frames] if first else None, label=slots_label(task), file_count="multiple",
            file_types=["image", *FOREIGN_SUFFIXES], height=120, elem_id="fusion-files",
        )  # fmt: skip
        self.gallery = StillGallery(
            [(str(path), path.name) for path in first.frames] if first else None, label="Frames", columns=2, height=140,
            elem_id="fusion-frames", elem_classes="captions", object_fit="contain", show_label=False,
            buttons=["fullscreen"], **STILL,
        )  # fmt: skip
        with gr.Row(elem_classes="tight"):
            self.swap = gr.Checkbox(False, label="Swap", elem_id="fusion-swap", min_width=100, **swap_able(task))
            self.align = gr.Checkbox(False, label="Align", elem_id="fusion-align", min_width=100)

    def _build_menu(self, first: Example | None) -> None:
        gr.HTML(hint("Examples: each brings its frames and its mix."))
        self.menu = gr.Gallery(
            [(str(thumb), one.title) for one in self.examples for thumb in one.frames[:1]], label="Examples", columns=2,
            height=420, allow_preview=False, elem_id="fusion-examples", elem_classes="captions", object_fit="cover",
            show_label=False, buttons=[], **STILL,
        )  # fmt: skip
        self.caption = gr.HTML(hint(first.caption if first else ""), elem_id="fusion-caption")
        self.example = gr.State(first.slug if first else "")
        self.awaited = gr.State(None)  # the document of a restored recipe whose frames have not come yet

    def paths(self, values: Values) -> tuple[str, ...]:
        """The uploaded files, in the order in which they are to be fused."""
        paths = tuple(values[self.files] or ())
        return paths[::-1] if self.is_swapped(values) else paths

    def is_swapped(self, values: Values) -> bool:
        """Whether the frames are taken the other way round."""
        return bool(values[self.swap]) and values[self.task] not in SORTED

    def with_example(self, example: Example) -> Updates:
        """Frames, task and caption of an example."""
        return {
            self.task: example.task,
            self.files: gr.update(value=[str(path) for path in example.frames], label=slots_label(example.task)),
            self.example: example.slug,
            self.caption: hint(example.words),
            self.gallery: [(str(path), path.name) for path in example.frames],
            self.swap: gr.update(value=False, **swap_able(example.task)),
        }

    def with_files(self, paths: tuple[str, ...], task: str, slug: str) -> Updates:
        """The frames of an earlier run; `slug` names the example that they came from."""
        example = next((one for one in self.examples if one.slug == slug), None)
        return {
            self.files: gr.update(value=list(paths), label=slots_label(task)),
            self.swap: gr.update(value=False, **swap_able(task)),
            self.example: slug,
            self.caption: hint(example.words) if example else "",
        }

    def first_of(self, task: str) -> Example | None:
        """The first example of a task."""
        return next((one for one in self.examples if one.task == task), None)

    def with_task(self, task: str) -> Updates:
        """Own frames for another task."""
        return {
            self.task: task,
            self.files: gr.update(label=slots_label(task)),
            self.swap: gr.update(**swap_able(task)),
        }

    def when_uploaded(self, values: Values) -> Updates:
        """Own frames: the page forgets the example."""
        pictures = [(path, Path(path).name) for path in values[self.files] or ()]
        return {self.example: "", self.caption: "", self.gallery: pictures}

    def hashes(self, values: Values | None) -> dict[str, str]:
        """Path -> SHA-256 of each uploaded file, in their order; none of a page that sent no values."""
        return hashes_of(values[self.files] or ()) if values else {}

    def with_inputs(self, document: RecipeDocument, task: str, there: Mapping[str, str]) -> Updates:
        """Frames in the order of a recipe's inputs; where one of them is not there yet, the document waits for it.

        Args:
            there: as `hashes` gives them. Frames that find their order themselves, or that are not all the recipe's,
                stay as they are.
        """
        wanted, found = tuple(one.sha256 for one in document.inputs), tuple(there.values())
        if not set(wanted) <= set(found):
            return {self.awaited: document}
        if not wanted or task in SORTED or sorted(wanted) != sorted(found):
            return {self.awaited: None}
        is_turned = wanted != found and wanted == found[::-1]
        updates = {self.awaited: None, self.swap: gr.update(value=is_turned, **swap_able(task))}
        if is_turned or wanted == found:
            return updates
        paths = {sha256: path for path, sha256 in there.items()}
        ordered = gr.update(value=[paths[one] for one in wanted], label=slots_label(task))
        return updates | {self.files: ordered, self.example: ""}

    def pictured(self, frames: FrameSet, task: str) -> Updates:
        """The frames as they were read: in their order, aligned and cut, each with its part in the scene."""
        titles = slot_titles(task, len(frames.images))
        thumbnails = [drawing.thumbnail(to_bytes(image)) for image in frames.images]
        captions = [f"{title}: {name}" for title, name in zip(titles, frames.names, strict=True)]
        return {self.gallery: list(zip(thumbnails, captions, strict=True))}


def swap_able(task: str) -> dict[str, Any]:
    """Of the box that turns the frames round."""
    return {"interactive": task not in SORTED, "info": SORTS if task in SORTED else OTHER_WAY}
