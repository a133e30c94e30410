"""Answers in the formats of others: COCO with run lengths, YOLO boxes, masks as pictures; and triplets as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipelines.grounding.results import run_lengths

if TYPE_CHECKING:
    import numpy as np

    from pipelines.grounding.results import GroundedObject, GroundingResult


def json_text(result: GroundingResult, about: Mapping[str, Any]) -> str:
    """Triplets, objects and what they were made with."""
    return json.dumps({**about, **result.to_dict()}, indent=2, ensure_ascii=False)


class Coco:
    """A COCO document that grows by a picture at a time and keeps no mask but its run lengths.

    Phrases are categories, numbered from 1 as they come; boxes are x, y, width, height in pixels.
    """

    def __init__(self) -> None:
        self._phrases: list[str] = []
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(self, name: str, result: GroundingResult, mask_files: Mapping[int, str] = MappingProxyType({})) -> None:
        """One picture by its file name, and what was found in it; by number the files of masks beside the document."""
        picture = len(self._images) + 1
        width, height = result.size_wh
        self._images.append({"id": picture, "file_name": name, "width": width, "height": height})
        self._phrases += [phrase for phrase in phrases_of(result) if phrase not in self._phrases]
        for one in result.objects:
            category = self._phrases.index(one.phrase) + 1
            told = _annotation(one, len(self._annotations) + 1, picture, category)
            self._annotations.append(told | ({"mask_file": mask_files[one.id]} if one.id in mask_files else {}))

    def document(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """JSON-able; `about` is what the answers were made with."""
        categories = [{"id": at, "name": phrase} for at, phrase in enumerate(self._phrases, 1)]
        return {"info": dict(about), "images": list(self._images), "categories": categories,
                "annotations": list(self._annotations)}  # fmt: skip


def phrases_of(result: GroundingResult) -> list[str]:
    """The phrases in their order; YOLO numbers classes by them."""
    return [one.phrase for one in result.phrases]


def _annotation(one: GroundedObject, number: int, picture: int, category: int) -> dict[str, Any]:
    """COCO has a box in any case; without a mask the area is the box's."""
    left, top, right, bottom = one.box_xyxy
    mask = {"area": int(one.mask.sum()), "segmentation": run_lengths(one.mask)} if one.has_mask else {}
    return {
        "id": number,
        "image_id": picture,
        "category_id": category,
        "bbox": [left, top, right - left, bottom - top],
        "area": (right - left) * (bottom - top),
        **mask,
        "iscrowd": 0,
        "score": one.score,
        "is_corrected": one.is_corrected,
    }


def yolo(result: GroundingResult, classes: Sequence[str]) -> str:
    """A line per box that is wanted: class (from 0), middle x and y, width and height, as shares of the picture."""
    width, height = result.size_wh
    lines = []
    for one in result.objects:
        if not one.has_box:
            continue
        left, top, right, bottom = one.box_xyxy
        numbers = ((left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width,
                   (bottom - top) / height)  # fmt: skip
        lines.append(" ".join([str(classes.index(one.phrase)), *(f"{number:.6f}" for number in numbers)]))
    return "".join(f"{line}\n" for line in lines)


def mask_picture(mask: np.ndarray) -> bytes:
    """A mask, bool (H, W), as a PNG of black and white."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(mask.astype("uint8") * 255).convert("1").save(buffer, "PNG")
    return buffer.getvalue()
