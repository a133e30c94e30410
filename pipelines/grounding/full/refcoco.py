"""Reader of the RefCOCO family: references of a split with their sentences, and COCO's instances with their outlines.

Yu et al. 2016, arXiv:1608.00272 (RefCOCO, RefCOCO+, splits of UNC), Mao et al. 2016, arXiv:1511.02283 (RefCOCOg).
Nothing is downloaded: a folder is read as its owner has it. The references are published as a pickle, which can run
any code when it is opened, so they are read as JSON, made from it by the owner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.shared.errors import UserError

REFERENCES, INSTANCES = "refs*.json", "instances.json"
PICTURES = ("images", "train2014", "../images/mscoco/images/train2014", "../images/train2014", ".")
MOST_BYTES = 1_000_000_000  # of a JSON file
CONVERT = "python -c \"import json, pickle; json.dump(pickle.load(open('{0}.p', 'rb')), open('{0}.json', 'w'))\""


@dataclass(frozen=True)
class Referred:
    """An object of a photograph, and what it was called.

    Attributes:
        box_xyxy: pixels, (4,).
        polygons: its outline, pixels, (n, 2) each.
    """

    picture: Path
    expressions: tuple[str, ...]
    box_xyxy: np.ndarray
    polygons: tuple[np.ndarray, ...]

    def mask(self, size_hw: tuple[int, int]) -> np.ndarray:
        """Bool (H, W), its outline filled."""
        import cv2

        mask = np.zeros(size_hw, np.uint8)
        for polygon in self.polygons:
            cv2.fillPoly(mask, [np.round(polygon).astype(np.int32)], 1)
        return mask.astype(bool)


def read_refcoco(folder: Path) -> dict[str, list[Referred]]:
    """Split -> its objects, in the order of the file.

    Raises:
        UserError: a file is missing, too large or of another form, or an instance or a picture is not there.
    """
    references = _read(_references_in(folder))
    instances = _read(folder / INSTANCES)
    try:
        annotations = {one["id"]: one for one in instances["annotations"]}
        names = {one["id"]: one["file_name"] for one in instances["images"]}
        splits: dict[str, list[Referred]] = {}
        for one in references:
            if one["split"] != "train":
                splits.setdefault(one["split"], []).append(_referred(one, annotations, names, folder))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{folder} is not laid out as RefCOCO is: {type(error).__name__} {error}. Expected are references with "
            "ann_id, image_id, split and sentences, and instances with images and annotations.",
            "Another form",
        ) from error
    return splits


def _references_in(folder: Path) -> Path:
    found = sorted(folder.glob(REFERENCES))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise UserError(f"{folder} has several lists of references, {names}: leave the one that is meant there.")
    pickles = sorted(folder.glob("refs*.p"))
    if pickles:
        raise UserError(
            f"{pickles[0].name} is a pickle, which can run code when it is opened, so it is not. If you trust it, "
            f"convert it once, in {folder}: {CONVERT.format(pickles[0].stem)}",
            "A pickle",
        )
    raise UserError(f"{folder} has no {REFERENCES}: the folder of RefCOCO, RefCOCO+ or RefCOCOg is expected.")


def _read(path: Path) -> Any:
    if not path.is_file():
        raise UserError(f"{path.name} is missing in {path.parent}.")
    if path.stat().st_size > MOST_BYTES:
        raise UserError(f"{path.name} has {path.stat().st_size / 1e6:.0f} MB; at most {MOST_BYTES / 1e6:.0f} are read.")
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path.name} is no JSON: {error}.") from error


def _referred(
    one: Mapping[str, Any], annotations: Mapping[int, Mapping[str, Any]], names: Mapping[int, str], folder: Path
) -> Referred:
    annotation = annotations[one["ann_id"]]
    x, y, width, height = annotation["bbox"]
    said = tuple(str(sentence["sent"]) for sentence in one["sentences"])
    box = np.array([x, y, x + width, y + height], float)
    return Referred(_picture(folder, names[one["image_id"]]), said, box, _polygons(annotation["segmentation"]))


def _polygons(outline: Any) -> tuple[np.ndarray, ...]:
    if not isinstance(outline, Sequence):
        raise ValueError("an outline is a run length, polygons are expected")
    return tuple(np.array(points, float).reshape(-1, 2) for points in outline)


def _picture(folder: Path, name: str) -> Path:
    """Where a photograph lies. Its name alone counts, so that no file outside these folders is ever opened."""
    name = Path(name).name
    for place in PICTURES:
        path = folder / place / name
        if path.is_file():
            return path
    raise UserError(f"{name} is missing: looked for in {', '.join(PICTURES)} of {folder}.", "A picture is missing")
