"""Where the text tab's picture comes from, whether it is one word, and how it is to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from demos.examples import Example
from demos.fader import Fader
from demos.networks import OWN, Networks, enabled, network_menu
from demos.sight import STILL, Updates, Values
from demos.stills import OriginalImage
from demos.text_recognition_words import NETWORK
from demos.words import hint
from pipelines.text_recognition.options import CROP, MOST_REFINEMENTS, PHOTO, PROCEDURES

if TYPE_CHECKING:
    from pipelines.text_recognition.abilities import Abilities

ABOUT_EXAMPLES = "Examples: each brings its picture and its mix."
ABOUT_NETWORKS = "the full tier reads with published checkpoints, once they are on this machine; the desk mixes each"
ID = "text_recognition"


class TextSource:
    """Picture, procedure and the menu of examples, in the current layout; `run` and `stop` stand between them."""

    def __init__(self, examples: tuple[Example, ...], networks: Networks) -> None:
        self.examples = examples
        first = examples[0] if examples else None
        self.image = OriginalImage(
            str(first.frames[0]) if first else None, label="Picture", type="filepath", height=190, format="png",
            sources=["upload", "clipboard", "webcam"], webcam_options=gr.WebcamOptions(mirror=False),
            elem_id=f"{ID}-image", buttons=["fullscreen"],
            placeholder="Drop a word crop or a photograph",
        )  # fmt: skip
        self.mode = gr.Radio([("Word crop", CROP), ("Whole photograph", PHOTO)], value=CROP, label="The picture is",
                             elem_id=f"{ID}-mode")  # fmt: skip
        self.procedure = gr.Dropdown([(title, name) for name, title in PROCEDURES.items()], value="parallel",
                                     label="Reading procedure", elem_id=f"{ID}-procedure")  # fmt: skip
        self.refinements = Fader(0, MOST_REFINEMENTS, 0, step=1, label="Then refine, times", buttons=[],
                                 elem_id=f"{ID}-refinements", info="doubtful characters are read again")  # fmt: skip
        self.network = network_menu(ID, titles_of(networks), ABOUT_NETWORKS)
        with gr.Row(elem_classes="tight"):
            self.run = gr.Button("Run", variant="primary", elem_id=f"{ID}-run", size="md", min_width=80)
            self.stop = gr.Button("Stop", elem_id=f"{ID}-stop", size="md", min_width=80)
        self._build_menu(first)
        self.controls = [self.image, self.mode, self.procedure, self.refinements, self.network, self.example]
        self.shown_components = [*self.controls, self.caption]

    def _build_menu(self, first: Example | None) -> None:
        gr.HTML(hint(ABOUT_EXAMPLES))
        self.menu = gr.Gallery(
            [(str(one.frames[0]), one.title) for one in self.examples], label="Examples", columns=2, height=300,
            allow_preview=False, elem_id=f"{ID}-examples", object_fit="contain", show_label=False, buttons=[], **STILL,
        )  # fmt: skip
        self.caption = gr.HTML(hint(first.words if first else ""), elem_id=f"{ID}-caption")
        self.example = gr.State(first.slug if first else "")

    def path(self, values: Values) -> str:
        """The file of the picture; empty where there is none."""
        return str(values[self.image] or "")

    def able(self, able: Abilities, procedure: str) -> Updates:
        """The procedures that a network can follow, and why no others; `procedure` is kept where it can be."""
        known = able.procedures or tuple(PROCEDURES)
        return {
            self.procedure: gr.update(choices=[(PROCEDURES[name], name) for name in known], info=able.why or None,
                                      value=procedure if procedure in known else known[0],
                                      interactive=able.can_be_asked),
            self.refinements: enabled(self.refinements, able.can_be_asked, able.why),
        }  # fmt: skip

    def with_example(self, example: Example) -> Updates:
        """Picture and caption of an example."""
        return {
            self.image: str(example.frames[0]),
            self.mode: PHOTO if example.task == PHOTO else CROP,
            self.example: example.slug,
            self.caption: hint(example.words),
        }

    def with_file(self, path: str, slug: str) -> Updates:
        """The picture of an earlier run; `slug` names the example that it came from."""
        example = next((one for one in self.examples if one.slug == slug), None)
        return {self.image: path, self.example: slug, self.caption: hint(example.words) if example else ""}

    def when_uploaded(self) -> Updates:
        """A picture of one's own: the page forgets the example."""
        return {self.example: "", self.caption: ""}


def titles_of(networks: Networks) -> dict[str, str]:
    """A line of the menu for each network: which tier it is of, and what can be mixed."""
    own = f"{NETWORK}, embedded: {', '.join(networks[OWN].tasks)}"
    return {name: f"{name}, full tier: {', '.join(one.tasks)} over {one.base.name}" if name else own
            for name, one in networks.items()}  # fmt: skip
