"""Axes of a sweep: every number and choice of a recipe that a person can set on the desk, and how values are written.

0, .25, .5        a list              0:1:5      five points from 0 to 1; of a lambda, equal ratios apart
0..1/.25          steps of .25        *          all choices, or a range of five points
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipelines.merging.method import Setting
from pipelines.merging.recipe import COEFFICIENT_RANGE, MASK_MODES, SCALE_RANGE, BlockRule, MaskChoice, MergeRecipe
from pipelines.merging.registry import METHODS, method
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily

MOST_VALUES = 64
THRESHOLD_LIMITS = (0.05, 5.0)  # of a lambda, whose fader is logarithmic
OF_MASKS = {  # kind of axis -> field of a MaskChoice
    "lambda": "thresholds", "k": "votes", "mask": "mode", "masks of": "tasks", "comparison": "compare",
    "on mute": "on_mute",
}  # fmt: skip
Value = float | str


@dataclass(frozen=True)
class Axis:
    """One control of the desk.

    Attributes:
        name: "scale", "method", "weight: ivis", "lambda" (of all tasks), "lambda: ivis", "k", "mask", "masks of",
            "comparison", "on mute", "stage: decoder", "setting: seed".
        limits: least and largest number; for choices unused.
        choices: not empty: a choice instead of a number.
        is_whole: whole numbers only.
        is_log: points between two numbers are equal ratios apart; the limits are above 0.
    """

    name: str
    limits: tuple[float, float] = (0.0, 1.0)
    choices: tuple[str, ...] = ()
    is_whole: bool = False
    is_log: bool = False


def axes_of(family: ModelFamily, recipe: MergeRecipe) -> tuple[Axis, ...]:
    """What of this recipe can be swept; settings are those of its method."""
    record = method(recipe.method)
    settings = (_of_setting(one) for one in record.settings)
    masks = tuple(mode for mode in MASK_MODES if mode in record.masks)
    return (
        Axis("scale", SCALE_RANGE),
        Axis("method", choices=tuple(one.name for one in METHODS)),
        *(Axis(f"weight: {task}", COEFFICIENT_RANGE) for task in family.tasks),
        *settings,
        Axis("lambda", THRESHOLD_LIMITS, is_log=True),
        Axis("k", (0.0, float(len(family.tasks))), is_whole=True),
        *(_of_masks(family, masks) if len(masks) > 1 else ()),
        *(Axis(f"stage: {block.name}", (0.0, 2.0)) for block in family.blocks),
    )


def axis_named(axes: Sequence[Axis], name: str) -> Axis:
    """The axis of that name. Raises UserError that lists them."""
    for axis in axes:
        if axis.name == name:
            return axis
    raise UserError(f"There is no axis {name!r} here; known are {', '.join(axis.name for axis in axes)}.")


def parse_values(axis: Axis, text: str) -> tuple[Value, ...]:
    """Values of an axis as written, in order, each once.

    Raises:
        UserError: names the piece that cannot be read, or is out of range.
    """
    pieces = [piece.strip() for piece in re.split(r"[,\n;]", text) if piece.strip()]
    if not pieces:
        raise UserError(f"Axis {axis.name!r} has no values; write for example {_example(axis)}.", "No values")
    values = [value for piece in pieces for value in _piece(axis, piece)]
    kept = tuple(dict.fromkeys(values))
    if len(kept) > MOST_VALUES:
        raise UserError(
            f"Axis {axis.name!r} has {len(kept)} values; at most {MOST_VALUES} are swept.", "Too many values"
        )
    return kept


def with_value(recipe: MergeRecipe, family: ModelFamily, axis: Axis, value: Value) -> MergeRecipe:
    """The recipe with one control at another value; another method comes with its own settings and its usual mask."""
    kind, _, subject = axis.name.partition(": ")
    if kind == "scale":
        return replace(recipe, scale=float(value))
    if kind == "method":
        return _with_method(recipe, str(value))
    if kind == "weight":
        return recipe.with_coefficient(subject, float(value))
    if kind == "setting":
        return replace(recipe, settings=tuple((dict(recipe.settings) | {subject: value}).items()))
    if kind in OF_MASKS:
        return replace(recipe, masks=_with_masks(recipe.masks, family, kind, subject, value))
    block = next(block for block in family.blocks if block.name == subject)
    others = tuple(rule for rule in recipe.blocks if (rule.match, rule.expert) != (block.match, None))
    return replace(recipe, blocks=(BlockRule(block.match, float(value)), *others))


def shown(value: Value) -> str:
    """A value as the head of a row or a column."""
    return value if isinstance(value, str) else f"{value:.4g}"


def _with_method(recipe: MergeRecipe, name: str) -> MergeRecipe:
    record = method(name)
    known = {setting.name for setting in record.settings}
    settings = tuple((key, value) for key, value in recipe.settings if key in known and name == recipe.method)
    mode = recipe.masks.mode if name == recipe.method else record.masks[0]
    return replace(recipe, method=name, settings=settings, masks=replace(recipe.masks, mode=mode))


def _with_masks(masks: MaskChoice, family: ModelFamily, kind: str, subject: str, value: Value) -> MaskChoice:
    if kind == "lambda":
        chosen = dict.fromkeys((subject,) if subject else family.tasks, float(value))
        return replace(masks, thresholds=tuple((dict(masks.thresholds) | chosen).items()))
    if kind == "masks of":
        return replace(masks, tasks=(str(value),))
    changed: dict[str, Any] = {OF_MASKS[kind]: int(value) if kind == "k" else str(value)}
    return replace(masks, **changed)


def _of_masks(family: ModelFamily, modes: tuple[str, ...]) -> tuple[Axis, ...]:
    return (
        Axis("mask", choices=modes),
        Axis("masks of", choices=family.tasks),
        *(Axis(f"lambda: {task}", THRESHOLD_LIMITS, is_log=True) for task in family.tasks),
        Axis("comparison", choices=("gt", "ge")),
        Axis("on mute", choices=("frozen", "rebuild")),
    )


def _of_setting(setting: Setting) -> Axis:
    limits = (setting.minimum, setting.maximum)
    return Axis(f"setting: {setting.name}", limits, setting.choices, is_whole=not setting.choices and setting.step == 1)


def _example(axis: Axis) -> str:
    return ", ".join(axis.choices[:2]) or f"{axis.limits[0]:g}:{axis.limits[1]:g}:5"


def _piece(axis: Axis, piece: str) -> list[Value]:
    if axis.choices:
        return _choices(axis, piece)
    low, high = axis.limits
    if piece == "*":
        piece = f"{low:g}..{high:g}/1" if axis.is_whole else f"{low:g}:{high:g}:5"
    numbers = _numbers(axis, piece)
    for number in numbers:
        if not low <= number <= high:
            raise UserError(
                f"{axis.name!r} lies between {low:g} and {high:g}; {piece!r} has {number:g}.", "Out of range"
            )
        if axis.is_whole and number != int(number):
            raise UserError(f"{axis.name!r} takes whole numbers; {piece!r} has {number:g}.", "Not a whole number")
    return list(numbers)


def _choices(axis: Axis, piece: str) -> list[Value]:
    if piece == "*":
        return list(axis.choices)
    if piece not in axis.choices:
        known = ", ".join(axis.choices)
        raise UserError(f"{axis.name!r} has no choice {piece!r}; known are {known}.", "Cannot read the values")
    return [piece]


def _numbers(axis: Axis, piece: str) -> list[float]:
    unread = UserError(
        f"{axis.name!r}: cannot read {piece!r}. Write numbers with commas, 0:1:5 for five points, 0..1/.25 for steps, "
        f"at most {MOST_VALUES} of them.",
        "Cannot read the values",
    )
    try:
        if ":" in piece:
            low, high, count = (float(part) for part in piece.split(":"))
            points = _ratios if axis.is_log and min(low, high) > 0 else _points
            return points(low, high, int(count)) if 2 <= count <= MOST_VALUES else _refuse(unread)
        if ".." in piece:
            ends, _, step = piece.partition("/")
            low, high = (float(part) for part in ends.split(".."))
            count = int(round((high - low) / float(step), 6)) + 1
            if not 1 <= count <= MOST_VALUES:
                return _refuse(unread)
            return [round(low + k * float(step), 6) for k in range(count)]
        return [float(piece)]
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise unread from error


def _refuse(error: UserError) -> list[float]:
    raise error


def _points(low: float, high: float, count: int) -> list[float]:
    return [round(low + (high - low) * k / (count - 1), 6) for k in range(count)]


def _ratios(low: float, high: float, count: int) -> list[float]:
    return [round(10**place, 6) for place in _points(math.log10(low), math.log10(high), count)]
