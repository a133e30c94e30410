"""Many crops of a recipe on one sheet, to look at: `python -m pipelines.text_recognition.synthetic.contact_sheet`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from pipelines.shared.errors import UserError
from pipelines.text_recognition.synthetic.recipes import RECIPES
from pipelines.text_recognition.synthetic.render import WordCrop, render

CELL_HW = (96, 176)  # px: a crop above, its label below
LABEL_PX = 18
COLUMNS = 8
PAPER, INK, BOX = (40, 40, 40), (235, 235, 235), (0, 220, 120)


def sheet(crops: Iterable[WordCrop], columns: int = COLUMNS, with_boxes: bool = False) -> np.ndarray:
    """The crops in rows, each fitted into a cell over its label, uint8 (H, W, 3)."""
    cells = [_cell(crop, with_boxes) for crop in crops]
    cells += [np.full_like(cells[0], PAPER)] * (-len(cells) % columns)
    rows = [np.concatenate(cells[start : start + columns], 1) for start in range(0, len(cells), columns)]
    return np.concatenate(rows)


def _cell(crop: WordCrop, with_boxes: bool) -> np.ndarray:
    height, width = CELL_HW
    cell = np.full((height, width, 3), PAPER, np.uint8)
    room = (width - 6, height - LABEL_PX - 6)
    scale = min(room[0] / crop.pixels.shape[1], room[1] / crop.pixels.shape[0], 3.0)
    size = max(1, round(crop.pixels.shape[1] * scale)), max(1, round(crop.pixels.shape[0] * scale))
    small = cv2.resize(crop.pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    if with_boxes:
        corners = (crop.boxes * np.divide(size, crop.pixels.shape[1::-1])).round().astype(np.int32)
        small = cv2.polylines(np.ascontiguousarray(small), list(corners), True, BOX, 1)
    left, top = (width - size[0]) // 2, (height - LABEL_PX - size[1]) // 2
    cell[top : top + size[1], left : left + size[0]] = small
    cv2.putText(cell, crop.label, (4, height - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
    return cell


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a sheet per recipe; exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.text_recognition.synthetic.contact_sheet")
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=f"of {', '.join(RECIPES)} (default: all)")
    parser.add_argument("--count", type=int, default=200, help="crops on a sheet (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held-out", action="store_true", help="fonts and words of the test sets")
    parser.add_argument("--boxes", action="store_true", help="outline every character")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: %(default)s)")
    asked = parser.parse_args(arguments)
    try:
        for name in asked.recipes or RECIPES:
            if name not in RECIPES:
                raise UserError(f"No recipe {name!r}; known are {', '.join(RECIPES)}.")
            crops = [render((asked.seed, i), RECIPES[name], asked.held_out) for i in range(max(asked.count, 1))]
            path = asked.out / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), cv2.cvtColor(sheet(crops, with_boxes=asked.boxes), cv2.COLOR_RGB2BGR))
            sys.stdout.write(f"{path}\n")
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
