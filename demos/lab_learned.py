"""Learned coefficients: the loss as it falls, the coefficients it leads to, and the mix they make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.fader import Fader
from demos.lab_bench import Subject
from demos.lab_charts import HeatChart, Line, LineChart
from demos.lab_grid import score_grid
from demos.lab_work import Experiment, Plan
from demos.sight import Updates, Values
from pipelines.merging.recipe import MergeRecipe

if TYPE_CHECKING:
    from pipelines.lab.learning import LearningStep

METHODS = (("AdaMerging: from 0.3 each", "adamerging"), ("aTLAS: from the base", "atlas"))
GRAINS = (
    ("for each expert", "task"),
    ("for each expert and stage", "module"),
    ("for each expert and tensor", "tensor"),
)


class LearnedExperiment(Experiment):
    """A live loss curve; Stop keeps the coefficients of the last step."""

    name = "learned"
    about = (
        "Coefficients learned without a label: by the family's own measure on samples whose answers nobody tells "
        "(AdaMerging, aTLAS at test time). Stop keeps what was learned; click the cell to take the mix."
    )
    verb = "Learn"
    needs = "measure"

    def build_settings(self) -> None:
        with gr.Row():
            method = gr.Dropdown(list(METHODS), value="adamerging", label="Method", elem_id="lab-learned-method",
                                 min_width=160)  # fmt: skip
            grain = gr.Dropdown(list(GRAINS), value="module", label="A coefficient", elem_id="lab-learned-grain",
                                min_width=160)  # fmt: skip
            steps = Fader(5, 500, 50, step=5, label="Steps", elem_id="lab-learned-steps", buttons=[])
            rate = Fader(0.001, 0.2, 0.01, step=0.001, label="Rate", elem_id="lab-learned-rate", buttons=[])
        self.settings = {"method": method, "grain": grain, "steps": steps, "rate": rate}

    def build_results(self) -> None:
        self.loss = self.plot("loss")
        self.mix = self.grid("mix")
        self.coefficients = self.plot("coefficients")

    def plan(self, subject: Subject, recipe: MergeRecipe, values: Values) -> tuple[Any, int]:
        from pipelines.lab.learning import LearningPlan

        asked = {name: values[one] for name, one in self.settings.items()}
        plan = LearningPlan(asked["method"], asked["grain"], int(asked["steps"]), float(asked["rate"]))
        self.common.bench.family(subject.name)
        return plan, plan.steps + 1

    def steps(self, plan: Plan) -> Iterator[LearningStep]:
        from pipelines.lab.learning import learn

        bench, name = self.common.bench, plan.subject.name
        return learn(plan.ask, bench.arena(name), bench.loss(name), bench.blocks(name), plan.subject.tasks)

    def said(self, plan: Plan, done: Sequence[LearningStep]) -> str:
        return f"loss {done[-1].loss:.4f}"

    def drawn(self, plan: Plan, done: Sequence[LearningStep], is_over: bool) -> Updates:
        if not done:
            return {self.progress: ""}
        xs, ys = tuple(float(one.step) for one in done), tuple(one.loss for one in done)
        lines = [Line("loss of the step", xs, ys, 0)]
        if len(done) > 8:
            lines.append(Line("mean of the last 8", xs[7:], _running(ys, 8), 1))
        chart = LineChart(f"Learning without labels: {plan.subject.name}", "step", "loss", tuple(lines))
        updates = self.loss.drawn(chart, plan.text)
        return updates | self._finished(plan, done[-1]) if is_over else updates

    def _finished(self, plan: Plan, last: LearningStep) -> Updates:
        tasks = plan.subject.tasks
        chart = HeatChart(f"Coefficients after {last.step} steps: {plan.subject.name}", last.columns, tasks, last.rows,
                          is_diverging=True, value_label="coefficient")  # fmt: skip
        table = score_grid(("loss",), (f"mix after {last.step} steps",), lambda r, c: last.loss, lambda r, c: "", "")
        mix = self.mix.drawn(table, plan.subject.name, {(0, 0): last.recipe})
        return mix | self.coefficients.drawn(chart, plan.text)


def _running(values: Sequence[float], width: int) -> tuple[float, ...]:
    return tuple(sum(values[k - width + 1 : k + 1]) / width for k in range(width - 1, len(values)))
