"""Claims of shapes_vit that need data: shuffles undone, few-shot learning, on small things."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.lab import vit_claims
from pipelines.lab.tasks import TASKS
from pipelines.lab.trial import Trial
from pipelines.lab.vit import ShapesViT
from pipelines.merging.arena import Arena
from tests.pipelines.lab.tiny_vit import network


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    def pictures(task: str, split: str) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([list(TASKS).index(task), len(split)])
        labels = np.arange(16) % len(TASKS[task].classes)
        return rng.random((16, 3, 32, 32), np.float32), labels

    monkeypatch.setattr(vit_claims, "pictures", pictures)


@pytest.fixture
def trial() -> Trial:
    base = network(0)
    experts = {}
    for seed, task in enumerate(("shapes", "colours", "counts"), 1):
        noise = network(seed)
        experts[task] = {k: v if k == "prototypes" else v + 0.02 * noise[k] for k, v in base.items()}
    truth = {task: torch.from_numpy(vit_claims.pictures(task, "test")[1]) for task in experts}

    @torch.inference_mode()
    def score(model: ShapesViT, tasks: tuple[str, ...], split: str) -> dict[str, float]:
        told = {task: model(torch.from_numpy(vit_claims.pictures(task, split)[0]), task).argmax(1) for task in tasks}
        return {task: float((told[task] == truth[task]).double().mean()) for task in tasks}

    return Trial(Arena.from_checkpoints(base, experts), ShapesViT().eval(), score, tuple(experts))


def test_a_task_is_composed_of_the_other_tasks_alone_and_the_loss_falls(trial: Trial) -> None:
    loss = vit_claims.few_shot_loss(trial.model, "shapes", 1)
    flat = vit_claims._composed(trial, "shapes", loss, 12)
    without = Trial(trial.arena, trial.model, trial.score, trial.tasks)
    assert float(loss(trial.arena.views(flat), 0)) < float(loss(trial.arena.views(trial.arena.base), 0))
    own = trial.arena.experts["shapes"].vector
    others = torch.stack([trial.arena.experts[task].vector for task in without.tasks[1:]])
    slot = next(slot for slot in trial.arena.layout.slots if slot.key == "blocks.0.expand.weight")
    where = slice(slot.start, slot.stop)
    change = (flat - trial.arena.base)[where].double()
    span = others[:, where].double().T
    rest = change - span @ torch.linalg.lstsq(span, change[:, None]).solution[:, 0]
    assert float(rest.norm()) < 1e-3 * float(change.norm()) and float(own[where].norm()) > 0


def test_all_that_the_claims_need_is_measured(trial: Trial) -> None:
    found = vit_claims.measure_with_data(trial, network(9), shots=(1,), steps=2)
    assert set(found["few_shot"]) == {"atlas", "layer_norm", "probe"} and set(found["few_shot"]["atlas"]) == {"1"}
    assert found["transport"]["copy_error"] == 0.0
    assert 0 <= found["transport"]["matched"] <= 1 and 0 <= found["fusion"]["dynamic"] <= 1
    assert set(vit_claims.measure_with_data(trial, None, shots=(1,), steps=1)) == {"few_shot"}
