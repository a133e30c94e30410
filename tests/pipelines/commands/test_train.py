from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.__main__ import main
from pipelines.registry import FAMILIES
from pipelines.training.run import TrainingOptions


@pytest.mark.usefixtures("toy")
def test_the_familys_trainer_gets_what_was_asked(
    calls: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "toy"]) == 0
    asked = "--expert left --preset smoke --seed 7 --resume --base b.safetensors"
    assert main(["train", "toy", *asked.split()]) == 0
    assert [one["options"] for one in calls] == [
        TrainingOptions(expert=None, preset="cpu", seed=0, resume=False, base=None),
        TrainingOptions(expert="left", preset="smoke", seed=7, resume=True, base=Path("b.safetensors")),
    ]
    assert capsys.readouterr().out.splitlines()[0] == "base: checkpoints/base.safetensors"


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("arguments", "said"), [(["--expert", "up"], "known are left, right"), (["--seed", "-1"], "0 or more")]
)
def test_what_cannot_be_trained_is_refused(
    arguments: list[str], said: str, calls: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "toy", *arguments]) == 1
    assert said in capsys.readouterr().err and calls == []


@pytest.mark.parametrize("name", ["fusenet", "meflut", "shapes_vit"])
def test_a_family_without_a_smoke_preset_names_those_it_has(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", name, "--preset", "smoke"]) == 1
    assert f"{name} has no preset 'smoke'; it has cpu, gpu, test." in capsys.readouterr().err


@pytest.mark.parametrize(
    "family", [family for family in FAMILIES if family.tier == "embedded"], ids=lambda family: family.name
)
def test_trainer_and_evaluator_of_every_family_take_the_arguments_of_the_commands(family: Any) -> None:
    import inspect

    from pipelines.commands.loading import named

    inspect.signature(named(family.trainer)).bind(family, TrainingOptions())
    inspect.signature(named(family.evaluator)).bind(family, None, data=None, recipe=None, limit=None)
