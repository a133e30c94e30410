"""`run text_recognition INPUT... --out DIR`: word crops in, words.json and words.csv out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError
from pipelines.text_recognition.options import CHARSETS, MOST_REFINEMENTS, PHOTO, PROCEDURES

if TYPE_CHECKING:
    from pipelines.shared.images import OpenedImage
    from pipelines.shared.recipe_file import RecipeDocument
    from pipelines.text_recognition.pipeline import TextRecognitionPipeline
    from pipelines.text_recognition.results import RecognitionResult

PIPELINE, FAMILY = "text_recognition", "igtr"


def add_text(pipelines: Any) -> None:
    """Register the pipeline below `run`."""
    about = "Read pictures of one word each, and answer questions about them."
    parser = pipelines.add_parser("text_recognition", help="read word crops", description=about)
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="picture files, a word in each")
    parser.add_argument("--procedure", choices=tuple(PROCEDURES), help="default: that of the recipe, else parallel")
    parser.add_argument(
        "--refinements", type=int, metavar="N", help=f"read doubtful characters again, 0 to {MOST_REFINEMENTS}"
    )
    parser.add_argument(
        "--pattern", metavar="P", help='known characters: "C?FF??"; a trailing "*" leaves the length open'
    )
    parser.add_argument("--charset", metavar="C", help=f"{', '.join(CHARSETS)}, or custom:abc")
    parser.add_argument("--lexicon", type=Path, metavar="FILE", help="a word per line; the reading is one of them")
    parser.add_argument("--ask", action="append", default=[], metavar="QUESTION", help='"How many e?"; may be repeated')
    parser.add_argument("--family", help="which family reads: igtr, trocr-small, ... (default: that of the recipe)")
    parser.add_argument("--recipe", type=Path, metavar="R.yaml", help="recipe file, or a PNG made by Mixdeck")
    parser.add_argument("--device", help="cpu, cuda or mps (default MIXDECK_DEVICE, else cpu)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets words.json and words.csv")
    parser.set_defaults(command=run_text)


def run_text(flags: argparse.Namespace) -> None:
    """Read every picture, answer the questions about each, print the words and store them."""
    from pipelines.commands.loading import open_cache, working
    from pipelines.registry import family
    from pipelines.shared.images import open_image
    from pipelines.text_recognition.any_reader import open_reader
    from pipelines.text_recognition.options import ReadingOptions
    from pipelines.text_recognition.pipeline import TextRecognitionPipeline
    from pipelines.text_recognition.question_parser import parse_question

    document = asked_for(flags)
    options = ReadingOptions.from_dict(document.options)
    questions = [(text, parse_question(text)) for text in flags.ask]
    images = [open_image(path) for path in flags.inputs]
    cache, chosen = open_cache(flags.device), family(document.family)
    read = open_reader(cache, chosen, options, document.recipe)
    if read.reads_lines and (questions or document.options):
        raise UserError(
            f"{chosen.name} only reads: it takes no questions and no options. Leave out --ask and "
            f"{', '.join(document.options) or 'the options'}, or read with --family {FAMILY}."
        )
    flags.out.mkdir(parents=True, exist_ok=True)
    with working("reading"):
        results, pipeline = read(images), TextRecognitionPipeline(cache, chosen)
        answers = [
            {text: _answered(pipeline, image, question, document) for text, question in questions} for image in images
        ]
    for image, result in zip(images, results, strict=True):
        _tell(image, result)
    print(store(images, results, answers, document, flags.out))


def asked_for(flags: argparse.Namespace) -> RecipeDocument:
    """The recipe file, or the defaults, with the flags over it.

    Raises:
        UserError: a recipe of another pipeline or for whole photographs, or options that do not fit.
    """
    from pipelines.commands.recipes import read_text
    from pipelines.shared.recipe_file import RecipeDocument
    from pipelines.text_recognition.options import split

    document = document_of(flags)
    names = ("procedure", "refinements", "pattern", "charset")
    chosen: dict[str, Any] = {name: getattr(flags, name) for name in names if getattr(flags, name) is not None}
    if flags.lexicon is not None:
        chosen["lexicon"] = tuple(read_text(flags.lexicon).split())
    options, mode = split({**document.options, **chosen})
    if mode == PHOTO:
        raise UserError(
            f"{flags.recipe.name} is a recipe for whole photographs; this command reads crops of one word. "
            f"Use: python -m pipelines run photograph INPUT... --recipe {flags.recipe} --out DIR"
        )
    return RecipeDocument(document.pipeline, document.family, document.recipe, options.to_dict())


def document_of(flags: argparse.Namespace) -> RecipeDocument:
    """The recipe file, or the default mix of the family that is named.

    Raises:
        UserError: a recipe or a family of another pipeline, or of each other.
    """
    from pipelines.commands.recipes import read_document
    from pipelines.registry import family
    from pipelines.shared.recipe_file import RecipeDocument

    if flags.recipe is None:
        chosen = family(flags.family or FAMILY)
        document = RecipeDocument(chosen.pipeline, chosen.name, chosen.default)
    else:
        document = read_document(flags.recipe)
        if flags.family not in (None, document.family):
            raise UserError(f"{flags.recipe.name} is a recipe of {document.family}; --family says {flags.family}.")
    if document.pipeline != PIPELINE:
        raise UserError(f"{document.family} is a family of pipeline {document.pipeline!r}, not of {PIPELINE}.")
    return document


def store(
    images: list[OpenedImage],
    results: Sequence[RecognitionResult],
    answers: list[dict[str, Any]],
    document: RecipeDocument,
    folder: Path,
) -> Path:
    """Write words.json (everything, with the recipe) and words.csv (a row per picture); gives the path of the first."""
    from pipelines.commands.loading import ASSETS
    from pipelines.commands.reports import write_json
    from pipelines.shared.recipe_file import InputRef
    from pipelines.shared.tables import csv_table
    from pipelines.shared.weights import weights_hashes

    inputs = tuple(InputRef(image.name, image.sha256) for image in images)
    whole = replace(document, inputs=inputs, weights=weights_hashes(ASSETS, document.family))
    words = [
        {"file": image.name, **result.to_dict(), "answers": told}
        for image, result, told in zip(images, results, answers, strict=True)
    ]
    write_json({**whole.to_dict(), "words": words}, folder / "words.json")
    rows = [_row(word) for word in words]
    (folder / "words.csv").write_text(csv_table(rows), encoding="utf-8")
    return folder / "words.json"


def _answered(
    pipeline: TextRecognitionPipeline, image: OpenedImage, question: Any, document: RecipeDocument
) -> dict[str, Any]:
    from pipelines.text_recognition.options import ReadingOptions

    answer = pipeline.ask(image, question, ReadingOptions.from_dict(document.options), document.recipe)
    return {"answer": answer.text, "probability": answer.probability, "agrees": answer.agrees}


def _row(word: dict[str, Any]) -> dict[str, str]:
    told = {text: answer["answer"] for text, answer in word["answers"].items()}
    return {"file": word["file"], "text": word["text"], "confidence": f"{word['confidence']:.4f}", **told}


def _tell(image: OpenedImage, result: RecognitionResult) -> None:
    print(f"{image.name}\t{result.text}\t{result.confidence:.3f}")
    for notice in result.notices:
        print(f"{notice.level}: {notice.text}", file=sys.stderr)
