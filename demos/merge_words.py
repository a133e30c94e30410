"""What the page says of a merge: a mix in a few words, a method's formula, what it lacks. No widgets."""

from __future__ import annotations

import html

from pipelines.merging.method import MergeMethod
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.registry import OFFLINE, method


def formula_line(record: MergeMethod) -> str:
    """The formula, its source and what it costs, under the menu."""
    source = " · ".join(html.escape(part) for part in (record.paper, record.cost) if part)
    return f'<div class="formula">{html.escape(record.formula)}</div><div class="hint">{source}</div>'


def offline_note() -> str:
    """Methods that this family cannot run, each with what it lacks."""
    rows = (
        f'<li aria-disabled="true"><b>{html.escape(one.title)}</b> needs {html.escape(one.needs)} ({one.paper})</li>'
        for one in OFFLINE
    )
    summary = "<summary>Methods that need more than checkpoints</summary>"
    return f'<details class="hint">{summary}<ul>{"".join(rows)}</ul></details>'


def settings_note(record: MergeMethod) -> str:
    """Said where a method has nothing to set."""
    text = "" if record.settings else f"{html.escape(record.title)} has no settings of its own."
    return f'<div class="reason">{text}</div>'


def describe(recipe: MergeRecipe) -> str:
    """The mix in a few words: method, scale, how many experts act."""
    tasks = [task for task, _ in recipe.coefficients]
    active = sum(recipe.coefficient(task) != 0 for task in tasks)
    mask = "" if recipe.masks.mode == "off" else f" · {recipe.masks.mode} mask"
    title = method(recipe.method).title
    return f"{title} · α {recipe.scale:.2f} · {active} of {len(tasks)} experts{mask}"
