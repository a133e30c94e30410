from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.__main__ import main
from pipelines.commands.evaluate import score_tables
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_hash
from pipelines.shared.family import ModelFamily

Calls = list[dict[str, Any]]


def test_the_report_has_one_shape_and_names_the_mix(toy: ModelFamily, calls: Calls, tmp_path: Path) -> None:
    path = tmp_path / "made" / "scores.json"
    assert main(["evaluate", "toy", "--limit", "3", "--json", str(path)]) == 0
    report = json.loads(path.read_text())
    assert list(report) == ["family", "tier", "recipe", "recipe_hash", "device", "seconds", "sets"]
    assert (report["family"], report["tier"], report["device"]) == ("toy", "embedded", "cpu")
    assert report["recipe_hash"] == recipe_hash(toy.default)
    assert report["recipe"]["weights"] == {"left": 1.0, "right": 1.0}
    assert report["sets"]["generated/toy"]["methods"] == {"net": {"vif": 0.5, "en": None}, "average": {"vif": 0.25}}
    assert calls == [{"data": None, "recipe": toy.default, "limit": 3}]


@pytest.mark.usefixtures("toy")
def test_scores_are_shown_as_a_table(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "toy"]) == 0
    title, head, net, average = capsys.readouterr().out.strip().splitlines()
    assert title == "generated/toy, 2 samples" and head.split() == ["method", "vif", "en"]
    assert net.split() == ["net", "0.5000", "nan"] and average.split() == ["average", "0.2500", "-"]


def test_what_is_measured_differently_has_its_own_table() -> None:
    methods = {"net": {"vif": 0.5}, "boxes": {"iou": 0.25, "n": 3}, "average": {"vif": 0.25, "n": 1}}
    first, second = score_tables(methods).split("\n\n")
    assert [line.split() for line in first.splitlines()] == [
        ["method", "vif", "n"], ["net", "0.5000", "-"], ["average", "0.2500", "1"],
    ]  # fmt: skip
    assert [line.split() for line in second.splitlines()] == [["method", "iou", "n"], ["boxes", "0.2500", "3"]]


@pytest.mark.usefixtures("toy")
def test_one_expert_is_scored_alone(calls: Calls) -> None:
    assert main(["evaluate", "toy", "--expert", "right"]) == 0
    assert main(["evaluate", "toy", "--expert", "base"]) == 0
    assert calls[0]["recipe"] == MergeRecipe(coefficients=(("right", 1.0),), scale=1.0)
    assert calls[1]["recipe"] == MergeRecipe()


@pytest.mark.usefixtures("toy")
def test_the_mix_of_a_recipe_file_is_scored(calls: Calls, recipe_file: Path, tmp_path: Path) -> None:
    assert main(["evaluate", "toy", "--recipe", str(recipe_file), "--data", str(tmp_path)]) == 0
    assert calls[0]["data"] == tmp_path
    assert dict(calls[0]["recipe"].coefficients) == {"left": 0.75, "right": 0.5}


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--expert", "up"], "known are left, right"),
        (["--data", "no-such-folder"], "no such folder"),
        (["--limit", "0"], "1 or more"),
        (["--device", "abacus"], "abacus"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_it_runs(
    arguments: list[str], said: str, calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "toy", *arguments]) == 1
    assert said in capsys.readouterr().err and calls == []
