"""What the text tab says: the reading, its characters, corrections and comparisons as HTML. No widgets."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from demos.merge_words import describe
from demos.text_recognition_drawing import STEPS, step_of
from demos.words import hint, traffic
from pipelines.text_recognition.options import PHOTO, PROCEDURES
from pipelines.text_recognition.trocr import TROCR_FAMILIES

if TYPE_CHECKING:
    from demos.text_recognition_bench import Job, Sheet
    from pipelines.text_recognition.results import Answer, CharacterReading, RecognitionResult

NETWORK = "IGTR-E"
TOKEN_READERS = frozenset(one.name for one in TROCR_FAMILIES)
SHOWN_ALTERNATIVES = 4
NOTHING = (
    "no text detected. The network saw no character here: try another mix, a closer crop, or a hint pattern; "
    "for a page or a street, choose Whole photograph."
)
CALIBRATED = "Confidences are calibrated on generated words, those of the tab's own network alone."
NO_WORD = (
    "no text detected. No region of the photograph looks like a word: try a larger picture, or cut out one word "
    "and choose Word crop."
)


def about(job: Job, sheet: Sheet, is_kept: bool) -> str:
    """One line on a result: version, mix, procedure, what the merge moved, time."""
    parts = [html.escape(mix_title(job)), html.escape(procedure_title(job))]
    if sheet.words:
        parts.insert(0, f"<b>v{sheet.words[0].reading.run.weights_version}</b>")
    if job.mode == PHOTO:
        parts.append(f"{len(sheet.words)} word{'s' if len(sheet.words) != 1 else ''}")
    parts += traffic(sheet.words[0].reading.run) if sheet.words else []
    parts.append(f"{1000 * sheet.seconds.get('total', 0.0):.0f} ms")
    return " · ".join([*parts, "cached"] if is_kept else parts)


def mix_title(job: Job) -> str:
    """The mix of a job in a few words; of a published network, its name before them."""
    return f"{job.network}: {describe(job.recipe)}" if job.network else describe(job.recipe)


def run_caption(job: Job, sheet: Sheet) -> str:
    """A few words on a run, below its thumbnail: what was read, and the scale of the mix."""
    text = " ".join(sheet.text.split()) or "nothing"
    who = f" · {job.network}" if job.network else ""
    return f"{text[:24]}{'…' if len(text) > 24 else ''}{who} · α {job.recipe.scale:.2f}"


def procedure_title(job: Job) -> str:
    """The procedure of a job in words."""
    options = job.options
    if job.network in TOKEN_READERS:
        return "token by token"
    if options.lexicon:
        return f"best of a list of {len(options.lexicon)} words"
    refined = f" + {options.refinements} × refine" if options.refinements else ""
    return PROCEDURES[options.procedure] + refined


def reading_line(reading: RecognitionResult | None, chosen: int | None, nothing: str = NOTHING) -> str:
    """The word in large letters, a button per character, its probability below and in its colour."""
    if reading is None or not reading.text:
        return f'<div class="reading empty" role="status">{html.escape(nothing)}</div>'
    corrected = _corrected(reading)
    buttons = "".join(
        _character(index, one, index == chosen, corrected.get(index + 1))
        for index, one in enumerate(reading.characters)
    )
    doubt = ' <span class="doubtful">doubtful</span>' if reading.is_doubtful else ""
    told = f'<span class="confidence">confidence {reading.confidence:.2f}{doubt}</span>'
    return (
        f'<div class="reading" role="group" aria-label="Read: {html.escape(reading.text)}, confidence '
        f'{reading.confidence:.2f}">{buttons}{told}</div>'
    )


def _corrected(reading: RecognitionResult) -> dict[int, tuple[str, str]]:
    """Position -> what stood there before all refinement and after it, where that differs."""
    before: dict[int, str] = {}
    after: dict[int, str] = {}
    for one in reading.trace:
        before.setdefault(one.position, one.before)
        after[one.position] = one.after
    return {position: (before[position], last) for position, last in after.items() if before[position] != last}


def waiting_line() -> str:
    """What stands in the place of the word before anything was read."""
    return '<div class="reading empty">The word will stand here, each letter in the colour of its probability.</div>'


def _character(index: int, one: CharacterReading, is_chosen: bool, corrected: tuple[str, str] | None) -> str:
    classes = ["char", f"step-{step_of(one.probability)}"]
    classes += ["corrected"] if corrected else []
    classes += ["given"] if one.is_given else []
    told = f"character {index + 1}: {one.symbol}, probability {one.probability:.2f}"
    told += f", was {corrected[0]} before refinement" if corrected else ""
    told += ", given by the hint" if one.is_given else ""
    pressed = str(is_chosen).lower()
    return (
        f'<button type="button" class="{" ".join(classes)}" data-index="{index}" aria-pressed="{pressed}" '
        f'title="{html.escape(told)}" aria-label="{html.escape(told)}"><span>{html.escape(one.symbol)}</span>'
        f"<small>{100 * one.probability:.0f}</small></button>"
    )


def step_legend() -> str:
    """The colours of the characters in words."""
    swatch = '<i style="background:rgb{}"></i>'
    items = (f"<span>{swatch.format(colour)}{f'≥ {least:g}' if least else 'below'}</span>" for least, colour in STEPS)
    keyed = '<span class="keyed">double line: changed by refinement</span>'
    return f'<div class="legend"><span>probability</span>{"".join(items)}{keyed}</div>'


def correction_lines(reading: RecognitionResult | None) -> str:
    """What refinement doubted, and what became of it."""
    if reading is None or not reading.trace:
        return ""
    rows = (
        f"<p>round {one.round}, character {one.position}: <b>{html.escape(one.before)}</b> "
        f"{one.probability_before:.2f} (verified {one.verified:.2f}) → <b>{html.escape(one.after)}</b> "
        f"{one.probability_after:.2f}</p>"
        for one in reading.trace
    )
    return f'<div class="notices corrections">{"".join(rows)}</div>'


def character_table(reading: RecognitionResult | None) -> str:
    """A row per character: what else it may be, whether it was confirmed, where it stands."""
    if reading is None or not reading.text:
        return hint("No character was read.")
    columns = {
        "read": [one.symbol for one in reading.characters],
        "prob.": [f"{one.probability:.3f}" for one in reading.characters],
        "else": [_scored(one.alternatives[:SHOWN_ALTERNATIVES]) for one in reading.characters],
        "verified": ["–" if one.verified is None else f"{one.verified:.3f}" for one in reading.characters],
        "look-alikes": [_scored(one.lookalikes) for one in reading.characters],
        "box, px": [_corners_of(one.box_xyxy) for one in reading.characters],
    }
    full = {name: cells for name, cells in columns.items() if any(cells)}
    return table(tuple(full), list(zip(*full.values(), strict=True)))


def _corners_of(box: Sequence[float]) -> str:
    left, top, right, bottom = (f"{value:.0f}" for value in box)
    return f"{left} {top} {right} {bottom}"


def _scored(pairs: Sequence[tuple[str, float]]) -> str:
    return "  ".join(f"{symbol} {share:.2f}" for symbol, share in pairs)


def table(names: Sequence[str], rows: Sequence[Sequence[str]], numbered: bool = True, chosen: int | None = None) -> str:
    """Plain text as a table; `numbered` puts the row's number first, as a button where a row is `chosen`."""

    def number(index: int) -> str:
        if chosen is None:
            return str(index + 1)
        pressed = str(index == chosen).lower()
        return (f'<button type="button" data-index="{index}" aria-pressed="{pressed}" title="look at it">'
                f"{index + 1}</button>")  # fmt: skip

    head = "".join(f"<th>{html.escape(name)}</th>" for name in (["#", *names] if numbered else names))
    body = ""
    for index, row in enumerate(rows):
        cells = [*([number(index)] if numbered else []), *map(html.escape, row)]
        body += f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    inside = f'<table class="mdk-table words"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll-x">{inside}</div>'


def ranking_table(reading: RecognitionResult | None, most: int = 8) -> str:
    """The words of the list that fit best, with how far each is behind the best."""
    if reading is None or not reading.ranking:
        return ""
    best = reading.ranking[0][1]
    rows = [(word, f"{score:.2f}", f"{score - best:.2f}") for word, score in reading.ranking[:most]]
    return table(("word", "log-probability", "behind the best"), rows)


def agreement_table(readings: Mapping[str, RecognitionResult | Exception], shown: str) -> str:
    """Rows of readings of one crop: text, confidence, time, whether it agrees with what most say."""
    texts = Counter(one.text for one in readings.values() if not isinstance(one, Exception))
    common, able = max(texts, key=lambda text: (texts[text], text == shown)) if texts else "", texts.total()
    names = ("by", "text", "confidence", "time", "agrees")
    rows = [_agreement(name, one, common) for name, one in readings.items()]
    those = f"{able}" if able == len(readings) else f"{able} that could read it"
    is_one = len(texts) == 1 and able == len(readings) > 1
    verdict = "All agree." if is_one else f"{max(texts.values(), default=0)} of {those} read “{common}”."
    return hint(f"{verdict} {CALIBRATED}") + table(names, rows, numbered=False)


def _agreement(name: str, reading: RecognitionResult | Exception, common: str) -> tuple[str, ...]:
    if isinstance(reading, Exception):
        return name, f"cannot: {reading}", "–", "–", "–"
    took = f"{1000 * reading.run.seconds.get('infer', 0.0):.0f} ms"
    agrees = "yes" if reading.text == common else "no"
    return name, reading.text or "(nothing)", f"{reading.confidence:.3f}", took, agrees


def answer_line(asked: str, answer: Answer) -> str:
    """The answer in large letters, how sure it is, and whether the reading says the same."""
    mark = (
        f'<span class="agrees">✓ as the reading “{html.escape(answer.reading)}” says</span>' if answer.agrees
        else f'<span class="disagrees">≠ the reading “{html.escape(answer.reading)}” says otherwise</span>'
    )  # fmt: skip
    return (
        f'<div class="answer" role="status"><span class="asked">{html.escape(asked)}</span>'
        f"<b>{html.escape(answer.text)}</b> <span>probability {answer.probability:.2f}</span> {mark}</div>"
    )


def word_table(sheet: Sheet, chosen: int) -> str:
    """The words of a photograph in reading order; the number of each is a button that looks at it."""
    rows = [
        (
            word.reading.text or "(nothing)",
            f"{word.reading.confidence:.2f}",
            "doubtful" if word.reading.is_doubtful else "",
            _corner_text(word.corners),
        )
        for word in sheet.words
    ]
    return table(("word", "confidence", "doubt", "corner, px"), rows, chosen=chosen) if rows else ""


def _corner_text(corners: object) -> str:
    import numpy as np

    if corners is None:
        return "–"
    points = np.asarray(corners, float)
    return f"{points[:, 0].min():.0f}, {points[:, 1].min():.0f}"
