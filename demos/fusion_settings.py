"""The fusion tab's settings that are no part of the merge: widgets to options and options to widgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from demos.fader import Fader
from demos.fusion_words import engine_choices
from pipelines.fusion.options import OPERATORS, PALETTE_CHOICES, TABLE_KINDS, TASKS, FusionOptions

Updates = dict[Any, Any]
Values = Mapping[Any, Any]

OPERATOR_TITLES = {"pyramid": "pyramid", "paper": "as published", "fast": "fast"}
PALETTE_TITLES = {"auto": "recognise", "luma": "take its luma"}
THERMAL = ("polarity", "palette", "frame_size")  # options that only a thermal frame has
OPERATOR, KIND = "how weights are used", "trained for that operator"
NEEDS_TABLES = "needs the table engine, which is for exposures"
RESIDUAL, NEEDS_NET, IN_FRAMES = "of the network", "mixed network only", "focus stacks show all there is"
GHOSTS, NEEDS_EXPOSURES = "between exposures", "needs exposures, and the mixed network or the table engine"
WEIGHING = ("net", "lut")  # engines that weigh frames
WEIGHS, NO_WEIGHTS = "up: counts more", "not weighed"
IN_THERMAL, NEEDS_THERMAL = "of the thermal frame", "needs a thermal frame: task Infrared and visible"
PERCENTILE = "percentile; for 16-bit thermal or CT frames"
NEEDS_PAIR = "needs a pair of cameras: infrared and visible, or medical"
MOST_FRAMES = max(task.most_frames for task in TASKS.values())


class FusionSettings:
    """Widgets of the engine, the finish and the frames' gains, in the current layout.

    Attributes:
        controls: every widget here.
        faders, switches: those that are dragged, and those that are set in one go (the engine has its own event).
    """

    def __init__(self, task: str) -> None:
        self._build_engine(task)
        self._build_finish(task)
        self._build_gains(task)
        self._build_reading(task)
        self.faders = [self.detail, self.residual, self.saturation, *self.gains, *self.window]
        self.switches = [self.operator, self.table_kind, self.deghost, self.polarity, self.palette, self.fit,
                         self.frame_size]  # fmt: skip
        self.controls = [self.engine, *self.faders, *self.switches]

    def _build_engine(self, task: str) -> None:
        default = FusionOptions()
        with gr.Row():
            self.engine = gr.Dropdown(engine_choices(task), value="net", label="Engine", elem_id="fusion-engine")
            self.operator = gr.Radio([(OPERATOR_TITLES[one], one) for one in OPERATORS], value=default.operator,
                                     label="Table operator", elem_id="fusion-operator",
                                     **able(False, OPERATOR, NEEDS_TABLES))  # fmt: skip
            self.table_kind = gr.Radio(list(TABLE_KINDS), value=default.table_kind, label="Tables",
                                       elem_id="fusion-table-kind", **able(False, KIND, NEEDS_TABLES))  # fmt: skip

    def _build_finish(self, task: str) -> None:
        with gr.Row():
            self.detail = Fader(
                0, 2, 1, step=0.01, label="Detail", info="1 changes nothing", buttons=[], elem_id="fusion-detail"
            )
            self.residual = Fader(0, 1.5, 1, step=0.01, label="Residual", elem_id="fusion-residual", buttons=[],
                                  **residual_able("net", task))  # fmt: skip
            self.saturation = Fader(0, 1.5, 1, step=0.01, label="Saturation", info="0 is grey", buttons=[],
                                    elem_id="fusion-saturation")  # fmt: skip

    def _build_gains(self, task: str) -> None:
        with gr.Row():
            self.gains = [
                Fader(
                    -2,
                    2,
                    0,
                    step=0.05,
                    label=f"Frame {index + 1}, EV",
                    elem_id=f"fusion-gain-{index}",
                    min_width=170,
                    buttons=[],
                    **able(index < 2, WEIGHS, few_frames(2)),
                )
                for index in range(MOST_FRAMES)
            ]
        self.deghost = gr.Checkbox(False, label="Reject moving things", elem_id="fusion-deghost",
                                   **able(task == "mef", GHOSTS, NEEDS_EXPOSURES))  # fmt: skip

    def _build_reading(self, task: str) -> None:
        """How the files become frames."""
        thermal, pair = thermal_able(task), pair_able(task)
        with gr.Row():
            self.polarity = gr.Radio([("white", "white"), ("black", "black"), ("guess", "auto")], value="white",
                                     label="Hot is", elem_id="fusion-polarity", min_width=200, **thermal)  # fmt: skip
            self.palette = gr.Dropdown([(PALETTE_TITLES.get(one, one), one) for one in PALETTE_CHOICES], value="auto",
                                       label="False colour of the thermal frame", elem_id="fusion-palette",
                                       min_width=200, **thermal)  # fmt: skip
        with gr.Row():
            self.fit = gr.Radio(
                [("refuse", "ask"), ("centre crop", "crop"), ("register", "register")],
                value="ask",
                label="Frames of unlike shape",
                elem_id="fusion-fit",
                min_width=240,
                info="they are never stretched; register looks where their edges agree",
            )
            self.frame_size = gr.Radio([("that of the smallest", "smallest"), ("keep the visible frame's", "visible")],
                                       value="smallest", label="Size of the result",
                                       elem_id="fusion-frame-size", min_width=240, **thermal)  # fmt: skip
        with gr.Row():
            low, high = FusionOptions().window
            self.window = [
                Fader(0, 49.9, low, step=0.1, label="Window: black at, %", elem_id="fusion-window-low", min_width=220,
                      buttons=[], **pair),
                Fader(50.1, 100, high, step=0.1, label="Window: white at, %", elem_id="fusion-window-high",
                      min_width=220, buttons=[], **pair),
            ]  # fmt: skip

    def options(self, values: Values, task: str, count: int) -> FusionOptions:
        """The settings that have a meaning for the task and the engine; the others at their defaults."""
        default, engine = FusionOptions(), values[self.engine]
        gains = tuple(values[one] for one in self.gains[:count])
        return FusionOptions(
            task=task,
            engine=engine,
            operator=values[self.operator] if engine == "lut" else default.operator,
            table_kind=values[self.table_kind] if engine == "lut" else default.table_kind,
            detail=values[self.detail],
            residual=values[self.residual] if residual_able(engine, task)["interactive"] else default.residual,
            saturation=values[self.saturation],
            gains=gains if any(gains) and engine in WEIGHING else (),
            deghost=values[self.deghost] and task == "mef" and engine in WEIGHING,
            fit=values[self.fit],
            **self._reading(values, task),
        )

    def _reading(self, values: Values, task: str) -> dict[str, Any]:
        """Options that only pairs of cameras, or only thermal frames, have."""
        thermal = {name: values[getattr(self, name)] for name in THERMAL} if task == "ivis" else {}
        window = {"window": tuple(values[one] for one in self.window)} if TASKS[task].roles else {}
        return thermal | window

    def shown(self, options: FusionOptions) -> Updates:
        """The widgets as these options want them."""
        values = {
            self.operator: options.operator, self.table_kind: options.table_kind, self.residual: options.residual,
            self.deghost: options.deghost,
        }  # fmt: skip
        fitted = self.fitted(options.engine, options.task)
        return fitted | {
            **{one: gr.update(value=value, **_plain(fitted[one])) for one, value in values.items()},
            self.engine: gr.update(choices=engine_choices(options.task), value=options.engine),
            self.detail: options.detail,
            self.saturation: options.saturation,
            self.fit: options.fit,
            **self._reading_fitted(options.task, options),
            **self.with_gains(options.gains),
        }

    def with_gains(self, gains: tuple[float, ...]) -> Updates:
        """The gains of the first frames; the others have none."""
        return dict(zip(self.gains, (*gains, *(0.0,) * MOST_FRAMES)[:MOST_FRAMES], strict=True))

    def with_task(self, task: str) -> Updates:
        """Another task: the network runs it, and what it does not use is disabled."""
        return self.fitted("net", task) | {
            self.engine: gr.update(choices=engine_choices(task), value="net"),
            **self._reading_fitted(task),
        }

    def _reading_fitted(self, task: str, options: FusionOptions | None = None) -> Updates:
        """What the task can use is enabled; with options, also set."""
        values: Updates = {}
        if options is not None:
            values = {getattr(self, name): {"value": getattr(options, name)} for name in THERMAL}
            values |= {one: one.room(value) for one, value in zip(self.window, options.window, strict=True)}
        fitted = {getattr(self, name): thermal_able(task) for name in THERMAL}
        fitted |= dict.fromkeys(self.window, pair_able(task))
        return {one: gr.update(**how, **values.get(one, {})) for one, how in fitted.items()}

    def fitted(self, engine: str, task: str) -> Updates:
        """Settings the engine does not use are disabled; their info says which engine would use them."""
        is_lut = engine == "lut"
        return {
            self.operator: gr.update(**able(is_lut, OPERATOR, NEEDS_TABLES)),
            self.table_kind: gr.update(**able(is_lut, KIND, NEEDS_TABLES)),
            self.residual: gr.update(**residual_able(engine, task)),
            self.deghost: gr.update(**able(engine in WEIGHING and task == "mef", GHOSTS, NEEDS_EXPOSURES)),
        }

    def for_frames(self, count: int, engine: str) -> Updates:
        """A gain for each frame there is, where the engine weighs frames."""
        is_weighing = engine in WEIGHING
        reason = few_frames(count) if is_weighing else NO_WEIGHTS
        return {one: gr.update(**able(is_weighing and index < count, WEIGHS, reason))
                for index, one in enumerate(self.gains)}  # fmt: skip


def able(is_able: bool, meaning: str, reason: str) -> dict[str, Any]:
    """A widget that can be used says what it does; one that cannot, why."""
    return {"interactive": is_able, "info": meaning if is_able else reason}


def residual_able(engine: str, task: str) -> dict[str, Any]:
    """Of the network's detail: the network alone has it, and not for a focus stack."""
    return able(engine == "net" and TASKS[task].adds_detail, RESIDUAL, NEEDS_NET if engine != "net" else IN_FRAMES)


def thermal_able(task: str) -> dict[str, Any]:
    """Of what only a thermal frame has."""
    return able(task == "ivis", IN_THERMAL, NEEDS_THERMAL)


def pair_able(task: str) -> dict[str, Any]:
    """Of what only frames of two cameras have."""
    return able(bool(TASKS[task].roles), PERCENTILE, NEEDS_PAIR)


def few_frames(count: int) -> str:
    """Why there is no such frame."""
    return "only 1 frame" if count == 1 else f"only {count} frames"


def _plain(update: Any) -> dict[str, Any]:
    return {key: value for key, value in update.items() if key != "__type__"}
