"""Which event of a tab with a desk runs what, and what may write to the page meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.merge_panel import MergePanel
from demos.sight import Updates, Values
from demos.tab import BESIDE_QUEUE, ON_DEVICE, QUIET, TELLING, told

if TYPE_CHECKING:
    from demos.mix_tab import MixTab

LAST: dict[str, Any] = {"trigger_mode": "always_last", **BESIDE_QUEUE}


@dataclass(frozen=True)
class TabEvents:
    """A tab's own events, beside those of its desk.

    Attributes:
        moved: faders: previewed while they are held, run when released.
        chosen: widgets that are set in one go: run at once.
        typed: text boxes: run when they are sent or left.
        live: what fires `input` while something of `typed` is typed: previewed then.
        setting: events whose handlers set widgets from Python, which fires nothing by itself: run after them.
        marking: further listeners (`component.input`, `button.click`) after which the result is no longer the page's.
        busy: components that show progress while Run works.
    """

    moved: tuple[Any, ...] = ()
    chosen: tuple[Any, ...] = ()
    typed: tuple[Any, ...] = ()
    live: tuple[Any, ...] = ()
    setting: tuple[Any, ...] = ()
    marking: tuple[Any, ...] = ()
    busy: tuple[Any, ...] = field(default=())


def wire(tab: MixTab, own: TabEvents) -> None:
    """All events of the tab; `tab.runs` lists those that run the pipeline."""
    panel = tab.panel
    moved = [*panel.faders, *own.moved]
    chosen = [one for one in (*panel.switches, *own.chosen) if one not in panel.leading]
    _wire_marks(tab, [*moved, *chosen, *own.typed], own.marking)
    _wire_runs(tab, moved, chosen, own)
    for event in (*_desk_events(tab), *_past_events(tab), *own.setting):
        then_run(tab, event)
    tab.shown.change(told(tab.when_shown), {tab.shown, tab.since, tab.desk.scored, *panel.inputs},
                     [*panel.memory_components, tab.desk.scores], **LAST)  # fmt: skip
    panel.pin.click(told(lambda values: panel.at(values).when_pinned(values)), tab.inputs, [panel.slots],
                    **BESIDE_QUEUE)  # fmt: skip
    for view in tab.views:
        view.wire(tab.inputs)
    tab.desk.wire(tab.inputs)


def _wire_marks(tab: MixTab, widgets: list[Any], more: tuple[Any, ...]) -> None:
    """The result is marked in the browser, before anything is asked of the server."""
    panel = tab.panel
    inputs = [one.input for one in (*widgets, *panel.leading, panel.slot, panel.relative, panel.stages.curve)]
    pressed = [one.click for one in (panel.undo, panel.redo, panel.reset, tab.source.run)]
    gr.on([*inputs, *pressed, *more], None, js=f"() => window.mixdeck?.stale('{tab.name}')", trigger_mode="multiple",
          **BESIDE_QUEUE)  # fmt: skip


def _wire_runs(tab: MixTab, moved: list[Any], chosen: list[Any], own: TabEvents) -> None:
    sent = [event for one in own.typed for event in (one.submit, one.blur)]
    tab.runs += [
        gr.on([*(one.release for one in moved), *(one.input for one in chosen), *sent], told(tab.commit), tab.inputs,
              tab.pictures, trigger_mode="always_last", **QUIET, **ON_DEVICE),
        tab.source.run.click(told(tab.force), tab.inputs, tab.pictures, trigger_mode="once",
                             show_progress_on=list(own.busy), **ON_DEVICE),
    ]  # fmt: skip
    drag = gr.on([one.input for one in (*moved, *own.live)], told(tab.preview), tab.inputs, tab.drawing,
                 trigger_mode="always_last", **BESIDE_QUEUE)  # fmt: skip
    drag.then(told(tab.give_way), tab.inputs, tab.drawing, **LAST)
    for run in tab.runs:
        then_settle(tab, run)
    tab.source.stop.click(told(tab.halt), None, [tab.version], cancels=tab.runs, **BESIDE_QUEUE)


def then_run(tab: MixTab, event: Any) -> None:
    """After an event that moved widgets from Python, which fires nothing by itself."""
    run = event.success(told(tab.commit), tab.inputs, tab.pictures, trigger_mode="always_last", **QUIET, **ON_DEVICE)
    tab.runs.append(run)
    then_settle(tab, run)


def then_settle(tab: MixTab, run: Any) -> None:
    """Answers may arrive in another order than they were made: look once more at what is on the page."""
    run.then(told(tab.settle), tab.inputs, tab.drawing, **LAST)


def _past_events(tab: MixTab) -> list[Any]:
    if tab.past is None:
        return []
    return [tab.past.gallery.select(told(tab.when_past_chosen), tab.inputs, tab.settable, trigger_mode="once",
                                    **BESIDE_QUEUE)]  # fmt: skip


def _desk_events(tab: MixTab) -> list[Any]:
    panel = tab.panel
    mine: dict[str, Any] = {"inputs": tab.inputs, "outputs": tab.desk_outputs}
    restored: dict[str, Any] = {"inputs": tab.inputs, "outputs": [*tab.settable, tab.export.restored]}

    def on(handler: Callable[[MergePanel, Values], Updates]) -> Callable[..., Any]:
        """A handler of the desk as the network has it that is on it."""
        return told(lambda values: handler(panel.at(values), values))

    return [
        panel.method.input(on(MergePanel.when_method_changes), **mine, **LAST),
        panel.masks.mode.input(on(MergePanel.when_mask_mode_changes), **mine, **LAST),
        panel.vector.input(on(MergePanel.when_vector_changes), **mine, **LAST),
        panel.relative.release(on(MergePanel.when_relative_moves), **mine, **LAST),
        panel.stages.curve.input(on(lambda desk, values: desk.stages.when_curve_chosen(values)), **mine, **LAST),
        panel.slot.input(on(MergePanel.when_slot_changes), **mine, **LAST),
        panel.undo.click(on(lambda desk, values: desk.when_undone(values[panel.history], -1)), **mine, **BESIDE_QUEUE),
        panel.redo.click(on(lambda desk, values: desk.when_undone(values[panel.history], 1)), **mine, **BESIDE_QUEUE),
        panel.reset.click(on(lambda desk, values: desk.when_reset()), **mine, **BESIDE_QUEUE),
        tab.desk.preset.input(told(tab.desk.when_preset_chosen), **mine, trigger_mode="always_last", **TELLING),
        tab.desk.use_yaml.click(told(tab.when_yaml_used), **restored, **TELLING),
        tab.export.drop.upload(told(tab.when_dropped), **restored, trigger_mode="always_last", **TELLING),
        tab.source.menu.select(told(tab.when_example_chosen), tab.inputs, tab.settable, trigger_mode="once",
                               **BESIDE_QUEUE),
    ]  # fmt: skip
