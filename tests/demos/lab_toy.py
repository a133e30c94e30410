"""A page with the Lab alone, on the miniature family of the trial: three tasks of two tensors."""

from __future__ import annotations

from typing import Any

import pytest

from demos.lab import LabTab, warm
from demos.lab_bench import LabBench
from demos.page import build_page
from demos.tab import Tab, Workshop
from pipelines.lab.judge import Judge
from pipelines.lab.trial import Trial
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.family import Block, ModelFamily, ModelSpec
from tests.demos.conftest import Built, FakeCache, FakePipeline
from tests.pipelines.lab.toy_trial import TASKS, Rows, make_trial

SPEC = ModelSpec("toy/base", "assets:toy/base.safetensors", None, "Apache-2.0")
SCORER, MEASURE = "tests.demos.lab_toy:scorer", "tests.demos.lab_toy:measure"


def toy(name: str, surrogate: str = "") -> ModelFamily:
    """A family of that name; without a surrogate nothing can be learned."""
    return ModelFamily(
        name=name, pipeline="lab", tier="embedded", build=Rows, base=SPEC, experts=dict.fromkeys(TASKS, SPEC), paper="",
        blocks=(Block("rows", "rows"), Block("frozen", "frozen")), scorer=SCORER, surrogate=surrogate,
        default=MergeRecipe(coefficients=tuple((task, 1.0) for task in TASKS), scale=0.5),
    )  # fmt: skip


FAMILIES = (toy("toy", MEASURE), toy("mute"))


def measure(model: Any) -> Any:
    """What toy coefficients are learned by: a small network."""
    return lambda weights, step: (weights["rows"] ** 2).mean()


class ToyCache(FakeCache):
    """Gives every family the arena of one trial."""

    def __init__(self, root: Any, trial: Trial) -> None:
        super().__init__(root)
        self.trial = trial

    def arena(self, family: ModelFamily) -> Any:
        return self.trial.arena


def lab_page(root: Any, patch: pytest.MonkeyPatch) -> Built:
    """The page; `pipeline` of it is not used."""
    by_name = {one.name: one for one in FAMILIES}
    patch.setattr("demos.lab_bench.FAMILIES", FAMILIES)
    patch.setattr("demos.lab_bench.family_named", by_name.__getitem__)
    trial = make_trial(0.2)
    cache: Any = ToyCache(root / "assets", trial)
    workshop = Workshop(cache, root / "assets")
    bench = LabBench(cache)
    bench._judges |= {name: Judge(trial) for name in by_name}
    page = build_page(workshop, rows=(Tab("lab", "Lab", lambda shop: LabTab(shop, bench), warm),))
    return Built(page.tabs["lab"], page, FakePipeline(), workshop)
