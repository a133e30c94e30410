"""Which event of the fusion tab runs what, beside those of every desk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.tab import BESIDE_QUEUE, told
from demos.tab_events import LAST, TabEvents
from pipelines.fusion.registration import UNMOVED

if TYPE_CHECKING:
    from demos.fusion import FusionTab


def events(tab: FusionTab) -> TabEvents:
    """What moves, what is chosen, what sets the page, and what marks the picture."""
    settings, alignment, tables, source = tab.settings, tab.alignment, tab.tables, tab.source
    return TabEvents(
        moved=(*settings.faders, *alignment.faders, *tables.faders),
        chosen=(*settings.switches, source.swap, source.align),
        setting=_setting(tab),
        marking=(settings.engine.input, source.task.input, source.files.upload, source.files.delete,
                 source.files.clear, alignment.find.click, alignment.undo.click, tables.reset.click),
        busy=tuple(tab.compare.outputs),
    )  # fmt: skip


def _setting(tab: FusionTab) -> tuple[Any, ...]:
    mine: dict[str, Any] = {"inputs": tab.inputs, "outputs": tab.settable}
    source, alignment = tab.source, tab.alignment
    return (
        source.task.input(told(tab.when_task_changes), **mine, **LAST),
        gr.on([source.files.upload, source.files.delete], told(tab.when_uploaded), **mine, **LAST),
        tab.settings.engine.input(told(tab.when_engine_changes), **mine, **LAST),
        alignment.find.click(told(lambda: {source.align: True}), None, tab.settable, **BESIDE_QUEUE),
        alignment.undo.click(told(lambda: tab.placed(UNMOVED)), None, tab.settable, **BESIDE_QUEUE),
        tab.tables.reset.click(told(tab.tables.cleared), None, tab.settable, **BESIDE_QUEUE),
    )


def wire_own(tab: FusionTab) -> None:
    """Another picture to compare with, and long work beside the picture."""
    beside: dict[str, Any] = {"inputs": tab.inputs, "outputs": [tab.left, tab.notices, *tab.compare.outputs]}
    gr.on([tab.left.input, tab.compare.view.input], told(tab.when_left_changes), **beside, **LAST)
    tab.shown.change(told(tab.when_drawn), **beside, **LAST)
    for work in (tab.batch, tab.clips):
        work.wire(tab.inputs, tab.job)
