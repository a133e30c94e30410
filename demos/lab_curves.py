"""Curves: scores between two experts, and over the scale of the Lab's recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.lab_bench import Subject
from demos.lab_charts import Line, LineChart
from demos.lab_menus import Menu
from demos.lab_work import Experiment, Plan
from demos.sight import Updates, Values
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.lab.curves import Point

BETWEEN, SCALE = "between two experts", "over the scale α of the Lab's recipe"


class CurveExperiment(Experiment):
    """One chart: a curve for each task."""

    name = "curves"
    about = (
        "Between two experts: (1 - x) of the first and x of the second, with the score of both tasks and the point of "
        "best harmonic mean. Over the scale: every task's score from the base to α = 1, for the Lab's recipe."
    )
    verb = "Draw the curves"
    needs = "scores"

    def build_settings(self) -> None:
        tasks = list(self.common.bench.tasks(self.common.starts()[0]))
        with gr.Row():
            kind = gr.Radio([BETWEEN, SCALE], value=BETWEEN, label="Path", elem_id="lab-curves-kind")
            first = Menu(tasks, value=tasks[0], label="First expert", elem_id="lab-curves-first", min_width=120)
            second = Menu(tasks, value=tasks[1], label="Second expert", elem_id="lab-curves-second",
                                 min_width=120)  # fmt: skip
            count = gr.Dropdown([6, 11, 21], value=6, label="Points", elem_id="lab-curves-count", min_width=80)
        self.settings = {"kind": kind, "first": first, "second": second, "count": count}

    def build_results(self) -> None:
        self.chart = self.plot("path")

    @property
    def menus(self) -> list[Any]:
        return [self.settings["first"], self.settings["second"]]

    def followed(self, tasks: Sequence[str], values: Values) -> Updates:
        updates: Updates = {}
        for place, side in enumerate(("first", "second")):
            menu = self.settings[side]
            kept = values[menu] if values[menu] in tasks else tasks[min(place, len(tasks) - 1)]
            updates[menu] = gr.update(choices=list(tasks), value=kept)
        return updates

    def plan(self, subject: Subject, recipe: MergeRecipe, values: Values) -> tuple[Any, int]:
        from pipelines.lab.curves import path_between, path_over_scale

        asked = {name: values[one] for name, one in self.settings.items()}
        self.common.bench.family(subject.name)
        if asked["kind"] == SCALE:
            path, tasks = path_over_scale(recipe, count=int(asked["count"])), subject.tasks
        else:
            if asked["first"] == asked["second"]:
                raise UserError("Both ends are the same expert: choose two.", "No path")
            path = path_between(asked["first"], asked["second"], int(asked["count"]))
            tasks = (asked["first"], asked["second"])
        return (asked["kind"], path, tasks), len(path) * len(tasks)

    def steps(self, plan: Plan) -> Iterator[Point]:
        from pipelines.lab.curves import walk

        _, path, tasks = plan.ask
        return walk(path, self.common.bench.judge(plan.subject.name), tasks, plan.subject.split)

    def said(self, plan: Plan, done: Sequence[Point]) -> str:
        return f"{done[-1].task} at {done[-1].position:g}"

    def drawn(self, plan: Plan, done: Sequence[Point], is_over: bool) -> Updates:
        return self.chart.drawn(self._chart(plan, done), plan.text)

    def _chart(self, plan: Plan, done: Sequence[Point]) -> LineChart:
        kind, _, tasks = plan.ask
        order = self.common.bench.tasks(plan.subject.name)
        lines = []
        for task in tasks:
            points = sorted((one.position, one.score) for one in done if one.task == task)
            lines.append(Line(task, *_columns(points), colour=order.index(task)))
        title = f"{plan.subject.name}, {plan.subject.split} split"
        if kind == SCALE:
            return LineChart(title, "scale α", "score", tuple(lines))
        first, second = tasks
        label = f"share of {second}; the rest is {first}"
        return LineChart(title, label, "score", tuple(lines), _marks(done, first, second))


def _columns(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(x for x, _ in points), tuple(y for _, y in points)


def _marks(done: Sequence[Point], first: str, second: str) -> tuple[tuple[float, str], ...]:
    from pipelines.lab.curves import best_mean

    best = best_mean(done, first, second)
    return () if best is None else ((best, f"best harmonic mean, {best:g}"),)
