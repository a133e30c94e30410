from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from safetensors.torch import save_file

from benchmarks import bench_claims
from pipelines.lab.claims import claims, measure
from tests.pipelines.lab.toy_trial import TASKS, make_trial


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    seeds = [bench_claims.judged({"name": f"seed{n}", "seconds": 1.0} | measure(make_trial(0.2))) for n in range(2)]
    seeds[1]["rows"]["emr"]["normalised"] = 0.0
    return {"family": "toy", "device": "cpu", "seeds": seeds}


def test_every_claim_and_method_has_its_line(report: dict[str, Any]) -> None:
    text = bench_claims.markdown(report)
    lines = text.splitlines()
    assert "2 seed(s): seed0, seed1" in lines[0]
    for claim in claims(report["seeds"][0]):
        (line,) = [line for line in lines if line.startswith(f"| {claim.name} |")]
        assert f"| {2 * claim.is_accepted} of 2 |" in line
    for method in report["seeds"][0]["rows"]:
        (line,) = [line for line in lines if line.startswith(f"| {method} |")]
        assert line.count("±") == 2 + len(TASKS)


def test_earlier_seeds_of_the_family_are_judged_anew(report: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    path.write_text(json.dumps([report, {"family": "other", "seeds": [{}]}]))
    seeds = bench_claims.earlier_seeds([path], "toy")
    held = [{claim["name"]: claim["is_accepted"] for claim in seed["claims"]}["EMR needs no tuning"] for seed in seeds]
    assert held == [True, False]


def test_a_folder_of_checkpoints_is_put_on_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.commands import loading

    trial = make_trial(0.2)
    names = {"base": trial.recipe("task_arithmetic", scale=0.0)} | {
        task: trial.recipe("task_arithmetic", (task,)) for task in TASKS
    }
    for name, recipe in names.items():
        views = trial.arena.views(trial.arena.merge(recipe).flat)
        save_file({key: view.clone() for key, view in views.items()}, tmp_path / f"{name}.safetensors")
    spec = SimpleNamespace(name="toy/any", source="assets:nowhere")
    family = SimpleNamespace(
        base=spec, experts=dict.fromkeys(TASKS, spec), tasks=TASKS, scorer="toy:score", build=lambda: trial.model
    )
    monkeypatch.setattr(loading, "named", {"toy:score": trial.score}.__getitem__)
    opened = bench_claims.open_trial(family, tmp_path)
    assert opened.experts() == pytest.approx(trial.experts())


def test_shares_of_gains_are_counted_from_the_base() -> None:
    row = {"scores": {"a": 0.7, "b": 0.5}}
    seed = {"tasks": ["a", "b"], "experts": {"a": 0.9, "b": 0.9}, "rows": {"base": {"scores": {"a": 0.5, "b": 0.5}}}}
    kept = bench_claims._gains_kept(seed | {"rows": seed["rows"] | {"tall": row}}, "tall")
    assert kept == pytest.approx({"a": 0.5, "b": 0.0, "all": 0.25})


def test_every_seed_is_handed_on_as_soon_as_it_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench_claims, "open_trial", lambda family, folder: make_trial(0.2))
    monkeypatch.setattr("pipelines.lab.claims.measure", lambda trial, loss: {"of": "a seed"})
    monkeypatch.setattr(bench_claims, "judged", dict)
    family: Any = SimpleNamespace(name="toy", surrogate=None)
    counts: list[int] = []
    folders = [tmp_path / "a", tmp_path / "b"]
    report = bench_claims.run(family, folders, lambda found: counts.append(len(found["seeds"])))
    assert counts == [1, 2] and [seed["name"] for seed in report["seeds"]] == ["a", "b"]
