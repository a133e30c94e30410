"""When a reading is not to be trusted: a network that knows 94 characters has to answer, even before a script it does
not know, a blurred smear or a drawing. Then its procedures disagree and nothing is confirmed."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.text_recognition.metrics import edit_distance

UNSURE = 0.35  # calibrated confidence of the word below which it is more often wrong than right
UNCONFIRMED = 0.5  # mean probability of yes to "is it this character?"
APART = 0.5  # edits per character between this reading and that of the picture's columns (CTC)


def reasons_for_doubt(text: str, confidence: float, verified: Sequence[float], by_columns: str) -> tuple[str, ...]:
    """Why a reading should not be trusted; empty where nothing speaks against it.

    Args:
        verified: of each character, probability of yes, 0 to 1.
        by_columns: what the CTC head reads, which no question has influenced.
    """
    reasons = []
    if confidence < UNSURE:
        reasons.append(f"its confidence is {confidence:.0%}")
    if verified and sum(verified) / len(verified) < UNCONFIRMED:
        reasons.append("asked one by one, its characters are not confirmed")
    if edit_distance(text, by_columns) >= APART * max(len(text), len(by_columns), 1):
        reasons.append(f"the columns of the picture alone read {by_columns!r}" if by_columns else
                       "the columns of the picture alone show no text")  # fmt: skip
    return tuple(reasons)


def doubt_of(text: str, reasons: Sequence[str]) -> str:
    """The sentence for the person."""
    return (
        f"{text!r} is doubtful: {'; '.join(reasons)}. The picture may be unclear, hold no text, or be in a script this "
        "network does not know (it reads Latin letters, digits and the marks of ASCII)."
    )
