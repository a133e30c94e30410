"""`run photograph INPUT... --out DIR`: whole photographs in, their words as JSON and CSV out; every family reads."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.shared.images import OpenedImage
    from pipelines.shared.recipe_file import RecipeDocument
    from pipelines.text_recognition.photograph import PhotographReading


def add_photograph(pipelines: Any) -> None:
    """Register the pipeline below `run`."""
    about = (
        "Find the words of photographs and read them in reading order. The detector of rapidocr is taken where it is "
        "installed, else PP-OCR from the Hub's cache, else words are proposed by the look of their letters."
    )
    parser = pipelines.add_parser("photograph", help="find and read the words of photographs", description=about)
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="picture files")
    parser.add_argument("--family", help="which family reads: igtr, trocr-small, ... (default: that of the recipe)")
    parser.add_argument("--recipe", type=Path, metavar="R.yaml", help="recipe file, or a PNG made by Mixdeck")
    parser.add_argument(
        "--box-threshold", type=float, default=0.6, metavar="P", help="regions below it are left out, 0 to 1 (0.6)"
    )
    parser.add_argument("--device", help="cpu, cuda or mps (default MIXDECK_DEVICE, else cpu)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets INPUT.json and INPUT.csv of each")
    parser.set_defaults(command=run_photograph)


def run_photograph(flags: argparse.Namespace) -> None:
    """Read every photograph, print its text, and store its words."""
    from pipelines.commands.loading import open_cache, working
    from pipelines.commands.run_text import document_of
    from pipelines.registry import family
    from pipelines.shared.images import open_image
    from pipelines.text_recognition.any_reader import open_reader
    from pipelines.text_recognition.detection import DetectionSettings, open_detector
    from pipelines.text_recognition.options import split
    from pipelines.text_recognition.photograph import read_photograph

    document = document_of(flags)
    _check_names(flags.inputs)
    detector = open_detector(DetectionSettings(box_threshold=flags.box_threshold))
    images = [open_image(path) for path in flags.inputs]
    options, _ = split(document.options)
    cache = open_cache(flags.device)
    read = open_reader(cache, family(document.family), options, document.recipe)
    flags.out.mkdir(parents=True, exist_ok=True)
    for path, image in zip(flags.inputs, images, strict=True):
        with working("reading"):
            reading = read_photograph(image, detector, read, read.reads_lines)
        print(store(reading, made_with(document, image, cache.device), flags.out / path.stem))


def made_with(document: RecipeDocument, image: OpenedImage, device: str) -> dict[str, Any]:
    """What a photograph was read with: the recipe, with the hashes of picture and weights, its hash, and the device."""
    from pipelines.commands.loading import ASSETS
    from pipelines.merging.recipe_form import recipe_hash
    from pipelines.shared.recipe_file import InputRef
    from pipelines.shared.weights import weights_hashes
    from pipelines.text_recognition.options import MODE, PHOTO

    options = {**document.options, MODE: PHOTO}
    inputs, weights = (InputRef(image.name, image.sha256),), weights_hashes(ASSETS, document.family)
    whole = replace(document, options=options, inputs=inputs, weights=weights)
    return {**whole.to_dict(), "recipe_hash": recipe_hash(document.recipe), "device": device}


def store(reading: PhotographReading, about: Mapping[str, Any], target: Path) -> str:
    """Write target.json (everything, below what made it) and target.csv, say what has to be said, and give the text."""
    from pipelines.commands.reports import write_json

    write_json({**about, **reading.to_dict()}, target.with_name(f"{target.name}.json"))
    target.with_name(f"{target.name}.csv").write_text(reading.to_csv(), encoding="utf-8")
    for notice in reading.notices:
        print(f"{notice.level}: {notice.text}", file=sys.stderr)
    return reading.text


def _check_names(paths: list[Path]) -> None:
    stems = [path.stem for path in paths]
    if twice := sorted({stem for stem in stems if stems.count(stem) > 1}):
        raise UserError(f"Several inputs are named {twice[0]}; their results would overwrite each other.")
