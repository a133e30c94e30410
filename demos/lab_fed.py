"""Methods that are fed with samples: Concrete masks, Fisher, RegMean, optimal transport. They make a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.lab_bench import Subject
from demos.lab_charts import HeatChart, Line, LineChart, Number
from demos.lab_fed_settings import FedSettings
from demos.lab_grid import score_table
from demos.lab_table import TOTALS
from demos.lab_work import Experiment, Plan
from demos.sight import Updates, Values
from demos.steps import new_file
from demos.tab import BESIDE_QUEUE, told
from pipelines.merging.method import OfflineMethod
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.merging.feed import Feed, FeedStep, Made

ENDS = ("experts", "base")


@dataclass(frozen=True)
class Ask:
    """A method, its settings, and of two networks that are matched: anchor, other (a file, or an expert), and seed."""

    method: OfflineMethod
    settings: dict[str, float | str]
    anchor: str
    other: str | Path
    shuffle: int | None


@dataclass(frozen=True)
class Score:
    """One score of a network, by its title."""

    network: str
    task: str
    value: float


class FedExperiment(Experiment):
    """Steps of the method, then its scores beside the experts', the base's, and what it should be compared with."""

    name = "fed"
    about = (
        "Methods that need more than checkpoints, fed by the family's own samples, whose answers nobody tells. What "
        "they make is no recipe but a network: it is scored here, and stored as a file. Stop keeps what was learned."
    )
    verb = "Make the network"
    needs = "measure"

    def build_settings(self) -> None:
        tasks = self.common.bench.tasks(self.common.starts()[0])
        self.asked = FedSettings(tasks)
        self.settings = self.asked.settings

    def build_results(self) -> None:
        self.table = gr.HTML("", elem_id="lab-fed-table")
        self.file = gr.File(label="The network, safetensors", interactive=False, elem_id="lab-fed-file", height=70,
                            elem_classes="when-full")  # fmt: skip
        self.outputs += [self.table, self.file]
        self.figure = self.plot("scores", is_folded=True)
        self.loss = self.plot("loss")
        self.where = self.plot("where")

    @property
    def controls(self) -> list[Any]:
        return [*super().controls, self.asked.file]

    @property
    def menus(self) -> list[Any]:
        return [self.settings["anchor"], self.settings["other"]]

    def wire(self, inputs: set[Any]) -> None:
        super().wire(inputs)
        method = self.settings["method"]
        method.change(told(self.asked.when_method_changes), {method}, self.asked.groups, **BESIDE_QUEUE)

    def followed(self, tasks: Sequence[str], values: Values) -> Updates:
        return self.asked.followed(tasks, values)

    def plan(self, subject: Subject, recipe: MergeRecipe, values: Values) -> tuple[Any, int]:
        from pipelines.lab.feeding import check_fed, checked_settings, fed_method

        method = fed_method(values[self.settings["method"]])
        check_fed(self.common.bench.family(subject.name), method)
        settings = checked_settings(method, self.asked.chosen(method, values))
        anchor, other, shuffle = self.asked.pair(values)
        if "pair" in method.feeds and anchor == other and shuffle is None:
            raise UserError(f"Both networks are {anchor!r}: choose two, or shuffle the second.", "The same network")
        return Ask(method, settings, anchor, other, shuffle), 1

    def steps(self, plan: Plan) -> Iterator[FeedStep | Made | Score]:
        made = None
        for step in plan.ask.method.run(self._feed(plan), **plan.ask.settings):
            made = step.made
            yield step
        if made is not None:
            found = made()
            yield found
            yield from self._scores(plan, found)

    def _feed(self, plan: Plan) -> Feed:
        from pipelines.lab.feeding import with_pair

        ask, bench, name = plan.ask, self.common.bench, plan.subject.name
        feed = bench.feed(name, plan.subject.tasks)
        if "pair" not in ask.method.feeds:
            return feed
        return with_pair(feed, bench.arena(name), ask.anchor, ask.other, ask.shuffle)

    def _scores(self, plan: Plan, made: Made) -> Iterator[Score]:
        judge, split = self.common.bench.judge(plan.subject.name), plan.subject.split
        for task in plan.subject.tasks:
            yield Score("experts", task, judge.expert(task, split))
            yield Score("base", task, judge.score(MergeRecipe(), task, split))
        for title, weights in made.networks.items():
            for task in plan.subject.tasks:
                yield Score(title, task, judge.network(weights, task, split))

    def counted(self, done: Sequence[Any]) -> int:
        steps, _, scores = sorted_out(done)
        return (steps[-1].done if steps else 0) + len(scores)

    def total(self, plan: Plan, done: Sequence[Any]) -> int:
        steps, made, _ = sorted_out(done)
        rows = len(ENDS) + len(made.networks) if made else 0
        return (steps[-1].total if steps else 1) + rows * len(plan.subject.tasks)

    def said(self, plan: Plan, done: Sequence[Any]) -> str:
        steps, _, scores = sorted_out(done)
        if scores:
            last = next(reversed(scores))
            return f"{last[0]}, {last[1]}"
        loss = "" if not steps or steps[-1].loss is None else f"loss {steps[-1].loss:.4f}, "
        return f"{loss}{steps[-1].note}" if steps else ""

    def drawn(self, plan: Plan, done: Sequence[Any], is_over: bool) -> Updates:
        steps, made, scores = sorted_out(done)
        if made is None and is_over and steps and steps[-1].made is not None:
            made = steps[-1].made()
        updates = self._losses(plan, steps)
        if made is None:
            return updates | {self.table: ""}
        rows, tasks = (*ENDS, *made.networks), plan.subject.tasks
        values = [with_totals([scores.get((row, task)) for task in tasks],
                              [scores.get(("experts", task)) for task in tasks]) for row in rows]  # fmt: skip
        updates[self.table] = score_table((*tasks, *TOTALS), rows, values, "network")
        if is_over:
            where = f"{plan.ask.method.title}, {plan.subject.name}"
            table = HeatChart(f"{where}: scores, {plan.subject.split} split", (*tasks, *TOTALS), rows,
                              tuple(map(tuple, values)), value_label="score")  # fmt: skip
            kept = HeatChart(f"{made.title}: {where}", made.columns, made.rows, made.values, value_label="share")
            updates |= self.figure.drawn(table, plan.text) | self.where.drawn(kept, plan.text)
            updates[self.file] = self._stored(plan, made)
        return updates

    def _losses(self, plan: Plan, steps: Sequence[FeedStep]) -> Updates:
        learned = [(float(one.done - 1), one.loss) for one in steps if one.loss is not None]
        if not learned:
            return self.loss.emptied()
        xs, ys = (tuple(column) for column in zip(*learned, strict=True))
        title = f"{plan.ask.method.title}: {plan.subject.name}"
        return self.loss.drawn(LineChart(title, "step", "loss", (Line("loss", xs, ys, 0),)), plan.text)

    def _stored(self, plan: Plan, made: Made) -> str:
        """The file with the method's network, and with what made it."""
        from pipelines.commands.merge import save_weights

        path = new_file(f"{plan.subject.name}-{plan.ask.method.name}.safetensors")
        save_weights(next(iter(made.networks.values())), {"format": "pt", "mixdeck:made": plan.text}, path)
        return str(path)


def sorted_out(done: Sequence[Any]) -> tuple[list[FeedStep], Made | None, dict[tuple[str, str], float]]:
    """Steps of the method, what it made, and (network, task) -> score."""
    from pipelines.merging.feed import FeedStep, Made

    steps = [one for one in done if isinstance(one, FeedStep)]
    made = next((one for one in done if isinstance(one, Made)), None)
    return steps, made, {(one.network, one.task): one.value for one in done if isinstance(one, Score)}


def with_totals(mine: Sequence[Number], experts: Sequence[Number]) -> list[Number]:
    """Scores of a row, their mean, and the mean of score / expert's score; None while one is missing."""
    known, own = ([one for one in row if one is not None] for row in (mine, experts))
    if len(known) < len(mine) or len(own) < len(mine):
        return [*mine, None, None]
    return [*mine, fmean(known), fmean(value / (best or 1.0) for value, best in zip(known, own, strict=True))]
