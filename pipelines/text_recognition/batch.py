"""Many word crops at once: read in batches, compared with their labels where there are any, told as a table."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pipelines.shared.archives import SUFFIXES
from pipelines.shared.errors import UserError
from pipelines.shared.tables import csv_table
from pipelines.text_recognition.metrics import is_comparable, is_right

if TYPE_CHECKING:
    from pipelines.merging.recipe import MergeRecipe
    from pipelines.shared.images import OpenedImage
    from pipelines.text_recognition.any_reader import Reader
    from pipelines.text_recognition.options import ReadingOptions
    from pipelines.text_recognition.results import RecognitionResult

MOST_CROPS = 200
AT_ONCE = 16  # crops between two looks at whether the batch is still wanted
LABEL_SUFFIXES = (".tsv", ".txt", ".csv", ".tags")
MOST_LABEL_BYTES = 2_000_000


@dataclass(frozen=True)
class BatchRow:
    """One crop: what was read, and what it should say where that is known.

    Attributes:
        problem: why it could not be read; empty where it was.
        is_doubtful: not to be trusted; a notice says why.
        notices: what has to be said about the crop and its reading.
    """

    name: str
    text: str = ""
    confidence: float = 0.0
    label: str | None = None
    problem: str = ""
    is_doubtful: bool = False
    notices: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool | None:
        """By the field's comparison (no case, no accents, letters and digits only).

        None without a label, and where the label has letters that the network does not know.
        """
        if self.label is None or not is_comparable(self.label):
            return None
        return not self.problem and is_right(self.text, self.label)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        told: dict[str, Any] = {"file": self.name, "text": self.text, "confidence": self.confidence}
        told |= {} if self.problem else {"is_doubtful": self.is_doubtful}
        told |= {} if self.label is None else {"label": self.label, "is_right": self.is_right}
        told |= {"problem": self.problem} if self.problem else {}
        return told | ({"notices": list(self.notices)} if self.notices else {})


@dataclass(frozen=True)
class BatchStep:
    """How far a batch is, with the rows of all crops that are done."""

    done: int
    total: int
    rows: tuple[BatchRow, ...]


def crops_and_labels(files: Mapping[str, bytes]) -> tuple[dict[str, bytes], dict[str, str]]:
    """Pictures, and the labels of those that a label file names.

    A label file has a line per crop: its file name, a tab, a comma or a blank, and its text; beside a comma, a text
    that has commas itself stands in quotes. Names count from the label file's own folder first, then from the top, then
    without their folder, where only one crop has that name.

    Raises:
        UserError: no picture, too many, a label file that is none, or one that names no picture that is here.
    """
    crops = {name: content for name, content in files.items() if PurePosixPath(name).suffix.lower() in SUFFIXES}
    lists = {name: content for name, content in files.items() if PurePosixPath(name).suffix.lower() in LABEL_SUFFIXES}
    if not crops:
        raise UserError("There is no picture among these files: drop word crops, or a zip of them.", "Nothing to read")
    if len(crops) > MOST_CROPS:
        raise UserError(f"{len(crops)} crops came; at most {MOST_CROPS} are read at once.", "Too many")
    return crops, _matched({name: _lines(name, content) for name, content in lists.items()}, list(crops))


def _lines(name: str, content: bytes) -> dict[str, str]:
    """File name -> label, as the label file has them."""
    if len(content) > MOST_LABEL_BYTES:
        raise UserError(f"{name} has {len(content):,} bytes; a label file has at most {MOST_LABEL_BYTES:,}.")
    text = content.decode("utf-8-sig", errors="replace")
    lines = {number: line for number, line in enumerate(text.splitlines(), 1) if line.strip()}
    if lines and all("\t" in line for line in lines.values()):  # not stripped: after a tab, nothing is a label too
        pairs = [line.split("\t", 1) for line in lines.values()]
    elif lines and all("," in line for line in lines.values()):
        pairs = [_columns(name, number, line) for number, line in lines.items()]
    elif lines and all(" " in line.strip() for line in lines.values()):
        pairs = [line.strip().split(" ", 1) for line in lines.values()]
    else:
        raise UserError(f"{name} is no label file: every line needs a file name, a tab and a text.", "No labels")
    return {file.strip(): label.strip() for file, label in pairs}


def _columns(name: str, number: int, line: str) -> list[str]:
    """The two columns of a comma-separated line."""
    try:
        (columns,) = csv.reader([line], skipinitialspace=True)
    except csv.Error as error:
        raise UserError(f"Line {number} of {name} cannot be read: {error}.", "No labels") from error
    if len(columns) != 2:
        raise UserError(
            f"Line {number} of {name} has {len(columns)} columns; a label file has two, a file name and a text. Put a "
            'text that has commas in quotes: 1.png,"1,000".', "No labels",
        )  # fmt: skip
    return columns


def _matched(lists: Mapping[str, Mapping[str, str]], crops: Sequence[str]) -> dict[str, str]:
    """Labels of the crops; where label files disagree, the nearer way of naming a crop wins."""
    alike: dict[str, list[str]] = {}
    for crop in crops:
        alike.setdefault(PurePosixPath(crop).name, []).append(crop)
    found = []
    for name, lines in lists.items():
        matches = [(*match, label) for file, label in lines.items() if (match := _match(name, file, alike))]
        if not matches:
            raise UserError(
                f"{name} names no crop that is here, or none clearly; its first is {next(iter(lines))!r}, a crop is "
                f"{crops[0]!r}."
            )
        found += matches
    return {crop: label for _, crop, label in sorted(found, key=lambda match: -match[0])}


def _match(name: str, file: str, alike: Mapping[str, Sequence[str]]) -> tuple[int, str] | None:
    """The crop that a line of label file `name` means, and how far that was looked for, 0 to 2.

    Args:
        alike: crops by their name without folders.
    """
    own = str(PurePosixPath(name).parent / file)
    candidates = alike.get(PurePosixPath(file).name, ())
    if own in candidates:
        return 0, own
    if file in candidates:
        return 1, file
    return (2, candidates[0]) if len(candidates) == 1 else None


def read_batch(
    pipeline: Reader, crops: Mapping[str, bytes], labels: Mapping[str, str], options: ReadingOptions,
    recipe: MergeRecipe | None,
) -> Iterator[BatchStep]:  # fmt: skip
    """Read every crop; a crop that cannot be read is told in its row, and the others go on."""
    names, rows = list(crops), []
    for start in range(0, len(names), AT_ONCE):
        part = names[start : start + AT_ONCE]
        rows += _read_part(pipeline, {name: crops[name] for name in part}, labels, options, recipe)
        yield BatchStep(len(rows), len(names), tuple(rows))


def _read_part(
    pipeline: Reader, crops: Mapping[str, bytes], labels: Mapping[str, str], options: ReadingOptions,
    recipe: MergeRecipe | None,
) -> list[BatchRow]:  # fmt: skip
    opened, problems = _opened(crops)
    results = dict(zip(opened, pipeline.batch(list(opened.values()), options, recipe), strict=True)) if opened else {}
    return [
        BatchRow(name, label=labels.get(name), problem=problems[name]) if name in problems
        else _row(name, results[name], labels.get(name))
        for name in crops
    ]  # fmt: skip


def _row(name: str, result: RecognitionResult, label: str | None) -> BatchRow:
    told = tuple(notice.text for notice in result.notices)
    return BatchRow(name, result.text, result.confidence, label, is_doubtful=result.is_doubtful, notices=told)


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
    """None where no crop has a label that can be compared."""
    judged = [row.is_right for row in rows if row.is_right is not None]
    return BatchScore(sum(judged), len(judged)) if judged else None


def errors_of(rows: Sequence[BatchRow]) -> list[BatchRow]:
    """Crops that were misread, the surest first."""
    return sorted((row for row in rows if row.is_right is False), key=lambda row: -row.confidence)


def table_of(rows: Sequence[BatchRow]) -> str:
    """The rows as CSV."""
    return csv_table([{key: _cell(value) for key, value in row.to_dict().items()} for row in rows])


def _cell(value: Any) -> str:
    if isinstance(value, bool | None):
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, list):
        return " ".join(value)
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def document_of(rows: Sequence[BatchRow], about: Mapping[str, Any]) -> str:
    """The rows as JSON, below what they were read with."""
    score = score_of(rows)
    told = {} if score is None else {"accuracy": score.accuracy, "right": score.right, "labelled": score.count}
    return json.dumps({**about, **told, "crops": [row.to_dict() for row in rows]}, indent=2, ensure_ascii=False)
