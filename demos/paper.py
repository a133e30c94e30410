"""Figures for papers: PNG, SVG and PDF of one drawing, by matplotlib, each with the recipe inside.

matplotlib is imported when the first figure is drawn. The same drawing and recipe give the same bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

FORMATS = ("png", "svg", "pdf")
WIDTH_MM = {"single column, 85 mm": 85.0, "double column, 178 mm": 178.0}
MM = 1 / 25.4  # inches
DPI = 300
INK, PAPER = "#1a1b1e", "#ffffff"
# Text stays text, in SVG and PDF; ids in an SVG follow from its content.
STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "mixdeck", "pdf.fonttype": 42, "text.color": INK, "axes.edgecolor": INK,
    "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "axes.titlecolor": INK,
}  # fmt: skip
_LOCK = threading.Lock()  # matplotlib's settings and fonts belong to the process


def save(
    draw: Callable[[], Figure], target: Any, kind: str, recipe_text: str | None = None, title: str = "",
    dpi: int = DPI, is_clear: bool = False, style: Mapping[RcKeyType, Any] | None = None,
) -> None:  # fmt: skip
    """Write what `draw` makes, to a path or a stream.

    Args:
        kind: one of FORMATS.
        recipe_text: goes inside; None leaves it out.
        is_clear: no ground behind the drawing.
        style: further settings of matplotlib.
    """
    import matplotlib

    metadata, more = embedded(kind, recipe_text, title)
    with _LOCK, matplotlib.rc_context(STYLE | dict(style or {})):
        draw().savefig(target, format=kind, dpi=dpi, metadata=metadata, transparent=is_clear, **more)


def embedded(kind: str, recipe_text: str | None, title: str) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """What `savefig` writes into a file of one kind: metadata, and further arguments."""
    if kind == "png":
        from pipelines.shared.figures import png_chunks

        return None, {"pil_kwargs": {"pnginfo": png_chunks(recipe_text, title)}}
    about: dict[str, Any] = {"Creator": "Mixdeck", "Title": title}
    if kind == "svg":
        about |= {"Date": None, "Format": None, "Type": None}
        return about | ({} if recipe_text is None else {"Description": recipe_text}), {}
    about |= {"CreationDate": None, "Producer": "Mixdeck"}
    return about | ({} if recipe_text is None else {"Keywords": recipe_text}), {}
