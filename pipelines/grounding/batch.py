"""Many pictures and one list of phrases: a row per object, and a zip of masks with one COCO file."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pipelines.grounding.formats import Coco, mask_picture
from pipelines.grounding.query import restricted
from pipelines.grounding.results import is_absent
from pipelines.shared.errors import UserError
from pipelines.shared.tables import csv_table

if TYPE_CHECKING:
    from pipelines.grounding.any_grounder import Grounder
    from pipelines.grounding.query import Query
    from pipelines.grounding.results import GroundedObject, GroundingResult
    from pipelines.grounding.thresholds import Thresholds
    from pipelines.merging.recipe import MergeRecipe

MOST_PICTURES = 200
Row = Mapping[str, Any]  # an object of a picture, a phrase of which nothing was found, or why there is no answer


@dataclass(frozen=True)
class BatchStep:
    """How far a batch is, the picture it is at, and the rows of all that are done."""

    done: int
    total: int
    name: str
    rows: tuple[Row, ...]


def run_batch(
    pipeline: Grounder, files: Mapping[str, bytes], queries: Sequence[Query], thresholds: Thresholds,
    recipe: MergeRecipe | None, out: Path, about: Mapping[str, Any],
) -> Iterator[BatchStep]:  # fmt: skip
    """Look at every picture; one that cannot be read is told in its row, and the others go on.

    `out` is a zip: masks/<file>-<object>.png, coco.json, objects.csv; complete once the steps are over, also when
    they are given up.

    Raises:
        UserError: no picture, or too many.
    """
    if not files:
        raise UserError("There is no picture among these files: drop pictures, or a zip of them.", "Nothing to look at")
    if len(files) > MOST_PICTURES:
        raise UserError(f"{len(files)} pictures came; at most {MOST_PICTURES} are looked at at once.", "Too many")
    rows: list[Row] = []
    document = Coco()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        try:
            for done, (name, content) in enumerate(files.items(), 1):
                rows += _picture_rows(pipeline, name, content, queries, thresholds, recipe, archive, document)
                yield BatchStep(done, len(files), name, tuple(rows))
        finally:
            archive.writestr("coco.json", json.dumps(document.document(about)))
            archive.writestr("objects.csv", table_of(rows))


def _picture_rows(
    pipeline: Grounder, name: str, content: bytes, queries: Sequence[Query], thresholds: Thresholds,
    recipe: MergeRecipe | None, archive: zipfile.ZipFile, document: Coco,
) -> list[Row]:  # fmt: skip
    from pipelines.shared.images import open_image

    try:
        image = open_image(content, PurePosixPath(name).name)
    except UserError as error:
        return [{"file": name, "problem": str(error)}]
    result = restricted(pipeline(image, [query.phrase for query in queries], thresholds, recipe), queries)
    files = {one.id: f"masks/{name}-{one.id}.png" for one in result.objects if one.has_mask}
    document.add(name, result, files)
    for one in result.objects:
        if one.id in files:
            archive.writestr(files[one.id], mask_picture(one.mask))
    return rows_of(name, result)


def rows_of(name: str, result: GroundingResult) -> list[Row]:
    """A row per object, and one for each phrase of which nothing was found or that was only asked."""
    rows: list[Row] = []
    for phrase in result.phrases:
        told = {"file": name, "phrase": phrase.phrase, "existence": phrase.existence}
        found = [one for one in result.objects if one.id in phrase.targets]
        is_found = not is_absent(phrase, result.thresholds["existence"])
        rows += [told | _object(one) for one in found] if found else [told | {"found": is_found}]
    return rows


def _object(one: GroundedObject) -> dict[str, Any]:
    told: dict[str, Any] = {"found": True, "id": one.id, "score": one.score}
    told |= {"box_xyxy": [round(value, 1) for value in one.box_xyxy]} if one.has_box else {}
    told |= {"area_share": one.area_share} if one.has_mask else {}
    return told | ({"consistency": one.consistency} if one.has_box and one.has_mask else {})


def table_of(rows: Sequence[Row]) -> str:
    """The rows as CSV."""
    return csv_table([{key: _cell(value) for key, value in row.items()} for row in rows])


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(f"{number:.1f}" for number in value)
    return f"{value:.4f}" if isinstance(value, float) else str(value)
