"""The Lab's methods that are fed: on the miniature family, which has a loss, samples, and neurons to match."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from demos.lab_bench import LabBench
from demos.sight import with_updates
from pipelines.lab import feeding
from pipelines.merging.feed import Alignment, Samples
from pipelines.merging.optimal_transport import Plan, Stream
from pipelines.shared.errors import UserError
from tests.demos import lab_toy
from tests.demos.conftest import Built
from tests.demos.lab_toy import lab_page

Visitor = Callable[[str], Any]


def samples(model: nn.Module) -> Samples:
    """Logits are sums over parts of the three rows; a network without linear layers."""
    x = torch.linspace(-1, 1, 8 * 600).view(8, 600)
    return Samples(Reading(), lambda task, first, last: x[first:last], lambda call, one, task: call(one), 8)


class Reading(lab_toy.Rows):
    def forward(self, x: Tensor) -> Tensor:
        return x @ self.rows.T / 100


ALIGNMENT = Alignment(
    dict, dict, lambda state: [Stream("rows", ("rows",))], lambda state: {"rows": ("rows", None)},
    lambda model, state, x: {"rows": x @ state["rows"].T},
    lambda state, seed: {"rows": Plan(torch.eye(3, dtype=torch.float64)[:, [2, 0, 1]] / 3)},
)  # fmt: skip


@pytest.fixture(scope="module")
def lab(root: Path) -> Iterator[Built]:
    able = replace(lab_toy.FAMILIES[0], samples="tests.demos.test_lab_fed:samples",
                   alignment="tests.demos.test_lab_fed:ALIGNMENT")  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab_toy, "FAMILIES", (able, *lab_toy.FAMILIES[1:]))
        yield lab_page(root, patch)


def asked(lab: Built, **values: Any) -> dict[Any, Any]:
    own = lab.tab.experiments["fed"].settings
    return lab.values({own[key.replace("__", ".")]: value for key, value in values.items()})


def run(lab: Built, visitor: Any, values: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    fed = lab.tab.experiments["fed"]
    yield from fed.run(visitor, {**values, **fed.queued(visitor)})


def last(updates: Iterator[dict[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for one in updates:
        found |= one
    return found


QUICK = {"fisher": {"fisher__samples": 8}, "regmean": {"regmean__samples": 8}, "concrete": {"concrete__steps": 10},
         "optimal_transport": {"optimal_transport__samples": 8, "optimal_transport__by": "weights"}}  # fmt: skip


@pytest.mark.parametrize("method", QUICK)
def test_each_method_is_scored_beside_its_rivals_and_stored(lab: Built, visitor: Visitor, method: str) -> None:
    fed = lab.tab.experiments["fed"]
    found = last(run(lab, visitor(method), asked(lab, method=method, **QUICK[method])))
    chart, text = found[fed.figure.kept]
    assert "Done: " in found[fed.progress] and f"method: {method}" in text
    rows = dict(zip(chart.rows, chart.values, strict=True))
    assert chart.columns == ("north", "east", "south", "mean", "normalised")
    assert chart.rows[:2] == ("experts", "base") and rows["experts"][-1] == pytest.approx(1.0)
    assert all(value is not None for row in chart.values for value in row) and len(rows) >= 4
    with safe_open(found[fed.file], "pt") as file:
        merged = file.get_tensor("rows")
        assert "experiment: fed" in file.metadata()["mixdeck:made"]
    experts = lab.tab.bench.judge("toy").trial.score.experts
    likeness = 1 - float((merged - experts["north"]).norm() / experts["north"].norm())
    assert rows[chart.rows[2]][0] == pytest.approx(max(0.0, likeness), abs=1e-5)
    assert (found[fed.loss.kept] is not None) == (method == "concrete")


def test_a_shuffled_network_is_matched_and_fits_better_than_unmatched(lab: Built, visitor: Visitor) -> None:
    fed = lab.tab.experiments["fed"]
    values = asked(lab, method="optimal_transport", anchor="north", other="north", optimal_transport__samples=8)
    chart, _ = last(run(lab, visitor("ot"), values))[fed.figure.kept]
    scores = {row: values[0] for row, values in zip(chart.rows, chart.values, strict=True)}
    assert scores["Optimal-transport fusion"] == pytest.approx(1.0, abs=1e-5)
    assert scores["the same, neurons not matched"] < 0.9


def test_a_stopped_mask_has_what_it_learned_without_scores(lab: Built, visitor: Visitor) -> None:
    fed, me = lab.tab.experiments["fed"], visitor("stopper")
    steps = run(lab, me, asked(lab, concrete__steps=4000))
    next(steps), next(steps)
    fed.when_stopped(me)
    found = last(steps)
    assert "Stopped: " in found[fed.progress] and "of 4001" in found[fed.progress]
    assert Path(found[fed.file]).is_file() and found[fed.table].count("·") >= 3


def test_what_cannot_be_fed_says_why(lab: Built, visitor: Visitor) -> None:
    values = asked(lab, method="optimal_transport", anchor="north", other="north", shuffle=False)
    with pytest.raises(UserError, match="choose two, or shuffle"):
        last(run(lab, visitor("one"), values))
    with pytest.raises(UserError, match="lies between"):
        last(run(lab, visitor("one"), asked(lab, method="fisher", fisher__samples=0)))
    assert "no measure" in lab.tab.chosen_family("mute", lab.values())[lab.tab.experiments["fed"].reason]


def test_the_boxes_follow_the_method_and_the_menus_the_family(lab: Built) -> None:
    fed = lab.tab.experiments["fed"]
    seen = fed.asked.when_method_changes(asked(lab, method="regmean"))
    shown = [method.name for group, method in zip(fed.asked.groups, feeding.FED, strict=True) if seen[group]["visible"]]
    assert shown == ["regmean"]
    moved = fed.followed(("left", "right"), lab.values())
    assert moved[fed.settings["other"]]["choices"] == ["left", "right", "base"]
    assert moved[fed.settings["other"]]["value"] == "right"


def test_a_figure_s_recipe_restores_the_method_and_its_settings(lab: Built, visitor: Visitor) -> None:
    fed = lab.tab.experiments["fed"]
    values = asked(lab, method="regmean", regmean__samples=6, shuffle=False)
    text = last(run(lab, visitor("one"), values))[fed.figure.kept][1]
    after = with_updates(lab.values(), lab.tab.links.restored(text))
    assert {key: after[one] for key, one in fed.settings.items()} == {
        key: values[one] for key, one in fed.settings.items()
    }
    with pytest.raises(UserError, match=r"regmean\.off_diagonal lies between"):
        lab.tab.links.restored(text.replace("off_diagonal: 0.95", "off_diagonal: 7"))


def test_the_bench_feeds_only_families_with_a_network() -> None:
    with pytest.raises(UserError, match="nothing scores them"):
        LabBench(lab_toy.ToyCache(".", None)).feed("own: 1234", ())
