"""The strips of a desk: for each expert a fader and its switches."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from demos.fader import Fader
from pipelines.merging.recipe import COEFFICIENT_RANGE
from pipelines.shared.family import ModelFamily

FLAGS = (("Solo", "solo"), ("Mute", "mute"), ("± negate", "negate"))


@dataclass(frozen=True)
class Strip:
    """The controls of one expert."""

    task: str
    weight: Fader
    flags: gr.CheckboxGroup


def build_strips(prefix: str, family: ModelFamily) -> tuple[Strip, ...]:
    """A strip for each expert of a family, in the current layout, at what its own mix gives it."""
    usual, strips = dict(family.default.coefficients), []
    for index, (task, spec) in enumerate(family.experts.items()):
        with gr.Column(elem_classes=["strip", f"strip-{index}"]):
            weight = Fader(
                *COEFFICIENT_RANGE,
                usual.get(task, 0.0),
                step=0.01,
                label=task,
                info=spec.task.partition(":")[0],
                elem_id=f"{prefix}-w-{index}",
                buttons=["reset"],
            )
            flags = gr.CheckboxGroup(
                FLAGS,
                value=[],
                label=f"{task} switches",
                show_label=False,
                container=False,
                elem_id=f"{prefix}-flags-{index}",
                elem_classes="flags",
            )
        strips.append(Strip(task, weight, flags))
    return tuple(strips)
