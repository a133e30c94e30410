"""Masks of a family: how dense, how much they share, which weights many tasks use or none, by depth and by kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.lab_bench import Subject
from demos.lab_charts import BarChart, HeatChart
from demos.lab_vectors import between
from demos.lab_work import Experiment, Plan
from demos.log_fader import MARKS, LogFader
from demos.sight import Updates, Values
from demos.words import hint
from pipelines.merging.recipe import MergeRecipe

if TYPE_CHECKING:
    from pipelines.lab.statistics import MaskStatistics

VECTORS = {"sum": "the sum of the vectors", "ties": "their TIES sum"}


class MaskExperiment(Experiment):
    """TALL-masks over both merged vectors, from weights alone."""

    name = "masks"
    about = (
        "TALL-masks of the ticked experts, over the sum of their vectors and over its TIES form. Used by no task: "
        "catastrophic; by exactly one: selfish; where the merged vector is 0 nothing is masked: inactive. This needs "
        "no scores, so own checkpoints can be looked at too."
    )
    verb = "Count the masks"

    def build_settings(self) -> None:
        limit = LogFader(marks=MARKS, label="λ of all masks", infos=("a smaller λ keeps more", ""),
                         elem_id="lab-masks-lambda")  # fmt: skip
        by = gr.Radio(["depth", "kind of tensor"], value="depth", label="Below, the sum's masks by",
                      elem_id="lab-masks-by")  # fmt: skip
        self.settings = {"lambda": limit, "by": by}

    def build_results(self) -> None:
        self.line = gr.HTML("", elem_id="lab-masks-line")
        self.outputs.append(self.line)
        self.density = self.plot("density")
        self.votes = self.plot("votes")
        self.overlap = self.plot("overlap")
        self.depth = self.plot("depth")
        self.shares = self.plot("shares")

    def plan(self, subject: Subject, recipe: MergeRecipe, values: Values) -> tuple[Any, int]:
        limit, by = (values[self.settings[name]] for name in ("lambda", "by"))
        return (float(limit), by), len(VECTORS)

    def steps(self, plan: Plan) -> Iterator[MaskStatistics]:
        from pipelines.lab.statistics import mask_statistics

        bench, name = self.common.bench, plan.subject.name
        arena, blocks = bench.arena(name), bench.blocks(name)
        for vector in VECTORS:
            yield mask_statistics(arena, plan.subject.tasks, blocks, vector, plan.ask[0])

    def drawn(self, plan: Plan, done: Sequence[MaskStatistics], is_over: bool) -> Updates:
        if not done:
            return {self.line: ""}
        first, (limit, by) = done[0], plan.ask
        groups = first.by_depth if by == "depth" else first.by_kind
        where = f"{plan.subject.name}, λ = {limit:g}"
        return {
            self.line: hint(summary(done)),
            **self.density.drawn(densities(done, where), plan.text),
            **self.votes.drawn(votes(done, where), plan.text),
            **self.overlap.drawn(overlaps(first, where), plan.text),
            **self.depth.drawn(density_by(groups, by, where), plan.text),
            **self.shares.drawn(shares_by(groups, by, where), plan.text),
        }


def summary(done: Sequence[MaskStatistics]) -> str:
    """Catastrophic, selfish and inactive shares, for each vector."""
    parts = []
    for found, title in zip(done, VECTORS.values(), strict=False):
        histogram = found.whole.histogram()
        parts.append(f"{title}: catastrophic {histogram[0]:.1%}, selfish {histogram[1]:.1%}, "
                     f"inactive {found.inactive:.1%}")  # fmt: skip
    return f"{done[0].whole.weights:,} moved weights · {' · '.join(parts)}"


def densities(done: Sequence[MaskStatistics], where: str) -> BarChart:
    """Share of the weights that each task's mask keeps."""
    tasks = done[0].whole.tasks
    bars = tuple((f"masks over {title}", tuple(found.whole.density().values()), place)
                 for place, (found, title) in enumerate(zip(done, VECTORS.values(), strict=False)))  # fmt: skip
    return BarChart(f"Density of the masks: {where}", "share of the moved weights", tasks, bars)


def votes(done: Sequence[MaskStatistics], where: str) -> BarChart:
    """Share of the weights that n tasks use; the inactive apart."""
    count = len(done[0].whole.tasks) + 1
    groups = ("inactive", *(_votes_title(n) for n in range(count)))
    bars = tuple((title, (found.inactive, *found.whole.histogram()), place)
                 for place, (found, title) in enumerate(zip(done, VECTORS.values(), strict=False)))  # fmt: skip
    title = f"Weights by the number of tasks that use them: {where}"
    return BarChart(title, "share of the moved weights", groups, bars, "tasks")


def _votes_title(count: int) -> str:
    return {0: "0, catastrophic", 1: "1, selfish"}.get(count, str(count))


def overlaps(found: MaskStatistics, where: str) -> HeatChart:
    """Intersection over union of every pair of masks."""
    tasks, pairs = found.whole.tasks, found.whole.intersections()
    return HeatChart(f"Intersection over union of two masks: {where}", tasks, tasks, between(tasks, pairs),
                     value_label="intersection over union")  # fmt: skip


def density_by(groups: Any, by: str, where: str) -> HeatChart:
    """Density of each task's mask in each part of the network."""
    names = tuple(groups)
    tasks = next(iter(groups.values())).tasks
    values = tuple(tuple(groups[name].density()[task] for name in names) for task in tasks)
    return HeatChart(f"Density of the masks by {by}: {where}", names, tasks, values, value_label="density")


def shares_by(groups: Any, by: str, where: str) -> BarChart:
    """Used by none, by one, by several tasks, and inactive, in each part of the network."""
    parts: dict[str, list[float]] = {"catastrophic": [], "selfish": [], "shared": [], "inactive": []}
    for counts in groups.values():
        histogram = counts.histogram()
        parts["catastrophic"].append(histogram[0])
        parts["selfish"].append(histogram[1] if len(histogram) > 1 else 0.0)
        parts["shared"].append(sum(histogram[2:]))
        parts["inactive"].append(1.0 - sum(histogram))
    colours = {"catastrophic": 1, "selfish": 4, "shared": 0, "inactive": None}
    bars = tuple((name, tuple(values), colours[name]) for name, values in parts.items())
    return BarChart(f"Who uses the weights, by {by}: {where}", "share of the moved weights", tuple(groups), bars,
                    is_stacked=True)  # fmt: skip
