"""Results as pictures and tables of the page: heat maps, label overlays, curves, scores. PIL and numpy only."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipelines.shared.images import resized

if TYPE_CHECKING:
    import pandas as pd

Colour = tuple[int, int, int]

# Dark to light, told apart without colour too (anchors read off the cividis map, Nuñez et al. 2018).
HEAT = np.array([(0, 32, 77), (62, 74, 107), (124, 123, 120), (186, 175, 109), (255, 234, 70)], np.float32)


def heat_map(plane: np.ndarray) -> np.ndarray:
    """(h, w) in 0..1 on the fixed scale 0..1, as (h, w, 3) uint8."""
    position = np.clip(plane, 0, 1) * (len(HEAT) - 1)
    channels = [np.interp(position, np.arange(len(HEAT)), HEAT[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, -1)).astype(np.uint8)


def heat_legend() -> str:
    """The scale of `heat_map`, in words and colour."""
    stops = ", ".join(f"rgb({r:.0f},{g:.0f},{b:.0f})" for r, g, b in HEAT)
    bar = f'<i style="width:120px;background:linear-gradient(to right,{stops})"></i>'
    return f'<div class="legend"><span>weight 0 {bar} 1</span></div>'


def overlay(image: np.ndarray, labels: np.ndarray, colours: Sequence[Colour], opacity: float) -> np.ndarray:
    """The picture with each class in its colour, (H, W, 3) uint8; opacity 0..1. Other labels stay clear."""
    full = resized(labels, (image.shape[0], image.shape[1]), is_label=True)
    table = np.zeros((256, 3), np.float32)
    table[: len(colours)] = colours
    share = np.where(full < len(colours), opacity, 0.0)[..., None]
    return np.rint(image * (1 - share) + table[full] * share).astype(np.uint8)


def contours(labels: np.ndarray, nothing: int = 255) -> np.ndarray:
    """(H, W) uint8 labels, kept on either side of a border between two classes, `nothing` elsewhere."""
    border = np.zeros(labels.shape, bool)
    down, across = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    border[1:] |= down
    border[:-1] |= down
    border[:, 1:] |= across
    border[:, :-1] |= across
    return np.where(border, labels, nothing).astype(np.uint8)


def class_legend(labels: np.ndarray, names: Sequence[str], colours: Sequence[Colour]) -> str:
    """Classes with their share of the picture, largest first."""
    shares = np.bincount(labels.ravel(), minlength=256)[: len(names)] / labels.size
    order = [index for index in np.argsort(-shares) if shares[index] > 0]
    swatch = '<i style="background:rgb{}"></i>'
    items = (f"{swatch.format(tuple(colours[i]))}{html.escape(names[i])} {shares[i]:.0%}" for i in order)
    return f'<div class="legend">{"".join(f"<span>{item}</span>" for item in items)}</div>'


def share_table(columns: Mapping[str, np.ndarray], names: Sequence[str]) -> str:
    """Share of the picture that each class has in several label maps, a column each; classes that occur."""
    shares = {title: np.bincount(one.ravel(), minlength=256)[: len(names)] / one.size for title, one in columns.items()}
    head = "".join(f"<th>{html.escape(title)}</th>" for title in columns)
    rows = (
        f"<tr><td>{html.escape(name)}</td>{''.join(f'<td>{share[i]:.1%}</td>' for share in shares.values())}</tr>"
        for i, name in enumerate(names)
        if any(share[i] for share in shares.values())
    )
    table = (
        f'<table class="mdk-table"><thead><tr><th>class</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )
    return f'<div class="scroll-x">{table}</div>'


def curve_table(tables: np.ndarray, suffix: str = "") -> pd.DataFrame:
    """(K, 256) weight tables as long rows (grey, weight, frame) for a line plot; every third grey level."""
    import pandas as pd

    grey = np.arange(0, 256, 3)
    named = ((f"frame {k + 1}{suffix}", row[grey]) for k, row in enumerate(tables))
    parts = [pd.DataFrame({"grey": grey, "weight": weights, "frame": name}) for name, weights in named]
    return pd.concat(parts, ignore_index=True)


def score_table(
    columns: Mapping[str, Mapping[str, float]], first: str = "metric", absent: Mapping[str, str] | None = None
) -> str:
    """Methods as columns, metrics as rows, the best of each row bold. Every metric here is better when higher, except
    `mean`, which is only told. `absent` are metrics that could not be taken, and why."""
    why = absent or {}
    rows = list(dict.fromkeys([*(name for scores in columns.values() for name in scores), *why]))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join(_score_row(row, [one.get(row) for one in columns.values()], why.get(row, "")) for row in rows)
    table = f'<table class="mdk-table"><thead><tr><th>{first}</th>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll-x">{table}</div>'


def _score_row(name: str, values: Sequence[float | None], why: str) -> str:
    nothing = f"n/a ({why})" if why else "n/a"
    told = [value for value in values if value is not None]
    best = max(told) if len(told) > 1 and name != "mean" else None
    cells = "".join(
        f'<td class="best">{value:.3f}</td>'
        if value is not None and value == best
        else f"<td>{nothing if value is None else f'{value:.3f}'}</td>"
        for value in values
    )
    arrow = "" if name == "mean" else " ↑"
    return f"<tr><td>{html.escape(name)}{arrow}</td>{cells}</tr>"


def region(image: np.ndarray, centre_xy: tuple[int, int], zoom: float, size_px: int = 240) -> np.ndarray:
    """A square around a point at 1x, 2x or 4x, (size_px, size_px, 3) uint8, inside the picture; pixels stay pixels
    above 2x."""
    side = max(1, min(round(size_px / zoom), *image.shape[:2]))
    left = int(np.clip(centre_xy[0] - side // 2, 0, image.shape[1] - side))
    top = int(np.clip(centre_xy[1] - side // 2, 0, image.shape[0] - side))
    return resized(image[top : top + side, left : left + side], (size_px, size_px), is_label=zoom > 2)


def thumbnail(image: np.ndarray, side_px: int = 240) -> np.ndarray:
    """At most `side_px` high, (H, W, 3) uint8."""
    height, width = image.shape[:2]
    factor = min(1.0, side_px / height)
    return resized(image, (max(1, round(height * factor)), max(1, round(width * factor))))


@dataclass(frozen=True)
class Mosaic:
    """Pictures of one size side by side, numbered from 1. `place` tells which picture a click met, and where in it."""

    size_hw: tuple[int, int]
    count: int
    columns: int = 3
    gap_px: int = 4

    def drawn(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """(H, W, 3) uint8, all `count` pictures of `size_hw`."""
        height, width = self.size_hw
        rows = -(-self.count // self.columns)
        across = min(self.count, self.columns)
        canvas = np.full((rows * (height + self.gap_px) - self.gap_px, across * (width + self.gap_px) - self.gap_px, 3),
                         255, np.uint8)  # fmt: skip
        for index, image in enumerate(images):
            top, left = self._corner(index)
            canvas[top : top + height, left : left + width] = _numbered(image, index + 1)
        return canvas

    def place(self, point_xy: tuple[int, int]) -> tuple[float, float] | None:
        """Where in its picture a point of the mosaic lies, both 0 to 1; None between pictures."""
        (height, width), (x, y) = self.size_hw, point_xy
        left, top = x % (width + self.gap_px), y % (height + self.gap_px)
        index = y // (height + self.gap_px) * self.columns + x // (width + self.gap_px)
        if left >= width or top >= height or index >= self.count:
            return None
        return left / width, top / height

    def _corner(self, index: int) -> tuple[int, int]:
        row, column = divmod(index, self.columns)
        return row * (self.size_hw[0] + self.gap_px), column * (self.size_hw[1] + self.gap_px)


def _numbered(image: np.ndarray, number: int) -> np.ndarray:
    """The picture with its number in the corner."""
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    side = max(14, image.shape[0] // 10)
    draw.rectangle((0, 0, side, side), fill=(0, 0, 0))
    draw.text((side / 2, side / 2), str(number), fill=(255, 255, 255), anchor="mm",
              font=ImageFont.load_default(size=0.75 * side))  # fmt: skip
    return np.asarray(picture)
