from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import registry
from pipelines.__main__ import main
from pipelines.commands.loading import ASSETS
from pipelines.shared.weights import weights_hashes
from pipelines.text_recognition.trocr import TROCR_SMALL
from tests.pipelines.text_recognition.tiny import make_family


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two pictures; the family that is not of the Hub has a tiny network of random weights."""
    monkeypatch.setattr(registry, "FAMILIES", (make_family(tmp_path), TROCR_SMALL))
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{name}.png" for name in ("one", "two")]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (20, 60, 3), dtype=np.uint8)).save(path)
    return paths


def run(*arguments: object) -> int:
    return main(["run", "text_recognition", *(str(one) for one in arguments)])


def test_every_picture_is_read_and_stored(words: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "made" / "here"
    assert run(*words, "--out", out) == 0
    stored = json.loads((out / "words.json").read_text())
    assert [word["file"] for word in stored["words"]] == ["one.png", "two.png"]
    assert stored["weights"] == weights_hashes(ASSETS, "igtr")
    assert stored["pipeline"] == "text_recognition" and stored["words"][0]["run"]["family"] == "igtr"
    rows = list(csv.DictReader((out / "words.csv").open()))
    assert [row["file"] for row in rows] == ["one.png", "two.png"]
    assert f"one.png\t{stored['words'][0]['text']}\t" in capsys.readouterr().out


def test_options_and_questions_reach_the_pipeline(words: list[Path], tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("tea\ncoffee\n")
    asked = ("--procedure", "autoregressive", "--refinements", 1, "--charset", "lower")
    assert run(words[0], *asked, "--ask", "How many e?", "--ask", "how long is it", "--out", tmp_path / "a") == 0
    stored = json.loads((tmp_path / "a" / "words.json").read_text())
    assert stored["options"] == {"procedure": "autoregressive", "refinements": 1, "charset": "lower"}
    assert stored["words"][0]["answers"].keys() == {"How many e?", "how long is it"}
    assert run(words[0], "--lexicon", listed, "--out", tmp_path / "b") == 0
    assert json.loads((tmp_path / "b" / "words.json").read_text())["words"][0]["text"].lower() in ("tea", "coffee")


@pytest.mark.parametrize(("mode", "code"), [("crop", 0), ("photo", 1)])
def test_a_recipe_for_photographs_names_the_command_that_runs_it(
    words: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture, mode: str, code: int
) -> None:
    recipe = tmp_path / "street.yaml"
    recipe.write_text(f"mixdeck_recipe: 1\npipeline: text_recognition\nfamily: igtr\noptions: {{mode: {mode}}}\n")
    assert run(words[0], "--recipe", recipe, "--out", tmp_path / "out") == code
    assert ("run photograph" in capsys.readouterr().err) == bool(code)


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (("--pattern", "*a"), "end only"),
        (("--pattern", "a?", "--procedure", "ctc"), "cannot follow a pattern"),
        (("--ask", "who painted it?"), "no question"),
        (("--refinements", "9"), "0 to 3"),
        (("--charset", "runes"), "alphanumeric"),
        (("--family", "trocr-small"), "hf download microsoft/trocr-small-stage1"),
        (("--family", "trocr-small", "--ask", "How many e?"), "trocr-small only reads"),
        (("--family", "trocr-small", "--pattern", "a?"), "Leave out --ask and pattern"),
        (("--family", "none"), "No family"),
    ],
)
def test_what_does_not_fit_is_one_line(
    words: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture, flags: tuple[str, ...], word: str
) -> None:
    assert run(words[0], *flags, "--out", tmp_path / "out") == 1
    error = capsys.readouterr().err.strip()
    assert word in error and error.count("\n") == 0
    assert not (tmp_path / "out" / "words.json").exists()
