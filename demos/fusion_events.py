"""Which event of the fusion tab runs what, and what may write to the page meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.tab import BESIDE_QUEUE, ON_DEVICE, TELLING, told
from pipelines.fusion.registration import UNMOVED

if TYPE_CHECKING:
    from demos.fusion import FusionTab

LAST: dict[str, Any] = {"trigger_mode": "always_last", **BESIDE_QUEUE}


def wire(tab: FusionTab) -> None:
    """All events of the tab; `tab.runs` lists those that run the pipeline."""
    panel = tab.panel
    moved = [*panel.faders, *tab.settings.faders, *tab.alignment.faders, *tab.tables.faders]
    chosen = [one for one in (*panel.switches, *tab.settings.switches, tab.source.swap, tab.source.align)
              if one not in (panel.method, panel.mask_mode)]  # fmt: skip
    _wire_marks(tab, moved, chosen)
    _wire_runs(tab, moved, chosen)
    for event in (*_desk_events(tab), *_source_events(tab)):
        then_run(tab, event)
    panel.pin.click(told(panel.when_pinned), tab.inputs, [panel.slots], **BESIDE_QUEUE)
    gr.on([tab.left.input, tab.compare.view.input], told(tab.when_left_changes), tab.inputs, tab.compare.outputs,
          **LAST)
    for view in (*tab.views, tab.desk):
        view.wire(tab.inputs)
    for work in (tab.batch, tab.clips):
        work.wire(tab.inputs, tab.job)


def _wire_marks(tab: FusionTab, moved: list[Any], chosen: list[Any]) -> None:
    """The picture is marked in the browser, before anything is asked of the server."""
    panel = tab.panel
    inputs = [one.input for one in (*moved, *chosen, panel.method, panel.mask_mode, tab.settings.engine,
                                    tab.source.task, panel.slot, panel.relative, panel.curve)]  # fmt: skip
    changed = [tab.source.files.upload, tab.source.files.delete, tab.source.files.clear]
    pressed = [one.click for one in (panel.undo, panel.redo, panel.reset, tab.source.run, tab.alignment.find,
                                     tab.alignment.undo, tab.tables.reset)]  # fmt: skip
    gr.on([*inputs, *pressed, *changed], None, js="() => window.mixdeck?.stale('fusion')", trigger_mode="multiple",
          **BESIDE_QUEUE)


def _wire_runs(tab: FusionTab, moved: list[Any], chosen: list[Any]) -> None:
    tab.runs += [
        gr.on([*(one.release for one in moved), *(one.input for one in chosen)], told(tab.commit), tab.inputs,
              tab.pictures, trigger_mode="always_last", show_progress="hidden", **ON_DEVICE),
        tab.source.run.click(told(tab.force), tab.inputs, tab.pictures, trigger_mode="once",
                             show_progress_on=tab.compare.outputs, **ON_DEVICE),
    ]  # fmt: skip
    drag = gr.on([one.input for one in moved], told(tab.preview), tab.inputs,
                 [tab.version, *tab.compare.outputs, tab.drawn], trigger_mode="always_last", **BESIDE_QUEUE)
    for run in (drag, *tab.runs):
        _then_settle(tab, run)
    tab.source.stop.click(told(tab.halt), None, [tab.version], cancels=tab.runs, **BESIDE_QUEUE)


def then_run(tab: FusionTab, event: Any) -> None:
    """After an event that moved widgets from Python, which fires nothing by itself."""
    run = event.success(told(tab.commit), tab.inputs, tab.pictures, show_progress="hidden", **ON_DEVICE)
    tab.runs.append(run)
    _then_settle(tab, run)


def _then_settle(tab: FusionTab, run: Any) -> None:
    """Answers may arrive in another order than they were made: look once more at what is on the page."""
    run.then(told(tab.settle), tab.inputs, [tab.version, tab.left, *tab.compare.outputs, tab.drawn], **BESIDE_QUEUE)


def _desk_events(tab: FusionTab) -> list[Any]:
    panel = tab.panel
    mine: dict[str, Any] = {"inputs": tab.inputs, "outputs": tab.desk_outputs}
    return [
        panel.method.input(told(panel.when_method_changes), **mine, **LAST),
        panel.mask_mode.input(told(lambda values: panel.fitted_mask(values[panel.mask_mode])), **mine, **LAST),
        panel.relative.release(told(panel.when_relative_moves), **mine, **LAST),
        panel.curve.input(told(panel.when_curve_chosen), **mine, **LAST),
        panel.slot.input(told(panel.when_slot_changes), **mine, **LAST),
        panel.undo.click(told(lambda values: panel.when_undone(values[panel.history], -1)), **mine, **BESIDE_QUEUE),
        panel.redo.click(told(lambda values: panel.when_undone(values[panel.history], 1)), **mine, **BESIDE_QUEUE),
        panel.reset.click(told(lambda: panel.shown(tab.family.default)), None, tab.desk_outputs, **BESIDE_QUEUE),
        tab.desk.preset.input(told(tab.desk.when_preset_chosen), **mine, trigger_mode="always_last", **TELLING),
    ]


def _source_events(tab: FusionTab) -> list[Any]:
    mine: dict[str, Any] = {"inputs": tab.inputs, "outputs": tab.settable}
    restored: dict[str, Any] = mine | {"outputs": [*tab.settable, tab.export.restored]}
    source, alignment = tab.source, tab.alignment
    return [
        source.menu.select(told(tab.when_example_chosen), None, tab.settable, trigger_mode="once", **BESIDE_QUEUE),
        source.task.input(told(tab.when_task_changes), **mine, **LAST),
        gr.on([source.files.upload, source.files.delete], told(tab.when_uploaded), **mine, **LAST),
        tab.settings.engine.input(told(tab.when_engine_changes), **mine, **LAST),
        alignment.find.click(told(lambda: {source.align: True}), None, tab.settable, **BESIDE_QUEUE),
        alignment.undo.click(told(lambda: tab.placed(UNMOVED)), None, tab.settable, **BESIDE_QUEUE),
        tab.tables.reset.click(told(tab.tables.cleared), None, tab.settable, **BESIDE_QUEUE),
        tab.desk.use_yaml.click(told(tab.when_yaml_used), **restored, **TELLING),
        tab.export.drop.upload(told(tab.when_dropped), **restored, trigger_mode="always_last", **TELLING),
    ]
