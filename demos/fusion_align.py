"""The alignment panel of the fusion tab: what was found, moves by hand on top, and three ways to check by eye."""

from __future__ import annotations

import base64
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from demos import drawing
from demos.fader import Fader
from demos.fusion_views import CHOSEN
from demos.sight import Sight, Updates, Values
from demos.tab import told
from demos.words import hint
from pipelines.fusion.registration import Move, registration_to_json
from pipelines.shared.images import to_bytes

if TYPE_CHECKING:
    from demos.fusion_bench import Job
    from pipelines.fusion.inputs import FrameSet
    from pipelines.fusion.pipeline import FusionResult

VIEWS = (("Off", "off"), ("Checkerboard", "checkerboard"), ("Blink", "blink"), ("Red and cyan edges", "edges"))
VIEW_PX = 420
ABOUT = "Align looks for the move itself and keeps it only if the frames agree better. The faders move on top of that."


@dataclass(frozen=True)
class MoveEdit:
    """The moves so far, and the frame (0 is the first) whose move is on the faders."""

    frame: int = 1
    moves: tuple[Move, ...] = ()

    def with_faders(self, move: Move) -> MoveEdit:
        """The faders' move noted for its frame."""
        others = tuple(one for one in self.moves if one.frame != self.frame)
        kept = others if move.is_identity else (*others, move)
        return MoveEdit(self.frame, tuple(sorted(kept, key=lambda one: one.frame)))

    @property
    def current(self) -> Move:
        """The move of the chosen frame."""
        return next((one for one in self.moves if one.frame == self.frame), Move(self.frame))


class AlignView:
    """Buttons, faders, views and the transform.

    `faders` re-fuse when they move, `find` and `undo` when they are pressed: the tab wires them.
    """

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        with gr.Accordion("Alignment", open=False, elem_id="fusion-align-box"):
            gr.HTML(hint(ABOUT))
            with gr.Row(elem_classes="tight"):
                self.find = gr.Button("Align", size="sm", min_width=90, elem_id="fusion-align-find")
                self.undo = gr.Button("As they came", size="sm", min_width=90, elem_id="fusion-align-undo")
            self.frame = gr.Radio(
                [("frame 2", 1)],
                value=1,
                label="Move by hand",
                elem_id="fusion-move-frame",
                info="frame 1 stays where it is",
            )
            self._build_faders()
            self.view = gr.Radio(list(VIEWS), value="off", label="Check by eye", elem_id="fusion-align-view")
            self.picture = gr.HTML("", elem_id="fusion-align-picture")
            self.found = gr.HTML("", elem_id="fusion-align-found")
            self.transform = gr.Code(
                "",
                language="json",
                lines=3,
                max_lines=8,
                interactive=False,
                label="Transform",
                elem_id="fusion-transform",
                wrap_lines=True,
                buttons=["copy", "download"],
            )
            self.edit = gr.State(MoveEdit())
        self.controls = [self.frame, self.view, self.edit, *self.faders]
        self.outputs = [self.frame, self.picture, self.found, self.transform, self.edit, *self.faders]

    def _build_faders(self) -> None:
        with gr.Row():
            self.dx = Fader(
                -120,
                120,
                0,
                step=0.5,
                label="dx, px",
                info="right",
                elem_id="fusion-move-dx",
                min_width=220,
                buttons=[],
            )
            self.dy = Fader(
                -120, 120, 0, step=0.5, label="dy, px", info="down", elem_id="fusion-move-dy", min_width=220, buttons=[]
            )
            self.rotation = Fader(
                -15,
                15,
                0,
                step=0.1,
                label="Rotation, °",
                info="counter-clockwise",
                elem_id="fusion-move-rotation",
                min_width=220,
                buttons=[],
            )
            self.scale = Fader(
                0.8,
                1.25,
                1,
                step=0.002,
                label="Scale",
                info="about the centre",
                elem_id="fusion-move-scale",
                min_width=220,
                buttons=[],
            )
        self.faders = [self.dx, self.dy, self.rotation, self.scale]

    def moves(self, values: Values) -> tuple[Move, ...]:
        """Every move by hand."""
        return self._edited(values).moves

    def _edited(self, values: Values) -> MoveEdit:
        edit: MoveEdit = values[self.edit]
        return edit.with_faders(Move(edit.frame, *(values[one] for one in self.faders)))

    def wire(self, inputs: set[Any]) -> None:
        self.frame.input(told(self.when_frame_changes), inputs, [self.edit, self.picture, *self.faders], **CHOSEN)
        self.view.input(told(self.when_viewed), inputs, [self.picture], **CHOSEN)

    def pictured(self, job: Job, result: FusionResult, values: Values) -> Updates:
        """The transform of the frames that were fused, and the chosen view of them."""
        placed = self._sight.bench.registration(job)
        count = len(placed.frames.images)
        chosen = max(1, min(values[self.edit].frame, count - 1))
        choices = [(f"frame {k + 1}", k) for k in range(1, max(count, 2))]
        edit = self._edited(values)
        return ({} if edit.frame == chosen else self._faders_for(MoveEdit(chosen, edit.moves))) | {
            self.frame: gr.update(
                choices=choices,
                value=chosen,
                interactive=count > 1,
                info="frame 1 stays where it is" if count > 1 else "one frame has nothing to meet",
            ),
            self.found: hint(" ".join(one.note for one in placed.transforms) or "Nothing is moved."),
            self.transform: registration_to_json(placed),
            self.picture: view_of(values[self.view], placed.frames, chosen),
        }

    def when_frame_changes(self, values: Values) -> Updates:
        """Another frame's move on the faders; that of the frame that is left is kept."""
        edit = MoveEdit(int(values[self.frame] or 1), self._edited(values).moves)
        return self._faders_for(edit) | self._viewed(values, edit.frame)

    def when_viewed(self, values: Values) -> Updates:
        """The frames on top of each other, another way."""
        return self._viewed(values, values[self.edit].frame)

    def _viewed(self, values: Values, frame: int) -> Updates:
        if values[self._sight.shown] is None:
            return {self.picture: ""}
        return {self.picture: view_of(values[self.view], self._sight.bench.frames(self._sight.job(values)), frame)}

    def _faders_for(self, edit: MoveEdit) -> Updates:
        move = edit.current
        values = (move.dx_px, move.dy_px, move.rotation_deg, move.scale)
        return {self.edit: edit} | {one: one.held(value) for one, value in zip(self.faders, values, strict=True)}

    def shown(self, moves: tuple[Move, ...]) -> Updates:
        """These moves on the panel."""
        first = moves[0].frame if moves else 1
        return self._faders_for(MoveEdit(first, moves))


def view_of(view: str, frames: FrameSet, index: int) -> str:
    """The first frame and another one on top of each other, as an element that holds its own pixels."""
    from pipelines.fusion import align

    if view == "off" or not 0 < index < len(frames.images):
        return ""
    first, other = (drawing.thumbnail(to_bytes(frames.images[k]), VIEW_PX).astype(np.float32) / 255
                    for k in (0, index))  # fmt: skip
    names = f"{frames.names[0]} and {frames.names[index]}"
    if view == "checkerboard":
        return _picture(_encoded(align.checkerboard(first, other)), f"Checkerboard of {names}")
    if view == "edges":
        legend = hint("Edges of frame 1 are red, of the other cyan; where they agree they are white.")
        return _picture(_encoded(align.red_cyan_edges(first, other)), f"Edges of {names}") + legend
    with tempfile.TemporaryDirectory() as folder:
        moving = align.blink(first, other, Path(folder) / "blink.webp").read_bytes()
    still = hint("Where the system asks for less motion, the first frame stands still: use the checkerboard there.")
    return _picture(moving, f"{names} in turn", _encoded(first)) + still


def _encoded(image: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(to_bytes(image)).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def _picture(content: bytes, words: str, still: bytes | None = None) -> str:
    """An image element; `still` takes its place where reduced motion is asked for."""
    import html

    source = "data:image/webp;base64," + base64.b64encode(content).decode()
    calm = ""
    if still is not None:
        calm_source = "data:image/webp;base64," + base64.b64encode(still).decode()
        calm = f'<source media="(prefers-reduced-motion: reduce)" srcset="{calm_source}">'
    image = f'<img src="{source}" alt="{html.escape(words)}" style="max-width:100%">'
    return f"<picture>{calm}{image}</picture>"
