"""Where raw answers of the two tiers differ: what is nearest, which words count, and why."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from demos.grounding_words import clipped
from demos.networks import OWN
from demos.words import hint

if TYPE_CHECKING:
    from pipelines.grounding.results import PhraseResult

ABOUT_TERMS = "How true each part of the expression is of each candidate, 0 to 1, as the re-ranker sees it."


def network_titles(own: str) -> dict[str, str]:
    """A line of the menu for each network: the tab's own, which the desk mixes, then published ones."""
    from pipelines.grounding.full.families import GROUNDERS

    return {OWN: f"{own}, mixed by the desk", **{one.name: f"{one.name}, as published" for one in GROUNDERS}}


def tells_words(raw: Any) -> bool:
    """Whether a raw answer is of a network on a grid, which tells the words that each cell looks at."""
    return hasattr(raw, "words")


def nearest_box(one: PhraseResult, size_wh: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """The box of the likeliest candidate, in pixels, whether or not anything exists; None where there is none."""
    from pipelines.grounding.letterbox import Letterbox
    from pipelines.grounding.words import best_cell

    if tells_words(one.raw):
        return Letterbox.of(*size_wh, 4 * len(one.raw.mask)).box(one.raw.boxes[best_cell(one.raw)])
    nearest = one.raw.nearest  # type: ignore[attr-defined]
    if nearest is None:
        return None
    left, top, right, bottom = one.raw.candidates.boxes[nearest[0]]  # type: ignore[attr-defined]
    return float(left * size_wh[0]), float(top * size_wh[1]), float(right * size_wh[0]), float(bottom * size_wh[1])


def failing_part(one: PhraseResult) -> str:
    """The part of the expression that the likeliest candidate meets least, told by published networks; else empty."""
    nearest = getattr(one.raw, "nearest", None)
    return "" if nearest is None else str(nearest[1].said)


def terms_table(one: PhraseResult) -> str:
    """The re-ranker's terms, a row for each candidate and part."""
    rows = [
        f"<tr><td>{number + 1}</td><td>{html.escape(clipped(said))}</td><td>{value:.2f}</td></tr>"
        for number, said, value in one.raw.explained()  # type: ignore[attr-defined]
    ]
    if not rows:
        return hint("There is no candidate to explain.")
    head = "".join(f"<th>{name}</th>" for name in ("candidate", "part of the expression", "how true"))
    return (
        f'{hint(ABOUT_TERMS)}<div class="scroll-x"><table class="mdk-table words"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
