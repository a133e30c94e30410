"""Task vectors: how long, at which angles, where their signs clash, and what half precision would lose of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from demos.lab_bench import Subject
from demos.lab_charts import BarChart, HeatChart, Number
from demos.lab_work import Experiment, Plan
from demos.sight import Updates, Values
from pipelines.merging.recipe import MergeRecipe

if TYPE_CHECKING:
    from pipelines.lab.statistics import BlockVectors
    from pipelines.merging.report import Diagnostics


@dataclass(frozen=True)
class Vectors:
    """What is told of the vectors."""

    geometry: Diagnostics
    conflicts: dict[tuple[str, str], float]
    swallowed: dict[str, float]
    blocks: dict[str, BlockVectors]


class VectorExperiment(Experiment):
    """Four charts, from weights alone."""

    name = "vectors"
    about = (
        "Cosines of the task vectors; how often two disagree in sign where both are among their largest fifth; their "
        "length over the base's; and the share of the moved weights whose change bfloat16 would round away. By part of "
        "the network: the angle that SLERP goes along, and how far Model Stock goes from the base to the mean."
    )
    verb = "Measure the vectors"

    def build_results(self) -> None:
        self.cosines = self.plot("cosines")
        self.conflicts = self.plot("conflicts")
        self.lengths = self.plot("lengths")
        self.blocks = self.plot("blocks")

    def plan(self, subject: Subject, recipe: MergeRecipe, values: Values) -> tuple[Any, int]:
        return None, 1

    def steps(self, plan: Plan) -> Iterator[Vectors]:
        from pipelines.lab.statistics import sign_conflicts, swallowed, vectors_by_block

        bench, name, tasks = self.common.bench, plan.subject.name, plan.subject.tasks
        arena = bench.arena(name)
        yield Vectors(
            arena.diagnostics(), sign_conflicts(arena, tasks), {task: swallowed(arena, task) for task in tasks},
            vectors_by_block(arena, tasks, bench.blocks(name)),
        )  # fmt: skip

    def drawn(self, plan: Plan, done: Sequence[Vectors], is_over: bool) -> Updates:
        if not done or not is_over:  # of one step, which would be drawn twice
            return {self.progress: ""}
        found, tasks, name = done[0], plan.subject.tasks, plan.subject.name
        cosines = between(tasks, found.geometry.cosines)
        clashes = between(tasks, found.conflicts)
        bars = (("length over the base's", tuple(found.geometry.relative_norms[task] for task in tasks), 0),
                ("lost in bfloat16", tuple(found.swallowed[task] for task in tasks), 1))  # fmt: skip
        return {
            **self.cosines.drawn(HeatChart(f"Cosines of the task vectors: {name}", tasks, tasks, cosines,
                                           is_diverging=True, value_label="cosine"), plan.text),
            **self.conflicts.drawn(HeatChart(f"Opposite signs among both vectors' largest fifth: {name}", tasks, tasks,
                                             clashes, value_label="share of the weights"), plan.text),
            **self.lengths.drawn(BarChart(f"Length and rounding of the task vectors: {name}", "ratio or share", tasks,
                                          bars), plan.text),
            **self.blocks.drawn(by_block(found.blocks, name), plan.text),
        }  # fmt: skip


def by_block(blocks: dict[str, BlockVectors], where: str) -> BarChart:
    """What methods that look at angles do in each part of the network, and what rounding would lose there."""
    found = blocks.values()
    bars = (("SLERP's angle Ω, in right angles", tuple(one.angle for one in found), 0),
            ("Model Stock's t", tuple(one.stock for one in found), 1),
            ("lost in bfloat16", tuple(one.swallowed for one in found), 2))  # fmt: skip
    return BarChart(f"Task vectors by part of the network: {where}", "right angles or share", tuple(blocks), bars)


def between(tasks: Sequence[str], pairs: Any) -> tuple[tuple[Number, ...], ...]:
    """Numbers of two different tasks; the diagonal says nothing, and would take the colours from the rest."""
    return tuple(tuple(None if one == other else pairs[one, other] for other in tasks) for one in tasks)
