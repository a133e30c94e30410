"""Characters that are easily taken for each other in pictures of text."""

from __future__ import annotations

from pipelines.text_recognition.charset import CHARACTERS, CLASSES, encode

GROUPS = (
    "0OoDQ", "1Ili|!", "5Ss", "2Zz", "8B", "6bG", "9gq", "CcG(", "UuVv", "WwM", "MNH", "EF", "PR", "KXx", "T7Y", "nh",
)  # fmt: skip


def _table() -> dict[int, tuple[int, ...]]:
    """Those of each class: its groups, then its other case."""
    table = {}
    for index in range(1, CLASSES):
        character = CHARACTERS[index - 1]
        others = "".join(group for group in GROUPS if character in group) + character.swapcase()
        alike = dict.fromkeys(other for other in others if other != character)
        table[index] = tuple(encode("".join(alike)))
    return {index: alike for index, alike in table.items() if alike}


LOOKALIKES = _table()  # class -> classes
