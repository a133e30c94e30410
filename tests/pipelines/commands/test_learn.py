from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from pipelines import registry
from pipelines.__main__ import main
from pipelines.commands import loading
from pipelines.merging.learning import Loss, module_loss
from pipelines.shared.family import ModelFamily
from pipelines.shared.recipe_file import parse_document

INPUTS = torch.linspace(-1, 1, 12).view(3, 4)


@pytest.fixture
def learnable(toy: ModelFamily, monkeypatch: pytest.MonkeyPatch) -> ModelFamily:
    """The toy with a loss: be like the expert "left"."""
    wanted: list[torch.Tensor] = []

    def loss(model: nn.Module) -> Loss:
        cache = loading.open_cache()
        arena = cache.arena(family)
        model.load_state_dict(arena.views(arena.base + arena.experts["left"].vector))
        wanted.append(model(INPUTS).detach())
        return module_loss(model, lambda call, step: (call(INPUTS) - wanted[0]).square().mean())

    plain = loading.named
    family = replace(toy, surrogate="toy_code:loss")
    monkeypatch.setattr(loading, "named", lambda name: loss if name == "toy_code:loss" else plain(name))
    monkeypatch.setattr(registry, "FAMILIES", (family,))
    return family


@pytest.mark.parametrize("method", ["adamerging", "atlas"])
def test_the_recipe_is_one_of_the_page_and_the_loss_falls(
    learnable: ModelFamily, method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "learned.yaml"
    command = ["learn", "toy", "--method", method, "--grain", "task", "--steps", "60", "--rate", "0.05"]
    assert main([*command, "--out", str(out)]) == 0
    document, _ = parse_document(out.read_text(), [learnable])
    start, end = (float(word) for word in re.findall(r"(\d+\.\d+) (?:at|after)", capsys.readouterr().out))
    assert end < 0.7 * start and document.family == "toy"
    if method == "adamerging":  # from 0.3 each the way is open
        found = dict(document.recipe.coefficients)
        assert found["left"] > 0.7 and abs(found["right"]) < 0.3
    assert main(["merge", str(out), "--out", str(tmp_path / "mix.safetensors")]) == 0


@pytest.mark.usefixtures("toy")
def test_a_family_without_a_loss_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "toy", "--out", str(tmp_path / "x.yaml")]) == 1
    assert "no loss without labels" in capsys.readouterr().err


@pytest.mark.usefixtures("learnable")
@pytest.mark.parametrize("flag", [["--steps", "0"], ["--rate", "0"]])
def test_steps_and_rate_are_checked(flag: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "toy", *flag, "--out", str(tmp_path / "x.yaml")]) == 1
    assert "--steps" in capsys.readouterr().err


def test_fusenets_loss_needs_no_labels_and_has_a_gradient_for_every_expert() -> None:
    from pipelines.fusion.surrogate import fusion_loss

    family = registry.family("fusenet")
    arena = loading.open_cache().arena(family)
    loss = fusion_loss(family.build().eval())
    leaf = arena.base.clone().requires_grad_()
    value = loss(arena.views(leaf), 0)
    value.backward()
    assert torch.isfinite(value) and leaf.grad is not None
    slopes = [float((leaf.grad * expert.vector).sum()) for expert in arena.experts.values()]
    assert all(slope != 0 for slope in slopes) and torch.equal(value, loss(arena.views(leaf), 8))
