from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from pipelines import registry
from pipelines.__main__ import main
from pipelines.merging.recipe_form import recipe_hash
from pipelines.shared.recipe_file import KEYS, parse_document
from pipelines.text_recognition import detection
from pipelines.text_recognition.trocr import TROCR_SMALL
from tests.pipelines.text_recognition.tiny import make_family


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A picture of two words; no detector is installed, and the family that reads has random weights."""
    monkeypatch.setattr(registry, "FAMILIES", (make_family(tmp_path), TROCR_SMALL))
    monkeypatch.setattr(detection, "find_spec", lambda module: None)
    monkeypatch.setattr(detection, "cached_folder", lambda repository: None)
    picture = Image.new("RGB", (320, 200), "white")
    for text, place in (("HOTEL", (40, 30)), ("market", (120, 120))):
        ImageDraw.Draw(picture).text(place, text, fill="black", font_size=40)
    picture.save(tmp_path / "street.png")
    return tmp_path / "street.png"


def run(*arguments: object) -> int:
    return main(["run", "photograph", *(str(one) for one in arguments)])


def test_the_words_of_a_photograph_are_stored_in_reading_order(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photo, "--out", tmp_path / "out") == 0
    told = json.loads((tmp_path / "out" / "street.json").read_text())
    assert [word["line"] for word in told["words"]] == [1, 2] and told["detector"] == "classical proposals"
    first, second = (word["corners"][0] for word in told["words"])
    assert abs(first[0] - 40) < 12 and abs(second[0] - 120) < 12
    rows = list(csv.DictReader((tmp_path / "out" / "street.csv").open()))
    assert [row["text"] for row in rows] == [word["text"] for word in told["words"]]
    captured = capsys.readouterr()
    assert captured.out.strip() == told["text"].strip() and "pip install rapidocr" in captured.err


def test_a_recipe_of_the_page_runs_as_it_is(photo: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "street.yaml"
    recipe.write_text(
        "mixdeck_recipe: 1\npipeline: text_recognition\nfamily: igtr\noptions: {mode: photo, charset: digits}\n"
    )
    assert run(photo, "--recipe", recipe, "--out", tmp_path / "out") == 0
    told = json.loads((tmp_path / "out" / "street.json").read_text())
    assert len(told["words"]) == 2 and set("".join(word["text"] for word in told["words"])) <= set("0123456789")


def test_the_record_says_what_it_was_made_with(photo: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "street.yaml"
    recipe.write_text("mixdeck_recipe: 1\npipeline: text_recognition\nfamily: igtr\noptions: {charset: digits}\n")
    assert run(photo, "--recipe", recipe, "--device", "cpu", "--out", tmp_path / "out") == 0
    told = json.loads((tmp_path / "out" / "street.json").read_text())
    stated = {key: told[key] for key in KEYS if key in told}
    document, report = parse_document(json.dumps(stated), registry.FAMILIES)
    assert report == () and document.options == {"charset": "digits", "mode": "photo"}
    assert told["recipe_hash"] == recipe_hash(document.recipe) and told["device"] == "cpu"
    sha256 = hashlib.sha256(photo.read_bytes()).hexdigest()
    assert [(one.name, one.sha256) for one in document.inputs] == [("street.png", sha256)]
    assert told["seconds"]["total"] >= told["seconds"]["find"] > 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [(("--family", "trocr-small"), "hf download microsoft/trocr-small-stage1"), (("--family", "none"), "No family"),
     (("--box-threshold", "7"), "from 0 to 1")],
)  # fmt: skip
def test_what_does_not_fit_is_one_line(
    flags: tuple[str, ...], said: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert run(photo, *flags, "--out", tmp_path / "out") == 1
    assert said in capsys.readouterr().err


def test_results_do_not_overwrite_each_other(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(photo, tmp_path / "other" / "street.png", "--out", tmp_path / "out") == 1
    assert "overwrite" in capsys.readouterr().err
