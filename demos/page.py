"""The whole page: header, a tab per row of the registry, status bar, endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from demos.endpoints import add_endpoints
from demos.header import Header
from demos.limits import PRIVATE, Limits, apply
from demos.loads import LoadMessages
from demos.registry import TABS
from demos.sessions import light_sessions
from demos.status import StatusBar
from demos.tab import Tab, Workshop


@dataclass(frozen=True)
class Page:
    """The page that can be launched, and what each tab's `build` made, by tab name."""

    blocks: gr.Blocks
    tabs: Mapping[str, Any]


def build_page(workshop: Workshop, limits: Limits = PRIVATE, rows: Sequence[Tab] = TABS) -> Page:
    """Build it, with a tab per row; nothing is loaded."""
    fixed: dict[str, Any] = {"title": "Mixdeck", "analytics_enabled": False, "fill_width": True}
    with gr.Blocks(**fixed, delete_cache=limits.delete_cache) as page:
        header = Header([tab.name for tab in rows])
        built: dict[str, Any] = {}
        with gr.Tabs(selected=rows[0].name, overflow_behavior="wrap") as tabs:
            for tab in rows:
                with gr.Tab(tab.title, id=tab.name) as opened:
                    built[tab.name] = tab.build(workshop)
                header.follow(opened, tab.name, built[tab.name])
        status = StatusBar(workshop, limits.has_models)
        for one in built.values():
            if hasattr(one, "meet"):
                one.meet(tabs, built)
        header.wire(page, tabs, built)
        for one in built.values():
            status.follow([header.run_of(one), *one.runs], one, header)
            one.add_endpoints()
        add_endpoints(workshop)
    workshop.cache.add_listener(LoadMessages())
    light_sessions(page)
    apply(page, limits)
    workshop.waiting = lambda: len(page._queue)
    return Page(page, built)
