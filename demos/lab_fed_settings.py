"""What methods that are fed are told: their settings as number boxes, and which two networks are matched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from demos.lab_menus import Menu
from demos.sight import Updates, Values
from pipelines.lab.feeding import BASE, FED
from pipelines.merging.method import OfflineMethod, Setting

STARTS = {"concrete.steps": 100.0, "concrete.rate": 0.01, "optimal_transport.epsilon": 0.0}  # minutes, not an hour


class FedSettings:
    """A menu of methods, a group of boxes for each, and the two networks; one group is seen at a time.

    Attributes:
        settings: "method", "anchor", "other", "shuffle" and "method.setting" -> widget.
        file: a network of another start, in the place of `other`.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        choices, first = [(one.title, one.name) for one in FED], FED[0]
        self.settings: dict[str, Any] = {}
        self.groups: list[Any] = []
        self.settings["method"] = gr.Dropdown(choices, value=first.name, label="Method", elem_id="lab-fed-method")
        for method in FED:
            with gr.Column(visible=method is first, elem_id=f"lab-fed-{method.name}") as group:
                if "pair" in method.feeds:
                    self._build_pair(tasks)
                with gr.Row():
                    for one in method.settings:
                        self.settings[f"{method.name}.{one.name}"] = control(method, one)
                gr.HTML(f'<div class="hint">{method.formula} · {method.paper} · {method.cost}</div>')
            self.groups.append(group)

    def _build_pair(self, tasks: Sequence[str]) -> None:
        names = [*tasks, BASE]
        with gr.Row():
            self.settings["anchor"] = Menu(names, value=names[0], label="Anchor", elem_id="lab-fed-anchor",
                                                  min_width=140)  # fmt: skip
            self.settings["other"] = Menu(names, value=names[1], label="Laid on it", elem_id="lab-fed-other",
                                                 min_width=140)  # fmt: skip
            self.settings["shuffle"] = gr.Checkbox(
                True, label="Shuffle its neurons first", elem_id="lab-fed-shuffle", min_width=200,
                info="it answers as before, but shares no coordinate with the anchor",
            )  # fmt: skip
            self.file = gr.File(label="or a network of another start and width (.safetensors)", height=140,
                                file_types=[".safetensors"], elem_id="lab-fed-stranger")  # fmt: skip

    def when_method_changes(self, values: Values) -> Updates:
        """The boxes of the method that is chosen."""
        chosen = values[self.settings["method"]]
        return {group: gr.update(visible=method.name == chosen) for group, method in zip(self.groups, FED, strict=True)}

    def followed(self, tasks: Sequence[str], values: Values) -> Updates:
        """The networks that a family has."""
        names, updates = [*tasks, BASE], {}
        for place, side in enumerate(("anchor", "other")):
            kept = values[self.settings[side]]
            updates[self.settings[side]] = gr.update(choices=names, value=kept if kept in names else names[place])
        return updates

    def chosen(self, method: OfflineMethod, values: Values) -> dict[str, float | str]:
        """Setting -> number or choice; an empty box is the default."""
        boxes = {one.name: values[self.settings[f"{method.name}.{one.name}"]] for one in method.settings}
        return {name: value for name, value in boxes.items() if value is not None}

    def pair(self, values: Values) -> tuple[str, str | Path, int | None]:
        """Anchor, the other network, and the seed of its shuffle."""
        anchor, other, shuffle = (values[self.settings[name]] for name in ("anchor", "other", "shuffle"))
        dropped = values[self.file]
        return anchor, Path(dropped) if dropped else other, 0 if shuffle else None


def control(method: OfflineMethod, setting: Setting) -> gr.Number | gr.Dropdown:
    """A menu for a choice, else a number box with its range."""
    start = STARTS.get(f"{method.name}.{setting.name}", setting.default)
    about: dict[str, Any] = {"label": setting.title, "info": setting.meaning, "min_width": 120,
                             "elem_id": f"lab-fed-{method.name}-{setting.name}"}  # fmt: skip
    if setting.choices:
        return gr.Dropdown(list(setting.choices), value=start, **about)
    assert not isinstance(start, str)
    return gr.Number(start, minimum=setting.minimum, maximum=setting.maximum, step=setting.step, **about)
