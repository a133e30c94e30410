"""The networks of one tab: its own, which is embedded, and published ones of the full tier; and the menu of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gradio as gr

from demos.sight import Updates
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily

OWN = ""  # the name of a tab's own family among its networks
Networks = Mapping[str, ModelFamily]


def networks_of(own: ModelFamily, others: Iterable[ModelFamily] = ()) -> dict[str, ModelFamily]:
    """The own family under OWN, the others under their names, in the order of the menu."""
    return {OWN: own, **{one.name: one for one in others}}


def family_named(networks: Networks, name: str) -> ModelFamily:
    """The family behind a network. Raises UserError naming the known ones."""
    if name not in networks:
        known = ", ".join(repr(one) for one in networks)
        raise UserError(f"No network {name!r}; known are {known}, the first being the tab's own.", "Unknown network")
    return networks[name]


def network_menu(tab: str, titles: Mapping[str, str], info: str) -> gr.Dropdown:
    """The menu in the current layout; `titles` by name, the own network first."""
    choices: list[tuple[str, Any]] = [(title, name) for name, title in titles.items()]
    return gr.Dropdown(choices, value=OWN, label="Network", elem_id=f"{tab}-network", info=info)


def enabled(component: Any, is_on: bool, why: str) -> dict[str, Any]:
    """An update that lets a component be used and says again what it is for, or says why it cannot be used."""
    update: dict[str, Any] = gr.update(interactive=is_on, info=component.info if is_on else why)
    return update


class OwnParts:
    """Parts of a layout that each network has for itself: those of one are seen. With one network, no box is made."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._is_needed = len(list(networks)) > 1
        self._boxes: list[tuple[gr.Column, frozenset[str]]] = []

    @contextmanager
    def of(self, *names: str) -> Iterator[None]:
        """What is built inside belongs to these networks."""
        if not self._is_needed:
            yield
            return
        with gr.Column(visible=OWN in names) as box:
            yield
        self._boxes.append((box, frozenset(names)))

    @property
    def boxes(self) -> list[gr.Column]:
        """Everything `seen` updates."""
        return [box for box, _ in self._boxes]

    def seen(self, name: str) -> Updates:
        """The parts of this network, and no others."""
        return {box: gr.update(visible=name in names) for box, names in self._boxes}


def prefix_of(start: str, network: str) -> str:
    """What the element ids of a network's own parts begin with."""
    return start if network == OWN else f"{start}-{network}"
