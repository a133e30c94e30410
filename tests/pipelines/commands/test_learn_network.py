"""`learn` of methods that store a network, on the toy family with samples and a score."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

from pipelines import registry
from pipelines.__main__ import main
from pipelines.commands import loading
from pipelines.commands.learn_network import wanted
from pipelines.lab.feeding import fed_method
from pipelines.merging.feed import Samples
from pipelines.merging.learning import module_loss
from pipelines.shared.family import ModelFamily

INPUTS = torch.linspace(-1, 1, 48).view(12, 4)


def samples(model: nn.Module) -> Samples:
    return Samples(model, lambda task, first, last: INPUTS[first:last] * (1 + (task == "left")),
                   lambda call, x, task: call(x), 12)  # fmt: skip


@pytest.fixture(autouse=True)
def fed(toy: ModelFamily, monkeypatch: pytest.MonkeyPatch) -> ModelFamily:
    """The toy with samples, a loss and a score: the share of outputs that are positive."""
    hooks = {
        "toy_code:samples": samples,
        "toy_code:loss": lambda model: module_loss(model, lambda call, step: call(INPUTS).square().mean()),
        "toy_code:score": lambda model, tasks, split: {t: float((model(INPUTS) > 0).float().mean()) for t in tasks},
    }
    plain = loading.named
    found = replace(toy, samples="toy_code:samples", surrogate="toy_code:loss", scorer="toy_code:score")

    def named(reference: str) -> object:
        return hooks.get(reference) or plain(reference)

    monkeypatch.setattr(loading, "named", named)
    monkeypatch.setattr("pipelines.lab.feeding.named", named)
    monkeypatch.setattr(registry, "FAMILIES", (found,))
    return found


@pytest.mark.parametrize(
    ("method", "settings"),
    [("fisher", {"samples": 12, "floor": 1e-06, "seed": 0}), ("regmean", {"samples": 12, "off_diagonal": 0.95}),
     ("concrete", {"steps": 10, "rate": 0.05, "scale": 0.5, "inner_rate": 0.0, "seed": 0, "mask": "hard"})],
)  # fmt: skip
def test_the_network_is_stored_with_what_made_it_and_scored_beside_its_rivals(
    method: str, settings: dict[str, float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "made.safetensors", tmp_path / "made.json"
    more = (
        ["--steps", "10", "--rate", "0.05", "--set", "scale=0.5", "--set", "mask=hard"]
        if method == "concrete"
        else ["--set", "samples=12"]
    )
    assert main(["learn", "toy", "--method", method, *more, "--out", str(out), "--json", str(report)]) == 0
    with safe_open(out, "pt") as file:
        about = json.loads(file.metadata()["mixdeck:made"])
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    assert about == {"method": method, "settings": settings, "experts": ["left", "right"]}
    told = json.loads(report.read_text())
    assert told["settings"] == settings and list(told["scores"])[:2] == ["own expert", "base"]
    assert len(told["scores"]) == 4 and told["split"] == "test"
    model = registry.FAMILIES[0].build()
    model.load_state_dict(weights)
    assert list(told["scores"].values())[2]["left"] == pytest.approx(float((model(INPUTS) > 0).float().mean()))
    assert "own expert" in capsys.readouterr().out


def test_fewer_experts_and_no_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "one.safetensors"
    command = ["learn", "toy", "--method", "regmean", "--set", "samples=12", "--experts", "right", "--score", "none"]
    assert main([*command, "--out", str(out)]) == 0
    expert = loading.ASSETS / "weights" / "toy" / "right.safetensors"
    with safe_open(out, "pt") as mine, safe_open(expert, "pt") as theirs:
        torch.testing.assert_close(mine.get_tensor("0.weight"), theirs.get_tensor("0.weight"), rtol=1e-4, atol=1e-5)
    assert "scores" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "told"),
    [(["--method", "fisher", "--out", "x.yaml"], "stored as .safetensors"),
     (["--method", "fisher", "--set", "floor"], "write NAME=NUMBER"),
     (["--method", "fisher", "--set", "flour=1"], "no setting 'flour'"),
     (["--method", "fisher", "--set", "samples=13"], "there are 12"),
     (["--method", "fisher", "--experts", "up"], "no expert 'up'"),
     (["--method", "optimal_transport", "--other", "left"], "gives no alignment")],
)  # fmt: skip
def test_what_cannot_be_made_is_said(more: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                     monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["learn", "toy", "--out", "x.safetensors", *more]) == 1
    assert told in capsys.readouterr().err and not list(tmp_path.glob("x.*"))


def test_choices_are_read_as_words_and_the_rest_as_numbers() -> None:
    flags = Namespace(set=["by = weights", "samples=4"])
    assert wanted(flags, fed_method("optimal_transport")) == {"by": "weights", "samples": 4.0}
