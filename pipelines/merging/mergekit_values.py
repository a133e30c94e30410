"""Parameter values of mergekit's configuration, and the block rules that mean the same.

There a value is a number, a gradient (a list of numbers, laid evenly over the layers), or a list of {filter, value}: a
filter is a substring of a tensor's name, the first that fits wins, and where none fits the next level decides. Here it
is an ordered list of (glob, value), of which the first that matches a key wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pipelines.merging.errors import MergeError

ValueRule = tuple[str, float]  # glob over keys, value

LAYER = re.compile(r"(?:^|.*?\.)(?:layers?|blocks?|h|resblocks)\.(\d+)\.")
SPECIAL = re.compile(r"[*?\[]")


def layers_of(keys: Sequence[str]) -> dict[str, int]:
    """Beginning of the names of each layer, dots at both ends of its number -> its number, in order of appearance."""
    found: dict[str, int] = {}
    for key in keys:
        if match := LAYER.match(key):
            found.setdefault(match.group(0), int(match.group(1)))
    return found


def positions(numbers: Sequence[int]) -> dict[int, float]:
    """Layer number -> where it lies, 0 (first) to 1 (last); a single layer lies at 0."""
    ordered = sorted(set(numbers))
    return {number: place / max(len(ordered) - 1, 1) for place, number in enumerate(ordered)}


def is_gradient(value: Any) -> bool:
    """Whether a value is a list of numbers."""
    return isinstance(value, list) and bool(value) and all(_is_number(one) for one in value)


def gradient_at(values: Sequence[float], position: float) -> float:
    """Linear between the values, which lie evenly from 0 to 1."""
    scaled = position * (len(values) - 1)
    low = min(int(scaled), len(values) - 1)
    share = scaled - low
    high = min(low + 1, len(values) - 1)
    return float(values[low]) if share == 0 else (1 - share) * values[low] + share * values[high]


def value_at(value: Any, key: str, position: float, name: str) -> float | None:
    """The value for one tensor, None where no filter fits.

    Raises:
        MergeError: not a number, a gradient, or a list of {filter, value}.
    """
    if _is_number(value):
        return float(value)
    if is_gradient(value):
        return gradient_at(value, position)
    for pattern, inner in conditions(value, name):
        if pattern is None or pattern in key:
            return value_at(inner, key, position, name)
    return None


def conditions(value: Any, name: str) -> list[tuple[str | None, Any]]:
    """(substring, value) of a list of {filter, value}; None where anything fits."""
    entries = [value] if isinstance(value, Mapping) else value
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) and "value" in entry for entry in entries):
        raise MergeError(
            f"{name} is {value!r}: a number, a list of numbers, or a list of {{filter, value}} is expected"
        )
    filters = [entry.get("filter") for entry in entries]
    return [
        (None if one in (None, "*") else str(one), entry["value"]) for one, entry in zip(filters, entries, strict=True)
    ]


def rules_from(value: Any, name: str, keys: Sequence[str] | None) -> list[ValueRule]:
    """The same as ordered globs.

    Raises:
        MergeError: a gradient, and no `keys` to say which layers there are.
    """
    if _is_number(value):
        return [("*", float(value))]
    if is_gradient(value):
        return gradient_rules(value, "", _known(keys, name))
    rules: list[ValueRule] = []
    for pattern, inner in conditions(value, name):
        if is_gradient(inner):
            rules += gradient_rules(inner, pattern or "", _known(keys, name))
        elif _is_number(inner):
            rules.append((glob_of(pattern or ""), float(inner)))
        else:
            raise MergeError(f"{name} has a filter inside a filter: one level is expected")
    return rules


def gradient_rules(values: Sequence[float], pattern: str, keys: Sequence[str]) -> list[ValueRule]:
    """A rule for each layer and one for the rest, which has the first value; with a pattern, one for each key."""
    layers = layers_of(keys)
    place = positions(list(layers.values()))
    if not pattern:
        rules = [(glob_of(prefix), gradient_at(values, place[number])) for prefix, number in layers.items()]
        return [*rules, ("*", float(values[0]))]
    return [(name_glob(key, keys), gradient_at(values, position_of(key, place))) for key in keys if pattern in key]


def position_of(key: str, place: Mapping[int, float]) -> float:
    """Where a key's layer lies; 0 for keys of no layer."""
    match = LAYER.match(key)
    return place.get(int(match.group(1)), 0.0) if match else 0.0


def glob_of(pattern: str) -> str:
    """A glob for names that contain the text."""
    return f"*{escaped(pattern)}*" if pattern else "*"


def name_glob(key: str, keys: Sequence[str]) -> str:
    """A glob for one key: as a filter would find it, unless it is part of another's name."""
    return escaped(key) if any(key in other and key != other for other in keys) else glob_of(key)


def escaped(text: str) -> str:
    """A glob for exactly this text."""
    return SPECIAL.sub(lambda match: f"[{match.group(0)}]", text)


def substring_of(glob: str) -> str | None:
    """The text of a glob of `glob_of`, "" for "*"; None for any other glob."""
    if glob == "*":
        return ""
    text = re.sub(r"\[([*?\[])\]", r"\1", glob[1:-1])
    return text if len(glob) > 2 and glob_of(text) == glob else None


def setting_from(rules: Sequence[ValueRule], keys: Sequence[str]) -> float | list[dict[str, Any]]:
    """A number or a list of {filter, value} that gives every key the value of its first rule.

    Convention: filters are taken over from globs that mean a substring. Where that would not give each key its value,
    every key stands there by its whole name, the longest first, so that no name is caught by a shorter one.
    """
    wanted = {key: first_value(rules, key) for key in keys}
    if len(set(wanted.values())) == 1:
        return wanted[keys[0]]
    filters: list[dict[str, Any]] = [
        {"filter": text, "value": value} for glob, value in rules if (text := substring_of(glob))
    ]
    found = [*filters, *({"value": value} for glob, value in rules if glob == "*")]
    if all(value_at(found, key, 0.0, "value") == value for key, value in wanted.items()):
        return found
    names = sorted(keys, key=lambda key: (-len(key), key))
    return [{"filter": key, "value": wanted[key]} for key in names]


def first_value(rules: Sequence[ValueRule], key: str) -> float:
    """Value of the first rule that matches. Raises MergeError: none does."""
    for glob, value in rules:
        if fnmatchcase(key, glob):
            return value
    raise MergeError(f"no value is given for {key}: add an entry without filter")


def _known(keys: Sequence[str] | None, name: str) -> Sequence[str]:
    if keys is None:
        raise MergeError(f"{name} has a gradient over layers: the base checkpoint must be at hand to know its layers")
    return keys


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
