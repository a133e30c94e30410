"""One family's checkpoints on trial: every merge method scored by the protocol of the papers, on its own tasks.

Scales and thresholds are chosen on the validation split and reported on the test split. A score is normalised by that
of the task's own expert (Ilharco et al. 2023, arXiv:2212.04089; Wang et al. 2024, arXiv:2405.07813).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from torch import Tensor, nn

from pipelines.merging.arena import Arena
from pipelines.merging.recipe import MaskChoice, MergeRecipe
from pipelines.merging.tuning import SCALES, THRESHOLDS

Scores = dict[str, float]
Mix = MergeRecipe | Tensor | Mapping[str, Tensor]
Score = Callable[[nn.Module, Sequence[str], str], Scores]  # network, tasks, "validation" or "test" -> task: 0 to 1


@dataclass(frozen=True)
class Row:
    """What one method reached: task -> test score, and what was chosen for it on the validation split."""

    scores: Scores
    normalised: float
    chosen: Mapping[str, Any]

    @property
    def mean(self) -> float:
        """Mean score over the tasks, not normalised."""
        return fmean(self.scores.values())


class Trial:
    """The first experts of a family (`tasks`), and the scores of what is merged from them."""

    def __init__(self, arena: Arena, model: nn.Module, score: Score, tasks: Sequence[str]) -> None:
        self.arena, self.model, self.score = arena, model, score
        self.tasks = tuple(tasks)
        self._experts: dict[str, Scores] = {}

    def among(self, tasks: Sequence[str]) -> Trial:
        """The same checkpoints with fewer tasks."""
        return Trial(self.arena, self.model, self.score, tasks)

    def recipe(self, method: str, tasks: Sequence[str] = (), **changes: Any) -> MergeRecipe:
        """A recipe with the faders of all tasks (or of those given) at 1."""
        return MergeRecipe(method, tuple((task, 1.0) for task in tasks or self.tasks), **changes)

    def scores(self, mix: Mix, split: str = "test", tasks: Sequence[str] = ()) -> Scores:
        """Task -> score of a recipe, of a flat buffer of the arena, or of a state dict."""
        if isinstance(mix, MergeRecipe):
            mix = self.arena.merge(mix).flat
        self.model.load_state_dict(self.arena.views(mix) if isinstance(mix, Tensor) else mix)
        return self.score(self.model, tuple(tasks) or self.tasks, split)

    def experts(self, split: str = "test") -> Scores:
        """Score of each expert on its own task."""
        if split not in self._experts:
            alone = {task: self.recipe("task_arithmetic", (task,)) for task in self.tasks}
            self._experts[split] = {task: self.scores(recipe, split, (task,))[task] for task, recipe in alone.items()}
        return self._experts[split]

    def normalised(self, scores: Scores, split: str = "test") -> float:
        """Mean over tasks of score / the expert's score."""
        return fmean(value / self.experts(split)[task] for task, value in scores.items())

    def row(self, mix: MergeRecipe | Tensor, **chosen: Any) -> Row:
        """The test scores of one network for all tasks."""
        return self.row_of(self.scores(mix), **chosen)

    def row_of(self, scores: Scores, **chosen: Any) -> Row:
        """A row from test scores at hand."""
        return Row(scores, self.normalised(scores), chosen)

    def at_best_scale(self, recipe: MergeRecipe) -> Row:
        """The recipe at the scale of the grid that is best on the validation split."""
        at = {scale: replace(recipe, scale=scale) for scale in SCALES}
        best = max(SCALES, key=lambda scale: self.normalised(self.scores(at[scale], "validation"), "validation"))
        return self.row(at[best], scale=best)

    def masked(self, recipe_for: Callable[[str, float], MergeRecipe], thresholds: Sequence[float]) -> Row:
        """A network per task, each at the threshold that is best for it on the validation split."""
        chosen, scores = {}, {}
        for task in self.tasks:
            recipes = {value: recipe_for(task, value) for value in thresholds}
            found = {value: self.scores(recipe, "validation", (task,))[task] for value, recipe in recipes.items()}
            chosen[task] = max(found, key=found.__getitem__)
            scores[task] = self.scores(recipes[chosen[task]], "test", (task,))[task]
        return self.row_of(scores, thresholds=chosen)

    def tall(self, vector: str = "sum", thresholds: Sequence[float] = THRESHOLDS) -> Row:
        """TALL-masks: every task through its own mask over one merged vector, the mask's lambda chosen per task."""
        return self.masked(lambda task, value: self.tall_recipe({task: value}, vector, task), thresholds)

    def tall_recipe(self, thresholds: Mapping[str, float], vector: str, task: str) -> MergeRecipe:
        """The recipe of one task's mask."""
        masks = MaskChoice("task", tasks=(task,), thresholds=tuple(thresholds.items()))
        return self.recipe("tall_masks", settings=(("vector", vector),), masks=masks)

    def emr(self) -> Row:
        """EMR: mask and rescaler of each task, nothing chosen."""
        masks = {task: MaskChoice("task", tasks=(task,)) for task in self.tasks}
        return self.row_of(
            {task: self.scores(self.recipe("emr", masks=masks[task]), "test", (task,))[task] for task in self.tasks}
        )

    def consensus(self, votes: int, vector: str = "sum") -> Row:
        """Consensus of `votes` masks (lambda 0.4) at its best scale."""
        masks = MaskChoice("consensus", votes=votes)
        return self.at_best_scale(self.recipe("consensus", settings=(("vector", vector),), masks=masks))

    def by_plain_masks(self, pick: str, density: Mapping[str, float]) -> Row:
        """Masks that know nothing of the other tasks, over the same sum: "magnitude" or "random", at given densities.

        Args:
            density: task -> share of the weights to keep, 0 to 1.
        """
        scores = {}
        for task in self.tasks:
            settings = (("pick", pick), ("density", density[task]))
            recipe = self.recipe("plain_masks", settings=settings, masks=MaskChoice("task", tasks=(task,)))
            scores[task] = self.scores(recipe, "test", (task,))[task]
        return self.row_of(scores)

    def tall_densities(self, row: Row) -> dict[str, float]:
        """Density of every task's mask at the thresholds that `tall` chose."""
        thresholds = row.chosen["thresholds"]
        return dict(self.arena.mask_report(self.tall_recipe(thresholds, "sum", self.tasks[0])).density)
