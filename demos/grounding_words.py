"""What the grounding tab says: phrases, objects, words and comparisons as HTML. No widgets."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from demos.drawing import Colour
from demos.grounding_drawing import legend_shades
from demos.merge_words import describe
from demos.words import hint, traffic
from pipelines.grounding.results import is_absent

if TYPE_CHECKING:
    import numpy as np

    from demos.grounding_bench import Job
    from pipelines.grounding.counterfactual import Dropped
    from pipelines.grounding.results import GroundedObject, GroundingResult, PhraseResult

NETWORK = "PLVL-E"
KIND_TITLES = {
    "base": "Plain scenes", "full": "All kinds of expression", "attribute": "Look-alikes", "relation": "Relations",
    "ordinal": "Orders and counts", "photo": "Photographs behind", "refuse": "False premises",
    "simple": "Six shapes, six colours", "comp": "Unseen pairs of looks", "long": "Three steps",
    "phrase": "Unseen wording", "count": "Crowds", "notarget": "Half of it is not there", "multi": "Several targets",
    "photo-hard": "Other photographs",
}  # fmt: skip
ASK_FIRST = "Ask something: what is found is listed here."
# Buttons made afresh with each result: the click is caught where they stand; a copy never leaves the browser.
PICK = """element.addEventListener('click', (event) => {
  const copied = event.target.closest('button[data-copy]');
  if (copied) { navigator.clipboard?.writeText(copied.dataset.copy); copied.classList.add('copied'); return; }
  const one = event.target.closest('button[data-index]');
  if (one) trigger('select', { index: Number(one.dataset.index), value: one.dataset.text ?? one.innerText });
});"""


def about(job: Job, result: GroundingResult, is_kept: bool) -> str:
    """One line on a result: version, mix, how much was found, what the merge moved, time."""
    count = len(result.objects)
    who = f"{job.network}, as published" if job.network else describe(job.recipe)
    parts = [f"<b>v{result.run.weights_version}</b>", html.escape(who)]
    parts.append(f"{count} object{'s' if count != 1 else ''}")
    parts += [f"{numbers_of(job)} corrected by hand"] if job.corrections else []
    parts += traffic(result.run)
    total = result.run.seconds.get("total", 0.0)
    parts.append(f"{1000 * total:.0f} ms" if total else "no network run")
    return " · ".join([*parts, "cached"] if is_kept else parts)


def prompt(has_picture: bool) -> str:
    """What is still missing before anything can be looked for."""
    missing = "Type what to find, for example “the red mug on the left”." if has_picture else \
        "Choose a picture first: upload one, paste it, or draw a random scene."  # fmt: skip
    return f'<div class="phrases" role="status"><span>{missing}</span></div>'


def run_caption(job: Job, result: GroundingResult) -> str:
    """A few words on a run, below its thumbnail."""
    told = clipped(job.phrases[0], 24) + (f" +{len(job.phrases) - 1}" if len(job.phrases) > 1 else "")
    by_hand = f" · {numbers_of(job)} by hand" if job.corrections else ""
    return f"{told} · {len(result.objects)} found · α {job.recipe.scale:.2f}{by_hand}"


def numbers_of(job: Job) -> str:
    """The objects whose masks were corrected by hand: "#1, #3"."""
    return ", ".join(f"#{number}" for number in job.by_hand)


def clipped(text: str, most: int = 60) -> str:
    """Plain text of at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def label_of(one: GroundedObject) -> str:
    """An object's own name, like no other's: "#1 red cube 0.93"; it says where the mask is a person's."""
    return f"#{one.id} {clipped(one.phrase, 40)} {one.score:.2f}{', by hand' if one.is_corrected else ''}"


def phrase_lines(result: GroundingResult, colours: Mapping[str, Colour], verdicts: Mapping[str, bool]) -> str:
    """Each phrase in its colour: how likely it is there, against the threshold; in generated scenes hit or miss."""
    least, shades = result.thresholds["existence"], legend_shades(colours)
    lines = "".join(_phrase_line(one, shades[one.phrase], least, verdicts.get(one.phrase)) for one in result.phrases)
    return f'<div class="phrases" role="list">{lines}</div>'


def _phrase_line(one: PhraseResult, shade: str, least: float, verdict: bool | None) -> str:
    told = f"{len(one.targets)} found" if one.targets else "nothing" if is_absent(one, least) else "there"
    bar = (
        f'<span class="gauge" style="--at:{one.existence:.3f};--least:{least:.3f}" role="img" '
        f'aria-label="existence {one.existence:.2f}, threshold {least:.2f}"></span>'
    )
    words = _flagged(one.phrase, one.unknown)
    return (
        f'<div role="listitem"><i style="background:{shade}"></i><span class="phrase">{words}</span>{bar}'
        f"<span>existence {one.existence:.2f} · {told}</span>{badge(verdict)}</div>"
    )


def _flagged(phrase: str, unknown: Sequence[str]) -> str:
    """The phrase with unknown words marked, "polka-dot" as one."""
    from pipelines.grounding.tokenizer import split

    marked = []
    for word in clipped(phrase, 120).split(" "):
        is_strange = not set(unknown).isdisjoint(split(word))
        told = html.escape(word)
        marked.append(f'<mark class="strange" title="no training said this">{told}</mark>' if is_strange else told)
    return " ".join(marked)


def badge(verdict: bool | None) -> str:
    """Hit or miss, nothing where the answer is not known."""
    if verdict is None:
        return ""
    return '<span class="badge hit">✓ hit</span>' if verdict else '<span class="badge miss">✗ miss</span>'


def object_table(result: GroundingResult, colours: Mapping[str, Colour], chosen: int | None) -> str:
    """A row per object; its number is a button that shows it alone, another copies its box."""
    if not result.objects:
        is_asked = any(not one.decodes for one in result.phrases)
        nothing = "No object is asked for." if is_asked else "Nothing was found."
        return hint(nothing if result.phrases else ASK_FIRST)
    shades, exist = legend_shades(colours), {one.phrase: one.existence for one in result.phrases}
    told = {"box, px": "left, top, right, bottom", "agree": "IoU of the box and the tight box of the mask"}
    head = ("", "phrase", "score", "existence", "box, px", "area", "agree")
    rows = "".join(_object_row(one, shades[one.phrase], exist[one.phrase], one.id == chosen) for one in result.objects)
    names = "".join(f'<th title="{told.get(name, "")}">{name}</th>' for name in head)
    return f'<div class="scroll-x"><table class="mdk-table objects"><thead><tr>{names}</tr></thead><tbody>{rows}' \
        "</tbody></table></div>"  # fmt: skip


def _object_row(one: GroundedObject, shade: str, existence: float, is_chosen: bool) -> str:
    box = ", ".join(f"{value:.0f}" for value in one.box_xyxy)
    agree = "–"
    if one.has_box and one.has_mask:
        agree = f"{one.consistency:.2f}" + (" disagree" if one.consistency < 0.5 else "")
    pick = (
        f'<button type="button" class="pick" data-index="{one.id}" aria-pressed="{str(is_chosen).lower()}" '
        f'style="--shade:{shade}" title="show it alone">#{one.id}</button>'
    )
    copy = f'<button type="button" class="copy" data-copy="{box}" title="copy the box">copy</button>'
    phrase = html.escape(clipped(one.phrase)) + (" <small>corrected by hand</small>" if one.is_corrected else "")
    cells = (pick, phrase, f"{one.score:.2f}", f"{existence:.2f}", f"{box} {copy}" if one.has_box else "–",
             f"{one.area_share:.1%}" if one.has_mask else "–", agree)  # fmt: skip
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def word_grid(
    words: Sequence[str], shares: np.ndarray, unknown: Sequence[str], chosen: tuple[int, int] | None, title: str
) -> str:
    """A row for each depth at which language enters, a button per word, darker the more it is looked at.

    Args:
        shares: (depths, words), rows sum to 1. chosen: depth and word whose map is shown.
    """
    most = max(float(shares.max()), 1e-6)
    head = "".join(_word_head(word, word in unknown) for word in words)
    rows = "".join(
        f"<tr><th>depth {depth + 1}</th>"
        + "".join(
            _word_cell(depth, at, words[at], float(share), float(share) / most, chosen) for at, share in enumerate(row)
        )
        + "</tr>"
        for depth, row in enumerate(shares)
    )
    return (
        f'{hint(title)}<div class="scroll-x"><table class="mdk-table wordbar"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _word_head(word: str, is_strange: bool) -> str:
    told = html.escape(clipped(word, 18))
    return f'<th><mark class="strange" title="no training said this">{told}</mark></th>' if is_strange \
        else f"<th>{told}</th>"  # fmt: skip


def _word_cell(depth: int, at: int, word: str, share: float, shade: float, chosen: tuple[int, int] | None) -> str:
    pressed = str(chosen == (depth, at)).lower()
    told = html.escape(f"depth {depth + 1}, {clipped(word, 18)}: {share:.0%}")
    return (
        f'<td><button type="button" data-index="{100 * depth + at}" aria-pressed="{pressed}" aria-label="{told}" '
        f'style="--share:{shade:.0%}">{100 * share:.0f}</button></td>'
    )


def expression_buttons(texts: Sequence[tuple[str, str]], title: str) -> str:
    """Expressions that can be clicked, each with its kind: (text, kind)."""
    if not texts:
        return ""
    buttons = "".join(
        f'<button type="button" data-index="{at}" data-text="{html.escape(text)}" title="{html.escape(kind)}">'
        f"{html.escape(text)}<small>{html.escape(kind)}</small></button>"
        for at, (text, kind) in enumerate(texts)
    )
    return f'{hint(title)}<div class="expressions">{buttons}</div>'


def absent_panel(
    result: GroundingResult, dropped: Mapping[str, Sequence[Dropped]], failing: Mapping[str, str] = MappingProxyType({})
) -> str:
    """For each phrase of which nothing was found: how sure that is, and the word that spoils it.

    Args:
        failing: phrase -> the part that the likeliest candidate does not meet, where a network tells it.
    """
    least = result.thresholds["existence"]
    parts = [
        _absent(one, dropped.get(one.phrase, ()), least, failing.get(one.phrase, ""))
        for one in result.phrases
        if is_absent(one, least)
    ]
    return f'<div class="absent" role="status">{"".join(parts)}</div>' if parts else ""


def _absent(one: PhraseResult, dropped: Sequence[Dropped], least: float, failing: str) -> str:
    phrase = html.escape(clipped(one.phrase))
    said = f"<b>Nothing in the picture matches “{phrase}”</b> (existence {one.existence:.2f})."
    if one.existence >= least:
        return f"<p>{said} What was found is smaller than the least area.</p>"
    if failing:
        return f"<p>{said} The likeliest candidate fails at “{html.escape(clipped(failing))}”.</p>"
    helped = [drop for drop in dropped if drop.existence >= least]
    if helped:
        words = " or ".join(f"<b>{html.escape(drop.word)}</b> ({drop.existence:.2f})" for drop in helped[:3])
        return f"<p>{said} Without the word {words} something appears.</p>"
    if dropped:
        best = dropped[0]
        return f"<p>{said} No single word spoils it; without <b>{html.escape(best.word)}</b> existence would be " \
            f"{best.existence:.2f}.</p>"  # fmt: skip
    return f"<p>{said}</p>"


def compare_table(
    results: Mapping[str, GroundingResult], phrase: str, agreement: Mapping[str, float], verdicts: Mapping[str, bool]
) -> str:
    """Who says what of one phrase: existence, objects, how far it agrees with the mix, hit or miss."""
    rows = []
    for name, result in results.items():
        one = next(one for one in result.phrases if one.phrase == phrase)
        cells = (html.escape(name), f"{one.existence:.2f}", str(len(one.targets)), f"{agreement[name]:.2f}",
                 badge(verdicts.get(name)) or "–")  # fmt: skip
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    names = ("by", "existence", "found", "IoU with this mix", "answer")
    head = "".join(f"<th>{name}</th>" for name in names)
    table = f'<table class="mdk-table"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return f'{hint(clipped(phrase, 120))}<div class="scroll-x">{table}</div>'


def dial_table(phrases: Sequence[str], found: Mapping[float, Sequence[float]], least: float) -> str:
    """Existence of each phrase at the positions of the refuse fader; below the threshold it is said that nothing is
    there."""
    head = "".join(f"<th>{step:.2f}</th>" for step in found)
    rows = []
    for at, phrase in enumerate(phrases):
        cells = "".join(
            f'<td class="{"there" if values[at] >= least else "refused"}">{values[at]:.2f}</td>'
            for values in found.values()
        )
        rows.append(f"<tr><td>{html.escape(clipped(phrase))}</td>{cells}</tr>")
    table = (
        f'<table class="mdk-table dial"><thead><tr><th>refuse fader at</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
    return f'<div class="scroll-x">{table}</div>{hint(f"Struck through: below {least:.2f}, so nothing is found.")}'
