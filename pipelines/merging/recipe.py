"""What the desk asks for (MergeRecipe) and what a merge method says about itself (MergeMethod): plain values.

A recipe is frozen, hashable and printable: it is the cache key, the undo entry, and what is written into figures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

MASK_MODES = ("off", "task", "union", "consensus")


class MergeError(ValueError):
    """A merge that cannot be done as asked: says which tensor, expert or setting, what came and what was expected."""


@dataclass(frozen=True)
class Setting:
    """One number or choice of a merge method; the desk draws its control from this."""

    name: str
    title: str
    default: float | str
    meaning: str
    minimum: float = 0.0
    maximum: float = 1.0
    step: float = 0.01
    choices: tuple[str, ...] = ()  # not empty: a choice instead of a number
    is_log: bool = False


@dataclass(frozen=True)
class MergeMethod:
    """One published way to turn task vectors into one merged vector.

    `combine(vectors, coefficients, **settings)` gets the effective coefficients (mute, solo and sign applied).
    `masks` lists the mask modes (of MASK_MODES) that have a meaning for this method; ("off",) means none.
    """

    name: str
    title: str
    group: str  # "averages", "elect" or "masks"
    paper: str
    formula: str  # one line, shown under the menu
    settings: tuple[Setting, ...]
    combine: Callable[..., Any]
    masks: tuple[str, ...] = ("off",)
    default_scale: float = 1.0
    min_experts: int = 1
    max_experts: int | None = None

    def defaults(self) -> dict[str, float | str]:
        """Setting name -> default."""
        return {setting.name: setting.default for setting in self.settings}


@dataclass(frozen=True)
class MaskChoice:
    """Where the merged vector may act. `thresholds` are the lambdas of TALL-masks, `votes` the k of Consensus."""

    mode: str = "off"
    tasks: tuple[str, ...] = ()  # whose masks are used; empty means all
    thresholds: tuple[tuple[str, float], ...] = ()  # (task, lambda); a missing task has 0.4
    votes: int = 2
    compare: str = "gt"  # "gt" as in the released code, "ge" as printed
    on_mute: str = "frozen"  # "frozen": a muted expert stays in the vector, its mask goes; "rebuild": it leaves both


@dataclass(frozen=True)
class BlockRule:
    """A factor for the keys that match a glob; the first rule that matches a key wins.

    `expert` None: the factor multiplies the merged vector (the block equaliser). Else it multiplies that expert's
    coefficient inside the block, before the method acts.
    """

    match: str
    factor: float
    expert: str | None = None


@dataclass(frozen=True)
class MergeRecipe:
    """Everything that decides a merged network, apart from the checkpoints themselves.

    Attributes:
        coefficients: (task, w_t), fader values, -1 to 1.5. A task that is not listed has 0.
        scale: alpha, the factor of the merged vector, 0 to 2.
        settings: (name, value) of the method's own settings; missing ones have the method's default.
        muted, soloed, negated: tasks whose fader keeps its value while its effect is changed.
    """

    method: str = "task_arithmetic"
    coefficients: tuple[tuple[str, float], ...] = ()
    scale: float = 1.0
    settings: tuple[tuple[str, float | str], ...] = ()
    masks: MaskChoice = field(default_factory=MaskChoice)
    blocks: tuple[BlockRule, ...] = ()
    muted: tuple[str, ...] = ()
    soloed: tuple[str, ...] = ()
    negated: tuple[str, ...] = ()

    def coefficient(self, task: str) -> float:
        """Effective coefficient of a task: 0 when muted or when another is soloed, the sign turned when negated."""
        if task in self.muted or (self.soloed and task not in self.soloed):
            return 0.0
        value = dict(self.coefficients).get(task, 0.0)
        return -value if task in self.negated else value

    def with_coefficient(self, task: str, value: float) -> MergeRecipe:
        """The same recipe with one fader at another value."""
        return replace(self, coefficients=tuple((dict(self.coefficients) | {task: float(value)}).items()))
