"""The layout of a paper figure: pictures in rows, the same region of each enlarged below, a caption."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np

from demos.paper import MM

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAP_MM, MARGIN_MM = 1.5, 0.5
MM_PER_PT = 25.4 / 72
LETTER_EM = 0.53  # mean width of a letter, in font sizes
REGION = 4  # a region is this much smaller than the picture
FRAME = "#d55e00"
CELLS = 16


@dataclass(frozen=True)
class Panel:
    """One picture, (H, W, 3) uint8, and what it is; all of a figure have one size."""

    title: str
    pixels: np.ndarray


@dataclass(frozen=True)
class Layout:
    """How a figure is laid out: sizes in mm and pt, `region` (left, top, side) px is enlarged below each row."""

    width_mm: float = 178.0
    font_pt: float = 8.0
    has_letters: bool = True
    region: tuple[int, int, int] | None = None
    caption: str = ""

    @property
    def line_mm(self) -> float:
        """Height of a line of text."""
        return 1.35 * self.font_pt * MM_PER_PT

    @property
    def most_across(self) -> int:
        """Pictures in a row: none is narrower than 26 mm."""
        return int((self.width_mm + GAP_MM) // (26 + GAP_MM))

    @property
    def caption_lines(self) -> list[str]:
        """The caption, broken at the width."""
        letters = int(self.width_mm / (LETTER_EM * self.font_pt * MM_PER_PT))
        return [line for part in self.caption.splitlines() for line in textwrap.wrap(part, letters)]


def rows_of(panels: Sequence[Panel], most: int) -> list[list[Panel]]:
    """As few rows as fit, as even as they can be."""
    count = -(-len(panels) // most)
    each = -(-len(panels) // max(count, 1))
    return [list(panels[start : start + each]) for start in range(0, len(panels), max(each, 1))]


def compose(panels: Sequence[Panel], layout: Layout, smoothing: str = "none") -> Figure:
    """The figure; to be drawn under the style and lock of `paper.save`.

    Args:
        smoothing: of pictures that are drawn smaller; "none" keeps every pixel, for SVG and PDF.
    """
    from matplotlib.figure import Figure

    rows = rows_of(panels, layout.most_across)
    across = max(len(row) for row in rows)
    width = (layout.width_mm - 2 * MARGIN_MM - (across - 1) * GAP_MM) / across
    high = width * panels[0].pixels.shape[0] / panels[0].pixels.shape[1]
    row_mm = layout.line_mm + high + GAP_MM + (width + GAP_MM if layout.region else 0)
    height = len(rows) * row_mm + len(layout.caption_lines) * layout.line_mm + MARGIN_MM
    figure = Figure(figsize=(layout.width_mm * MM, height * MM))
    sheet = _Sheet(figure, layout, height, smoothing)
    top = 0.0
    for number, row in enumerate(rows):
        for place, panel in enumerate(row):
            left = MARGIN_MM + place * (width + GAP_MM)
            sheet.titled(panel, number * across + place, left, top, width)
            sheet.picture(panel.pixels, left, top + layout.line_mm, width, high, layout.region)
            if layout.region:
                sheet.picture(
                    cut(panel.pixels, layout.region), left, top + layout.line_mm + high + GAP_MM, width, width
                )
        top += row_mm
    for line in layout.caption_lines:
        sheet.words(line, MARGIN_MM, top)
        top += layout.line_mm
    return figure


@dataclass(frozen=True)
class _Sheet:
    """A figure on which things are put by mm from the left and from the top."""

    figure: Figure
    layout: Layout
    height_mm: float
    smoothing: str

    def titled(self, panel: Panel, number: int, left: float, top: float, width: float) -> None:
        letter = f"({ascii_lowercase[number % 26]}) " if self.layout.has_letters else ""
        letters = max(4, int(width / (LETTER_EM * self.layout.font_pt * MM_PER_PT)))
        self.words(textwrap.shorten(letter + panel.title, letters, placeholder="…"), left, top)

    def words(self, text: str, left: float, top: float) -> None:
        self.figure.text(left / self.layout.width_mm, 1 - (top + 0.8 * self.layout.line_mm) / self.height_mm, text,
                         fontsize=self.layout.font_pt, ha="left", va="baseline", parse_math=False)  # fmt: skip

    def picture(
        self, pixels: np.ndarray, left: float, top: float, width: float, high: float,
        region: tuple[int, int, int] | None = None,
    ) -> None:  # fmt: skip
        from matplotlib.patches import Rectangle

        full = self.layout.width_mm
        axes = self.figure.add_axes(
            (left / full, 1 - (top + high) / self.height_mm, width / full, high / self.height_mm)
        )
        axes.set_axis_off()
        axes.imshow(pixels, interpolation=self.smoothing, aspect="auto")
        if region:
            x, y, side = region
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), side, side, fill=False, edgecolor=FRAME, linewidth=0.8))


def cut(pixels: np.ndarray, region: tuple[int, int, int]) -> np.ndarray:
    """The pixels of a region (left, top, side)."""
    left, top, side = region
    return pixels[top : top + side, left : left + side]


def region_around(size_hw: tuple[int, ...], point_xy: tuple[float, float]) -> tuple[int, int, int]:
    """The region (left, top, side) around a point, inside a picture; a REGION-th of its shorter side."""
    height, width = size_hw[:2]
    side = max(1, min(height, width) // REGION)
    left, top = (
        int(np.clip(at - side / 2, 0, most - side)) for at, most in zip(point_xy, (width, height), strict=True)
    )
    return left, top, side


def most_telling(panels: Sequence[Panel]) -> tuple[float, float]:
    """The point (x, y) about which the pictures differ most from each other."""
    greys = np.stack([panel.pixels.mean(-1) for panel in panels])
    height, width = greys.shape[1:]
    spread = greys.std(0)
    ys, xs = (np.linspace(0, length, CELLS + 1).astype(int) for length in (height, width))
    sums = np.add.reduceat(np.add.reduceat(spread, ys[:-1], 0), xs[:-1], 1)
    row, column = divmod(int(sums.argmax()), CELLS)
    return float(xs[column : column + 2].mean()), float(ys[row : row + 2].mean())


def title_text(parts: Sequence[Any]) -> str:
    """Parts of a caption that are not empty, as sentences."""
    return " ".join(f"{str(part).strip().rstrip('.')}." for part in parts if str(part).strip())
