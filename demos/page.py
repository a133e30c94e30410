"""The whole page: header, a tab per row of the registry, status bar, endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from demos.endpoints import add_endpoints
from demos.registry import TABS
from demos.status import StatusBar
from demos.tab import ON_DEVICE, Workshop

TITLE = '<div class="title"><h1>Mixdeck</h1><p>Choose sources, choose how much of each, and see it.</p></div>'


@dataclass(frozen=True)
class Page:
    """The page that can be launched, and what each tab's `build` made, by tab name."""

    blocks: gr.Blocks
    tabs: Mapping[str, Any]


def build_page(workshop: Workshop, queue_size: int = 32) -> Page:
    """Build it; nothing is loaded."""
    with gr.Blocks(title="Mixdeck", analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400)) as page:
        with gr.Row(elem_id="header"):
            gr.HTML(TITLE)
        built: dict[str, Any] = {}
        with gr.Tabs(selected=TABS[0].name, overflow_behavior="wrap"):
            for tab in TABS:
                with gr.Tab(tab.title, id=tab.name):
                    built[tab.name] = tab.build(workshop)
        status = StatusBar(workshop)
        for one in built.values():
            opened = page.load(one.on_load, one.inputs, one.pictures, show_progress="hidden", trigger_mode="once",
                               **ON_DEVICE)
            status.follow([opened, *one.runs])
        add_endpoints(workshop, built["fusion"].bench)
    page.queue(max_size=queue_size)
    return Page(page, built)
