"""The help page: keys, what the controls mean, and every merge method with its formula and source."""

from __future__ import annotations

import html

from pipelines.merging.method import MergeMethod
from pipelines.merging.registry import METHODS

KEYS = (
    ("← → ↑ ↓", "one step of the fader that has the focus"),
    ("Page up, Page down", "a tenth of its range; Home and End go to its ends"),
    ("Ctrl + Enter", "run"),
    ("Esc", "stop"),
    ("Ctrl + Z, Ctrl + Shift + Z", "undo, redo"),
    ("[ and ]", "slot A, slot B"),
    ("?", "this page"),
)
DESK = (
    ("Base and experts", "One network, trained on all tasks, and copies of it that were tuned for one task each. What "
     "an expert changed, expert minus base, is its task vector τ."),
    ("Fader", "The coefficient w of one expert: 0 leaves it out, 1 is the expert as tuned, below 0 takes it away."),
    ("Scale α", "Factor of the merged change. 0 is the base."),
    ("Solo, mute, negate", "Who is heard. A muted fader keeps its value."),
    ("Keep sum 1", "The other faders that are not muted give way in proportion."),
    ("Masks", "Where in the network the mix may act: where one expert moved most, any of them, or at least k of them."),
    ("Stages", "How much of the mix acts in each part of the network."),
    ("Slot A, slot B", "Two desks. The picture can be compared with that of the other one."),
)  # fmt: skip


def help_page() -> str:
    """A dialog that the page opens with the key ? or the button."""
    return (
        '<dialog aria-labelledby="help-title"><form method="dialog"><h2 id="help-title">How to use the desk</h2>'
        '<button class="close" aria-label="Close">×</button></form>'
        f"<h3>Keys</h3>{_terms(KEYS)}<h3>The desk</h3>{_terms(DESK)}"
        f"<h3>Methods</h3>{''.join(_method(one) for one in METHODS)}</dialog>"
    )


def _terms(rows: tuple[tuple[str, str], ...]) -> str:
    items = (f"<dt>{html.escape(term)}</dt><dd>{html.escape(meaning)}</dd>" for term, meaning in rows)
    return f"<dl>{''.join(items)}</dl>"


def _method(record: MergeMethod) -> str:
    title, formula, paper = map(html.escape, (record.title, record.formula, record.paper))
    lines = f'<div class="formula">{formula}</div><div class="hint">{paper}</div>'
    return f'<div class="method"><b>{title}</b>{lines}</div>'
