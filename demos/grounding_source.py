"""Where the grounding tab's picture comes from, and what is looked for: uploads, examples, scenes, phrases."""

from __future__ import annotations

from typing import Any

import gradio as gr
from PIL import Image

from demos.examples import Example
from demos.grounding_tiers import network_titles
from demos.grounding_words import KIND_TITLES, NETWORK, PICK, expression_buttons
from demos.networks import network_menu
from demos.sight import STILL, Updates, Values
from demos.steps import new_file
from demos.stills import OriginalImage
from demos.tab import BESIDE_QUEUE, told
from demos.words import hint
from pipelines.grounding.query import MOST_CHARACTERS, Query
from pipelines.grounding.random_scene import MOST_SEED, SceneRef, drawn

ID = "grounding"
ABOUT_EXAMPLES = "Examples: each brings its picture, its phrases and its mix."
ABOUT_SCENES = "Generated scenes know their answers: every expression below is a click away, and is marked hit or miss."
ABOUT_NETWORKS = "published ones look at photographs; the desk does not mix them"
EXPRESSIONS = "About this scene; click to ask:"
NO_PHOTOGRAPHS = f"{NETWORK} knows twenty drawn things, not photographs; choose a published network for those."
FIRST = "the red circle"
# A quarter of a second after the last key the phrase that then stands there is looked at; what is sent needs no look.
PAUSE = f"""let rest;
const isPhrase = (event) => event.target.closest?.('#{ID}-phrase') && element.isConnected;
const forget = (event) => {{ if (isPhrase(event)) clearTimeout(rest); }};
document.addEventListener('input', (event) => {{
  forget(event);
  if (isPhrase(event)) rest = setTimeout(() => trigger('input'), 250);
}});
document.addEventListener('keydown', (event) => {{ if (event.key === 'Enter') forget(event); }});
document.addEventListener('focusout', forget);"""


class GroundingSource:
    """Picture, phrases, the scene generator and the menu of examples, in the current layout.

    `pause.input` fires when someone stops typing the phrase.
    """

    def __init__(self, examples: tuple[Example, ...]) -> None:
        self.examples = examples
        first = examples[0] if examples else None
        options = first.options if first else {}
        self.image = OriginalImage(
            str(first.frames[0]) if first else None, label="Picture", type="filepath", height=240, format="png",
            sources=["upload", "clipboard", "webcam"], webcam_options=gr.WebcamOptions(mirror=False),
            elem_id=f"{ID}-image", buttons=["fullscreen"],
            placeholder="Drop a picture, or draw a random scene below",
        )  # fmt: skip
        self._build_phrases(options)
        self.network = network_menu(ID, network_titles(NETWORK), ABOUT_NETWORKS)
        with gr.Row(elem_classes="tight"):
            self.run = gr.Button("Run", variant="primary", elem_id=f"{ID}-run", size="md", min_width=80)
            self.stop = gr.Button("Stop", elem_id=f"{ID}-stop", size="md", min_width=80)
        self._build_scenes(options)
        self._build_menu(first)
        self.controls = [self.image, self.phrase, self.more, self.kind, self.seed, self.scene, self.example,
                         self.network]  # fmt: skip
        self.shown_components = [*self.controls, self.expressions, self.caption]

    def _build_phrases(self, options: Any) -> None:
        phrases = list(options.get("phrases", (FIRST,)))
        self.phrase = gr.Textbox(phrases[0], label="What to find", max_lines=1, max_length=4 * MOST_CHARACTERS,
                                 placeholder="the red mug left of the lamp", elem_id=f"{ID}-phrase",
                                 info="Enter asks; “; ” parts phrases; “| box” or “| none” restricts")  # fmt: skip
        self.more = gr.Textbox("\n".join(phrases[1:]), label="Further phrases", lines=2, max_lines=8,
                               max_length=16 * MOST_CHARACTERS, elem_id=f"{ID}-more",
                               info="one per line, each in its own colour")  # fmt: skip

    def _build_scenes(self, options: Any) -> None:
        first = _scene(options)
        with gr.Row(elem_classes="tight"):
            self.kind = gr.Dropdown([(title, kind) for kind, title in KIND_TITLES.items()], label="Random scene",
                                    value=first.kind if first else "base", elem_id=f"{ID}-kind",
                                    min_width=150)  # fmt: skip
            self.seed = gr.Number(first.seed if first else 0, label="Seed", precision=0, minimum=0, maximum=MOST_SEED,
                                  elem_id=f"{ID}-seed", min_width=80)  # fmt: skip
        with gr.Row(elem_classes="tight"):
            self.another = gr.Button("New random scene", size="sm", elem_id=f"{ID}-scene", min_width=130)
            self.this = gr.Button("This seed", size="sm", elem_id=f"{ID}-scene-this", min_width=80)
        self.scene = gr.State(first)
        self.pause = gr.HTML(hint(ABOUT_SCENES), js_on_load=PAUSE)
        self.expressions = gr.HTML("", elem_id=f"{ID}-expressions", js_on_load=PICK)

    def _build_menu(self, first: Example | None) -> None:
        gr.HTML(hint(ABOUT_EXAMPLES), visible=bool(self.examples))
        self.menu = gr.Gallery(
            [(str(one.frames[0]), one.title) for one in self.examples], label="Examples", columns=2, height=300,
            allow_preview=False, elem_id=f"{ID}-examples", object_fit="contain", show_label=False, buttons=[],
            visible=bool(self.examples), **STILL,
        )  # fmt: skip
        self.caption = gr.HTML(hint(first.words if first else ""), elem_id=f"{ID}-caption")
        self.example = gr.State(first.slug if first else "")

    # --- values

    def path(self, values: Values) -> str:
        """The file of the picture; empty where there is none, or where it is a generated scene."""
        return "" if values[self.scene] else str(values[self.image] or "")

    def text(self, values: Values) -> str:
        """All phrases, a line each."""
        return f"{values[self.phrase] or ''}\n{values[self.more] or ''}"

    # --- updates

    def with_example(self, example: Example) -> Updates:
        """Picture, scene, phrases and caption of an example."""
        scene = _scene(example.options)
        return {
            self.image: str(example.frames[0]),
            self.scene: scene,
            self.expressions: expressions_of(scene),
            self.example: example.slug,
            self.caption: hint(example.words),
        }

    def with_queries(self, queries: tuple[Query, ...]) -> Updates:
        """The phrases in their boxes."""
        texts = [query.text for query in queries] or [""]
        return {self.phrase: texts[0], self.more: "\n".join(texts[1:])}

    def with_input(self, path: str, scene: SceneRef | None, slug: str) -> Updates:
        """Picture of an earlier run or of a recipe; `slug` names the example that it came from."""
        example = next((one for one in self.examples if one.slug == slug), None)
        caption: Updates = {self.example: slug, self.caption: hint(example.words) if example else ""}
        if scene is not None:
            return self.with_scene(scene) | caption
        picture: Updates = {self.image: path} if path else {}
        return picture | {self.scene: None, self.expressions: ""} | caption

    def with_scene(self, scene: SceneRef) -> Updates:
        """A generated scene as the picture, with its expressions."""
        out = new_file(scene.name)
        Image.fromarray(drawn(scene).pixels).save(out)
        return {
            self.image: str(out), self.scene: scene, self.kind: scene.kind, self.seed: scene.seed,
            self.expressions: expressions_of(scene), self.example: "", self.caption: "",
        }  # fmt: skip

    # --- events

    def wire_quietly(self) -> None:
        """A cleared picture is forgotten, and runs nothing."""
        self.image.clear(told(self.when_cleared), None, [self.scene, self.expressions, self.example, self.caption],
                         **BESIDE_QUEUE)  # fmt: skip

    def when_uploaded(self) -> Updates:
        """A picture of one's own: the page forgets scene and example, and says what the tab's own network knows."""
        return self.when_cleared() | {self.caption: hint(NO_PHOTOGRAPHS)}

    def when_cleared(self) -> Updates:
        """No picture: the page forgets scene and example."""
        return {self.scene: None, self.expressions: "", self.example: "", self.caption: ""}

    def when_scene_wanted(self, values: Values) -> Updates:
        """The scene of the seed in the box, and its first expression."""
        return self._asked(SceneRef(values[self.kind], _whole(values[self.seed])))

    def when_another_wanted(self, values: Values) -> Updates:
        """A scene of another seed: the one after that in the box."""
        seed = _whole(values[self.seed])
        return self._asked(SceneRef(values[self.kind], 0 if seed >= MOST_SEED else seed + 1))

    def _asked(self, scene: SceneRef) -> Updates:
        phrases = drawn(scene).phrases
        first = phrases[0].text if phrases else FIRST
        return self.with_scene(scene) | {self.phrase: first, self.more: ""}

    def when_expression_chosen(self, event: gr.SelectData, values: Values) -> Updates:
        """The expression that was clicked, alone."""
        phrases = drawn(values[self.scene]).phrases if values[self.scene] else ()
        if int(event.index) >= len(phrases):
            return {self.phrase: gr.skip(), self.more: gr.skip()}
        return {self.phrase: phrases[int(event.index)].text, self.more: ""}


def _whole(value: Any) -> int:
    return int(value or 0)


def _scene(options: Any) -> SceneRef | None:
    scene = options.get("scene")
    return SceneRef(scene["kind"], scene["seed"]) if scene else None


def expressions_of(scene: SceneRef | None) -> str:
    """The scene's own expressions as buttons."""
    if scene is None:
        return ""
    return expression_buttons([(one.text, one.kind) for one in drawn(scene).phrases], EXPRESSIONS)
