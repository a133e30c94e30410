"""Evaluation of the shapes_vit family: accuracy on fixed wild pictures of every task, beside two naive answers.

Validation pictures (to choose a scale or a threshold on) and test pictures come from seeds that no training uses.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.lab.tasks import TASKS, samples
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily

SEED = 2026
# word of the seed, pictures per task; "reference" is for the naive answer, "unlabelled" for learned coefficients
SPLITS = {"test": (0, 512), "validation": (1, 96), "reference": (2, 512), "unlabelled": (3, 256)}
CHUNK = 128

Answer = Callable[[str, np.ndarray], np.ndarray]  # task, pixels (B, 3, H, W) -> class numbers (B,)


@functools.cache
def pictures(task: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """The fixed pictures of a split, (N, 3, H, W) float32, and their classes, (N,)."""
    word, count = SPLITS[split]
    place = list(TASKS).index(task)
    return samples(np.random.default_rng([SEED, word, place]), TASKS[task], count)


def score_model(model: nn.Module, tasks: Sequence[str] = tuple(TASKS), split: str = "test") -> dict[str, float]:
    """Task -> accuracy of a network at hand, 0 to 1."""
    return {task: accuracy(network_answer(model), task, split) for task in tasks}


def accuracy(answer: Answer, task: str, split: str = "test", limit: int | None = None) -> float:
    """Share of the split's pictures (the first `limit`) whose class is told right."""
    pixels, labels = (array[:limit] for array in pictures(task, split))
    told = [answer(task, pixels[start : start + CHUNK]) for start in range(0, len(pixels), CHUNK)]
    return float((np.concatenate(told) == labels).mean())


def network_answer(model: nn.Module) -> Answer:
    """The class whose prototype is nearest, among the task's own."""
    import torch

    @torch.inference_mode()
    def answer(task: str, pixels: np.ndarray) -> np.ndarray:
        device = next(model.parameters()).device
        return model(torch.from_numpy(pixels).to(device), task).argmax(1).cpu().numpy()

    return answer


def nearest_mean(task: str, pixels: np.ndarray) -> np.ndarray:
    """A naive answer: the class whose mean picture (of 512 others) is nearest."""
    known, labels = pictures(task, "reference")
    means = np.stack([known[labels == number].mean(0) for number in range(len(TASKS[task].classes))])
    distances = ((pixels[:, None] - means[None]) ** 2).sum((2, 3, 4))  # (B, classes)
    return distances.argmin(1)


def evaluate(
    family: ModelFamily,
    cache: ModelCache,
    data: Path | None = None,
    recipe: MergeRecipe | None = None,
    limit: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Accuracy on the test pictures of each task.

    Args:
        cache: lends the network.
        recipe: which mix is scored; None is the family's default.
        limit: pictures per task.

    Returns:
        task -> {"n": pictures, "methods": {"net", "nearest_mean", "chance": {"accuracy": 0 to 1}}}.

    Raises:
        UserError: a data folder is given; these tasks are generated.
    """
    if data is not None:
        raise UserError(f"{family.name} is scored on generated pictures alone; leave out --data.")
    with cache.lease(family, family.default if recipe is None else recipe) as lease:
        answers = {"net": network_answer(lease.model), "nearest_mean": nearest_mean}
        return {task: _scores(task, answers, limit) for task in TASKS}


def _scores(task: str, answers: dict[str, Answer], limit: int | None) -> dict[str, Any]:
    methods = {name: {"accuracy": accuracy(answer, task, limit=limit)} for name, answer in answers.items()}
    methods["chance"] = {"accuracy": 1 / len(TASKS[task].classes)}
    return {"n": len(pictures(task, "test")[1][:limit]), "methods": methods}
