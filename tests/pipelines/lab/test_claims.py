from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch

from pipelines.lab.claims import claims, front, is_convex, measure
from pipelines.lab.trial import Trial
from tests.pipelines.lab.toy_trial import make_trial


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    return measure(make_trial(0.2), far_from_nought)


@pytest.fixture
def found(measured: dict[str, Any]) -> dict[str, Any]:
    return deepcopy(measured)


def far_from_nought(weights: dict[str, torch.Tensor], step: int) -> torch.Tensor:
    """A loss without labels: small where the weights are large."""
    return -weights["rows"].square().mean()


def verdicts(found: dict[str, Any]) -> dict[str, bool]:
    return {claim.name: claim.is_accepted for claim in claims(found)}


def test_what_is_measured_is_complete_and_plain(found: dict[str, Any]) -> None:
    import json

    again = json.loads(json.dumps(found))
    assert set(again["rows"]) >= {"base", "average", "task_arithmetic", "ties", "consensus", "tall", "emr",
                                  "random_masks", "magnitude_masks"}  # fmt: skip
    assert list(again["by_votes"]) == ["0", "1", "2", "3"]
    assert sum(again["votes"]["sum"]["histogram"]) + again["votes"]["sum"]["inactive"] == pytest.approx(1)
    assert len(again["geometry"]["cosines"]) == 3 and len(again["fronts"]) == 3


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("experts are recoverable from one vector and masks", ("rows", "tall", "normalised", 0.96)),
        ("experts are recoverable from one vector and masks", ("rows", "base", "normalised", 0.98)),
        ("recovery does not fall with the number of tasks", ("half_rows", "tall", "normalised", 1.03)),
        ("storage is that of the formula", ("storage", 0, "off_formula", 0.011)),
        ("catastrophic and selfish weights matter", ("by_votes", "0", "normalised", 1.2)),
        ("masks are about a third dense, and the TIES spike is the inactive set", ("densities", "east", 0.6)),
        ("it is the masks' places that count, not their density", ("rows", "random_masks", "normalised", 1.1)),
        ("EMR needs no tuning", ("rows", "emr", "normalised", 0.1)),
        ("learned coefficients beat fixed ones", ("rows", "adamerging_tasks", "normalised", 0.9)),
        ("a learned common mask helps", ("rows", "concrete", "normalised", 0.6)),
    ],
)
def test_each_claim_falls_with_the_number_it_rests_on(found: dict[str, Any], claim: str, change: tuple) -> None:
    good = accepted(found)
    assert verdicts(good)[claim]
    *path, key, value = change
    spot = good
    for step in path:
        spot = spot[step]
    spot[key] = value
    assert not verdicts(good)[claim]


def accepted(found: dict[str, Any]) -> dict[str, Any]:
    """The same with the numbers of a family for which every claim holds."""
    by_name = {"base": 0.5, "task_arithmetic": 0.7, "tall": 0.99, "magnitude_masks": 0.8, "random_masks": 0.6,
               "emr": 0.9, "task_arithmetic_0.3": 0.65, "adamerging_tasks": 0.7, "adamerging_layers": 0.75,
               "concrete": 0.7}  # fmt: skip
    for name, value in by_name.items():
        found["rows"][name]["normalised"] = value
    for name, value in {"tall": 0.995, "task_arithmetic": 0.8}.items():
        found["half_rows"][name]["normalised"] = value
    for votes, value in zip("0123", (0.7, 0.72, 0.74, 0.55), strict=True):
        found["by_votes"][votes]["normalised"] = value
    found["densities"] = dict.fromkeys(found["densities"], 0.3)
    found["votes"]["ties"] |= {"histogram": [0.3, 0.3, 0.2, 0.05], "inactive": 0.15}
    for row in found["storage"]:
        row["off_formula"] = 0.005
    return found


def test_storage_counts_what_the_formula_counts(found: dict[str, Any]) -> None:
    (row,) = found["storage"]
    assert row["formula_bytes"] == ((32 + 2) * 1800 + 16 * 5) / 8
    assert 0 < row["tall_bytes"] - row["formula_bytes"] < 1600  # the header, and masks filled up to 4096 weights


def test_a_front_runs_from_one_expert_to_the_other(trial: Trial) -> None:
    line = front(trial, "north", "east")["points"]
    assert line[0][:2] == [0.0, pytest.approx(1.0)] and line[-1][::2] == [1.0, pytest.approx(1.0)]
    assert [line[0][2], line[-1][1]] == [pytest.approx(trial_of_other(trial, a, b)) for a, b in
                                         (("north", "east"), ("east", "north"))]  # fmt: skip


def trial_of_other(trial: Trial, expert: str, task: str) -> float:
    return trial.scores(trial.recipe("task_arithmetic", (expert,)), "test", (task,))[task]


def test_convex_needs_one_point_between_that_is_good_for_both() -> None:
    assert is_convex([[0, 0.9, 0.3], [0.5, 0.895, 0.65], [1, 0.5, 0.9]])
    assert not is_convex([[0, 0.9, 0.3], [0.5, 0.885, 0.65], [1, 0.5, 0.9]])
    assert not is_convex([[0, 0.9, 0.3], [0.5, 0.9, 0.59], [1, 0.5, 0.9]])


def test_a_family_without_a_loss_makes_no_claim_about_learning(found: dict[str, Any]) -> None:
    named = set(verdicts(found))
    del found["rows"]["concrete"]
    assert named - set(verdicts(found)) == {"learned coefficients beat fixed ones", "a learned common mask helps"}


def test_learned_coefficients_follow_the_loss(found: dict[str, Any]) -> None:
    rows = found["rows"]
    assert rows["adamerging_tasks"]["scores"] != rows["task_arithmetic_0.3"]["scores"]
    assert rows["adamerging_layers"]["chosen"] == {"steps": 100, "rate": 0.01}


WITH_DATA = {
    "few_shot": {"atlas": {"1": 0.5, "16": 0.6}, "layer_norm": {"1": 0.4, "16": 0.7}, "probe": {"1": 0.45, "16": 0.7}},
    "transport": {"first": 0.5, "second": 0.5, "plain": 0.2, "matched": 0.31, "copy_error": 0.0},
    "fusion": {"alone": 0.4, "fixed": 0.5, "dynamic": 0.495},
}


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("aTLAS needs few samples", ("few_shot", "probe", "1", 0.5)),
        ("aTLAS needs few samples", ("few_shot", "layer_norm", "1", 0.6)),
        ("matched networks of two starts average better", ("transport", "matched", 0.29)),
        ("matched networks of two starts average better", ("transport", "copy_error", 1e-4)),
        ("a shift of outputs is given as strongly as it was", ("fusion", "dynamic", 0.48)),
    ],
)
def test_claims_with_data_fall_with_their_numbers(found: dict[str, Any], claim: str, change: tuple) -> None:
    assert claim not in verdicts(found)  # of a family that has no such data
    found["with_data"] = deepcopy(WITH_DATA)
    assert verdicts(found)[claim]
    *path, key, value = change
    spot = found["with_data"]
    for step in path:
        spot = spot[step]
    spot[key] = value
    assert not verdicts(found)[claim]
