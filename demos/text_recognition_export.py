"""Readings as files, and what can stand in a figure of the text tab."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from demos.export_view import CHECKPOINT, ExportView
from demos.figure_layout import Panel, title_text
from demos.sight import Values
from demos.text_recognition_batch import made_with
from demos.text_recognition_compare import mixes_of
from demos.text_recognition_drawing import photo_picture, reading_picture
from demos.text_recognition_words import mix_title, procedure_title
from pipelines.merging.recipe_form import recipe_hash
from pipelines.shared.tables import csv_table
from pipelines.text_recognition.options import PHOTO

if TYPE_CHECKING:
    from demos.text_recognition_bench import Job, Sheet, TextBench, Word

FIGURE = (("Crop", "crop"), ("Base", "base"), ("Each expert alone", "experts"), ("This mix", "mix"),
          ("Where it looked", "evidence"))  # fmt: skip
FIGURE_START = ("base", "mix")
MOST_EVIDENCE = 8  # characters whose evidence is shown where none was clicked


class TextExport(ExportView):
    """What is seen as a picture, and the words as data."""

    EXTRAS = (("tables (CSV)", "csv"), ("words (JSON)", "json"), CHECKPOINT)

    def picture_of(self, result: Sheet, values: Values) -> np.ndarray:
        """The photograph with its words; of a crop its boxes, and the evidence of the chosen character."""
        tab: Any = self._tab
        if result.photo is not None:
            return photo_of(result)
        word: Word = tab.reading.word(result, values)
        return reading_picture(word.pixels, word.reading.characters, values[tab.reading.chosen])

    def more(self, asked: Any, job: Job, result: Sheet, text: str, start: Path) -> list[str]:
        """The tables that were ticked; of a photograph also that of its words."""
        written = {}
        if "csv" in asked:
            written["-characters.csv"] = csv_table(character_rows(result))
        if "csv" in asked and result.photograph is not None:
            written["-words.csv"] = result.photograph.to_csv()
        if "json" in asked:
            written["-words.json"] = json.dumps(document_of(job, result), indent=1)
        paths = [start.with_name(start.name + ending) for ending in written]
        for path, content in zip(paths, written.values(), strict=True):
            path.write_text(content, encoding="utf-8")
        return [str(path) for path in paths]


def photo_of(sheet: Sheet) -> np.ndarray:
    """A photograph with its words outlined and numbered in reading order."""
    assert sheet.photo is not None
    return photo_picture(sheet.photo, [one.corners for one in sheet.words if one.corners is not None], None)


def character_rows(sheet: Sheet) -> list[dict[str, str]]:
    """A row per character; boxes in pixels of the word's own crop."""
    return [_row(number, word.reading.text, character) for number, word in enumerate(sheet.words, 1)
            for character in word.reading.rows()]  # fmt: skip


def _row(number: int, text: str, character: dict[str, Any]) -> dict[str, str]:
    verified = character["verified"]
    box = zip(("left", "top", "right", "bottom"), character["box_xyxy"], strict=True)
    return {
        "word": str(number),
        "text": text,
        "position": str(character["position"]),
        "character": character["character"],
        "probability": f"{character['probability']:.4f}",
        "verified": "" if verified is None else f"{verified:.4f}",
        "alternatives": " ".join(f"{symbol} {share:.4f}" for symbol, share in character["alternatives"]),
        **{side: f"{value:.1f}" for side, value in box},
    }


def document_of(job: Job, sheet: Sheet) -> dict[str, Any]:
    """All words in reading order with everything that is known of them, and what they were read with."""
    found = sheet.photograph
    rows: list[dict[str, Any]] = found.rows() if found is not None else [{} for _ in sheet.words]
    words = [
        row | {key: value for key, value in word.reading.to_dict().items() if key != "run"}
        for row, word in zip(rows, sheet.words, strict=True)
    ]
    about = {} if found is None else {"detector": found.detector, "notices": [asdict(one) for one in found.notices]}
    return {"text": sheet.text, "words": words, **about, **made_with(job)}


def panels(
    bench: TextBench, reading: Any, job: Job, sheet: Sheet, values: Values, names: Sequence[str]
) -> list[Panel]:  # fmt: skip
    """The crop as each of the ticked ones reads it, this mix where nothing is; of a photograph its words."""
    word: Word | None = reading.word(sheet, values)
    if job.mode == PHOTO or word is None:
        return [Panel("words found", photo_of(sheet))]
    part_of = {"base": "base", "this mix": "mix"}
    mixes = {title: mix for title, mix in mixes_of(bench.family_of(job.network), job.recipe).items()
             if part_of.get(title, "experts") in names}  # fmt: skip
    found = [Panel("crop", reading_picture(word.pixels, (), None))] if "crop" in names else []
    found += [_read(title, one.words[0]) for title, one in bench.mixed(job, mixes).items()]
    found += _evidence(word, values[reading.chosen]) if "evidence" in names else []
    return found or [_read("this mix", word)]


def _read(title: str, word: Word) -> Panel:
    told = f"{title}: {word.reading.text or '(nothing)'} {word.reading.confidence:.2f}"
    return Panel(told, reading_picture(word.pixels, word.reading.characters, None))


def _evidence(word: Word, chosen: int | None) -> list[Panel]:
    """Where the network looked for the chosen character, or for each of the first."""
    characters = word.reading.characters
    places = range(min(len(characters), MOST_EVIDENCE)) if chosen is None else [chosen]
    return [Panel(f"looked for {characters[place].symbol}", reading_picture(word.pixels, characters, place))
            for place in places]  # fmt: skip


def figure_caption(bench: TextBench, job: Job) -> str:
    """Which picture, how it was read, the mix, each fader, and the start of the recipe's hash."""
    faders = ", ".join(f"{task} {job.recipe.coefficient(task):.2f}" for task, _ in job.recipe.coefficients)
    mark = f"Recipe #{recipe_hash(job.recipe)[:8]}"
    told = (procedure_title(job), mix_title(job), faders, mark)
    return title_text((bench.input_of(job).name, *told))
