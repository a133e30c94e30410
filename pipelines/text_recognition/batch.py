"""Many word crops at once: read in batches, compared with their labels where there are any, told as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pipelines.shared.archives import SUFFIXES
from pipelines.shared.errors import UserError
from pipelines.shared.tables import csv_table
from pipelines.text_recognition.metrics import is_right

if TYPE_CHECKING:
    from pipelines.merging.recipe import MergeRecipe
    from pipelines.shared.images import OpenedImage
    from pipelines.text_recognition.options import ReadingOptions
    from pipelines.text_recognition.pipeline import TextRecognitionPipeline

MOST_CROPS = 200
AT_ONCE = 16  # crops between two looks at whether the batch is still wanted
LABEL_SUFFIXES = (".tsv", ".txt", ".csv", ".tags")
MOST_LABEL_BYTES = 2_000_000
SEPARATORS = ("\t", ",", " ")


@dataclass(frozen=True)
class BatchRow:
    """One crop: what was read, and what it should say where that is known.

    Attributes:
        problem: why it could not be read; empty where it was.
    """

    name: str
    text: str = ""
    confidence: float = 0.0
    label: str | None = None
    problem: str = ""

    @property
    def is_right(self) -> bool | None:
        """By the field's comparison (no case, letters and digits only); None without a label."""
        return None if self.label is None else not self.problem and is_right(self.text, self.label)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        told = {"file": self.name, "text": self.text, "confidence": self.confidence}
        told |= {} if self.label is None else {"label": self.label, "is_right": self.is_right}
        return told | ({"problem": self.problem} if self.problem else {})


@dataclass(frozen=True)
class BatchStep:
    """How far a batch is, with the rows of all crops that are done."""

    done: int
    total: int
    rows: tuple[BatchRow, ...]


def crops_and_labels(files: Mapping[str, bytes]) -> tuple[dict[str, bytes], dict[str, str]]:
    """Pictures, and the labels of those that a label file names.

    A label file has a line per crop: its file name, a tab, a comma or a blank, and its text. Names count with or
    without their folder.

    Raises:
        UserError: no picture, too many, a label file that is none, or one that names no picture that is here.
    """
    crops = {name: content for name, content in files.items() if PurePosixPath(name).suffix.lower() in SUFFIXES}
    lists = {name: content for name, content in files.items() if PurePosixPath(name).suffix.lower() in LABEL_SUFFIXES}
    if not crops:
        raise UserError("There is no picture among these files: drop word crops, or a zip of them.", "Nothing to read")
    if len(crops) > MOST_CROPS:
        raise UserError(f"{len(crops)} crops came; at most {MOST_CROPS} are read at once.", "Too many")
    labels: dict[str, str] = {}
    for name, content in lists.items():
        labels |= _matched(name, _lines(name, content), crops)
    return crops, labels


def _lines(name: str, content: bytes) -> dict[str, str]:
    if len(content) > MOST_LABEL_BYTES:
        raise UserError(f"{name} has {len(content):,} bytes; a label file has at most {MOST_LABEL_BYTES:,}.")
    lines = [line for line in content.decode("utf-8-sig", errors="replace").splitlines() if line.strip()]
    separator = next((one for one in SEPARATORS if lines and all(one in line.strip() for line in lines)), None)
    if separator is None:
        raise UserError(f"{name} is no label file: every line needs a file name, a tab and a text.", "No labels")
    pairs = (line.strip().split(separator, 1) for line in lines)
    return {file.strip(): label.strip() for file, label in pairs}


def _matched(name: str, lines: Mapping[str, str], crops: Mapping[str, bytes]) -> dict[str, str]:
    short = {PurePosixPath(crop).name: crop for crop in crops}
    found = {
        crop: label
        for file, label in lines.items()
        if (crop := file if file in crops else short.get(PurePosixPath(file).name))
    }
    if not found:
        first = next(iter(lines))
        raise UserError(f"{name} names no crop that is here; its first is {first!r}, a crop is {next(iter(crops))!r}.")
    return found


def read_batch(
    pipeline: TextRecognitionPipeline, crops: Mapping[str, bytes], labels: Mapping[str, str], options: ReadingOptions,
    recipe: MergeRecipe | None,
) -> Iterator[BatchStep]:  # fmt: skip
    """Read every crop; a crop that cannot be read is told in its row, and the others go on."""
    names, rows = list(crops), []
    for start in range(0, len(names), AT_ONCE):
        part = names[start : start + AT_ONCE]
        rows += _read_part(pipeline, {name: crops[name] for name in part}, labels, options, recipe)
        yield BatchStep(len(rows), len(names), tuple(rows))


def _read_part(
    pipeline: TextRecognitionPipeline, crops: Mapping[str, bytes], labels: Mapping[str, str], options: ReadingOptions,
    recipe: MergeRecipe | None,
) -> list[BatchRow]:  # fmt: skip
    opened, problems = _opened(crops)
    results = dict(zip(opened, pipeline.batch(list(opened.values()), options, recipe), strict=True)) if opened else {}
    rows = []
    for name in crops:
        label = labels.get(name)
        if name in problems:
            rows.append(BatchRow(name, label=label, problem=problems[name]))
        else:
            rows.append(BatchRow(name, results[name].text, results[name].confidence, label))
    return rows


def _opened(crops: Mapping[str, bytes]) -> tuple[dict[str, OpenedImage], dict[str, str]]:
    """The pictures that can be read, and why the others cannot."""
    from pipelines.shared.images import open_image
    from pipelines.text_recognition.inputs import crop_of

    opened, problems = {}, {}
    for name, content in crops.items():
        try:
            image = open_image(content, PurePosixPath(name).name)
            crop_of(image)
            opened[name] = image
        except UserError as error:
            problems[name] = str(error)
    return opened, problems


@dataclass(frozen=True)
class BatchScore:
    """Word accuracy over the labelled crops: how many are right, of how many."""

    right: int
    count: int

    @property
    def accuracy(self) -> float:
        """0 to 1."""
        return self.right / self.count


def score_of(rows: Sequence[BatchRow]) -> BatchScore | None:
    """None where no crop has a label."""
    judged = [row.is_right for row in rows if row.is_right is not None]
    return BatchScore(sum(judged), len(judged)) if judged else None


def errors_of(rows: Sequence[BatchRow]) -> list[BatchRow]:
    """Crops that were misread, the surest first."""
    return sorted((row for row in rows if row.is_right is False), key=lambda row: -row.confidence)


def table_of(rows: Sequence[BatchRow]) -> str:
    """The rows as CSV."""
    return csv_table([{key: _cell(value) for key, value in row.to_dict().items()} for row in rows])


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def document_of(rows: Sequence[BatchRow], about: Mapping[str, Any]) -> str:
    """The rows as JSON, below what they were read with."""
    score = score_of(rows)
    told = {} if score is None else {"accuracy": score.accuracy, "right": score.right, "labelled": score.count}
    return json.dumps({**about, **told, "crops": [row.to_dict() for row in rows]}, indent=2, ensure_ascii=False)
