"""What the desk asks for (MergeRecipe) and what a merge method says about itself (MergeMethod): plain values.

A recipe is frozen, hashable and printable: it is the cache key, the undo entry, and what is written into figures.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

MASK_MODES = ("off", "task", "union", "consensus")
DEFAULT_THRESHOLD = 0.4  # lambda of TALL-masks when no labelled data chose another
COEFFICIENT_RANGE = (-1.0, 1.5)
SCALE_RANGE = (0.0, 2.0)
FACTOR_RANGE = (-2.0, 2.0)
THRESHOLD_RANGE = (0.0, 100.0)
VOTES_RANGE = (0, 64)


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

    `combine(mixture, **settings)` takes what concerns the whole network (thresholds, norms) and gives back a function
    `write(tile, live)` that fills one stretch of the live buffer with base + factor * merged vector.
    `masks` lists the mask modes (of MASK_MODES) that have a meaning for this method, its usual one first.
    `is_affine`: the result is base + a sum of coefficient * vector, so that one fader can move over a cached rest.
    `is_symmetric`: it does not matter which expert stands first.
    `is_scale_free`: twice the vectors is twice the change; no setting is in units of weights.
    `cost` says in words what a merge reads.
    `piecewise_when` lists the values of settings (all of them) with which no tensor depends on another, so that a merge
    may take a few tensors at a time; None: it never may.
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
    is_affine: bool = False
    is_symmetric: bool = True
    is_scale_free: bool = True
    cost: str = ""
    piecewise_when: tuple[tuple[str, tuple[str, ...]], ...] | None = None

    def is_piecewise(self, settings: Mapping[str, float | str]) -> bool:
        """Whether tensors can be merged one by one with these settings, defaults filled in."""
        return self.piecewise_when is not None and all(settings[name] in values for name, values in self.piecewise_when)

    def defaults(self) -> dict[str, float | str]:
        """Setting name -> default."""
        return {setting.name: setting.default for setting in self.settings}


@dataclass(frozen=True)
class OfflineMethod:
    """A published way that the checkpoints of a family alone do not feed: the desk names it and says what it lacks.

    `needs` says what it wants besides. `entry` is "module:function" of this package, loaded by `run` when it is called:
    of learned methods a generator over steps. `settings` are keywords of it, or fields of its options.
    `feeds` names the parts of a Feed that it needs; then `entry` is (feed, **settings) -> steps, for any family that
    has them. Empty: nothing feeds it but a program.
    """

    name: str
    title: str
    group: str  # "learned", "statistics", "adapters", "alignment" or "outputs"
    paper: str
    formula: str
    settings: tuple[Setting, ...]
    needs: str
    cost: str
    entry: str
    feeds: tuple[str, ...] = ()

    def defaults(self) -> dict[str, float | str]:
        """Setting name -> default."""
        return {setting.name: setting.default for setting in self.settings}

    @property
    def run(self) -> Callable[..., Any]:
        """The function itself."""
        from importlib import import_module

        module, function = self.entry.split(":")
        entry: Callable[..., Any] = getattr(import_module(f"pipelines.merging.{module}"), function)
        return entry


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

    def full_settings(self) -> dict[str, float | str]:
        """Settings of the method, defaults filled in."""
        return _method(self.method).defaults() | dict(self.settings)


def check_recipe(recipe: MergeRecipe, tasks: Iterable[str] | None = None) -> None:
    """Refuse a recipe with an unknown name or a number out of range.

    Args:
        tasks: the experts there are; None leaves their names unchecked.

    Raises:
        MergeError: says which entry, what came, and what is known.
    """
    method = _method(recipe.method)
    _check_settings(method, recipe.settings)
    _check_number("scale", recipe.scale, SCALE_RANGE)
    for task, value in recipe.coefficients:
        _check_number(f'weight of "{task}"', value, COEFFICIENT_RANGE)
    for rule in recipe.blocks:
        _check_number(f'factor of block "{rule.match}"', rule.factor, FACTOR_RANGE)
    _check_masks(method, recipe.masks)
    if tasks is not None:
        for name in _experts_named(recipe):
            _check_known("expert", name, tuple(tasks))


def recipe_to_dict(recipe: MergeRecipe) -> dict[str, Any]:
    """The recipe as plain lists, mappings, numbers and texts, for YAML and JSON; defaults filled in."""
    masks = recipe.masks
    return {
        "vector": {"method": recipe.method, **recipe.full_settings()},
        "weights": dict(recipe.coefficients),
        "scale": recipe.scale,
        "masks": {
            "mode": masks.mode,
            "tasks": list(masks.tasks),
            "lambda": dict(masks.thresholds),
            "k": masks.votes,
            "compare": masks.compare,
            "on_mute": masks.on_mute,
        },
        "blocks": [{"match": rule.match, "factor": rule.factor, "expert": rule.expert} for rule in recipe.blocks],
        "muted": list(recipe.muted),
        "soloed": list(recipe.soloed),
        "negated": list(recipe.negated),
    }


def recipe_from_dict(document: Mapping[str, Any], tasks: Sequence[str] | None = None) -> MergeRecipe:
    """The inverse of recipe_to_dict; what is missing has its default.

    Args:
        document: form of recipe_to_dict, read from a file or a request.
        tasks: the experts there are; None leaves their names unchecked.

    Raises:
        MergeError: an unknown key, method, setting or expert (the message lists the known ones), a value of the wrong
            type or out of range.
    """
    known = ("vector", "weights", "scale", "masks", "blocks", "muted", "soloed", "negated")
    document = _mapping("merge", document, known)
    vector = dict(_mapping("vector", document.get("vector", {})))
    name = _text("vector.method", vector.pop("method", MergeRecipe.method))
    method = _method(name)
    recipe = MergeRecipe(
        method=name,
        coefficients=_numbers("weights", document.get("weights", {})),
        scale=_number("scale", document.get("scale", method.default_scale)),
        settings=tuple((key, _setting_value(key, value)) for key, value in vector.items()),
        masks=_masks_from(document.get("masks", {}), method),
        blocks=tuple(_rule_from(entry) for entry in _list("blocks", document.get("blocks", []))),
        **{key: _texts(key, document.get(key, [])) for key in ("muted", "soloed", "negated")},
    )
    check_recipe(recipe, tasks)
    return recipe


def recipe_hash(recipe: MergeRecipe) -> str:
    """SHA-256 of the canonical form, 64 hex digits: recipes that mean the same merge have the same one.

    Canonical: keys sorted, defaults filled in, coefficients of 0 and thresholds at their default left out, numbers as
    floats, sets of experts sorted. The order of block rules stays: the first that matches wins.
    """
    form = recipe_to_dict(recipe)
    form["weights"] = {task: value for task, value in form["weights"].items() if value != 0}
    masks = form["masks"]
    masks["lambda"] = {task: value for task, value in masks["lambda"].items() if value != DEFAULT_THRESHOLD}
    masks["tasks"] = sorted(set(masks["tasks"]))
    for key in ("muted", "soloed", "negated"):
        form[key] = sorted(set(form[key]))
    text = json.dumps(_as_floats(form), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _as_floats(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_floats(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_as_floats(entry) for entry in value]
    return float(value) + 0.0 if isinstance(value, int | float) else value  # + 0.0 turns -0.0 into 0.0


def _method(name: str) -> MergeMethod:
    from pipelines.merging.registry import method  # the methods import this module

    return method(name)


def _experts_named(recipe: MergeRecipe) -> list[str]:
    named = [task for task, _ in (*recipe.coefficients, *recipe.masks.thresholds)]
    named += [*recipe.muted, *recipe.soloed, *recipe.negated, *recipe.masks.tasks]
    return named + [rule.expert for rule in recipe.blocks if rule.expert is not None]


def _check_known(kind: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise MergeError(f'unknown {kind} "{name}"; known are {", ".join(known) or "none"}')


def _check_number(name: str, value: float, limits: tuple[float, float]) -> None:
    low, high = limits
    if not low <= value <= high:  # also refuses nan
        raise MergeError(f"{name} is {value}, it must lie between {low:g} and {high:g}")


def _check_settings(method: MergeMethod, settings: Iterable[tuple[str, float | str]]) -> None:
    known = {setting.name: setting for setting in method.settings}
    for name, value in settings:
        _check_known(f"setting of {method.name}", name, tuple(known))
        setting = known[name]
        if setting.choices:
            _check_known(f"choice for {name}", str(value), setting.choices)
        else:
            _check_number(name, _number(name, value), (setting.minimum, setting.maximum))


def _check_masks(method: MergeMethod, masks: MaskChoice) -> None:
    _check_known(f"mask mode of {method.name}", masks.mode, method.masks)
    _check_known("comparison of masks", masks.compare, ("gt", "ge"))
    _check_known("behaviour on mute", masks.on_mute, ("frozen", "rebuild"))
    _check_number("votes k", masks.votes, VOTES_RANGE)
    for task, value in masks.thresholds:
        _check_number(f'lambda of "{task}"', value, THRESHOLD_RANGE)


def _masks_from(entry: Any, method: MergeMethod) -> MaskChoice:
    entry = _mapping("masks", entry, ("mode", "tasks", "lambda", "k", "compare", "on_mute"))
    votes = _number("masks.k", entry.get("k", MaskChoice.votes))
    if votes != int(votes):
        raise MergeError(f"masks.k is {votes}, it must be a whole number of votes")
    return MaskChoice(
        mode=_text("masks.mode", entry.get("mode", method.masks[0])),
        tasks=_texts("masks.tasks", entry.get("tasks", [])),
        thresholds=_numbers("masks.lambda", entry.get("lambda", {})),
        votes=int(votes),
        compare=_text("masks.compare", entry.get("compare", MaskChoice.compare)),
        on_mute=_text("masks.on_mute", entry.get("on_mute", MaskChoice.on_mute)),
    )


def _rule_from(entry: Any) -> BlockRule:
    entry = _mapping("a block rule", entry, ("match", "factor", "expert"))
    for key in ("match", "factor"):
        if key not in entry:
            raise MergeError(f'a block rule lacks "{key}": write match, factor and, for one expert only, expert')
    expert = entry.get("expert")
    return BlockRule(
        match=_text("blocks.match", entry["match"]),
        factor=_number("blocks.factor", entry["factor"]),
        expert=None if expert is None else _text("blocks.expert", expert),
    )


def _mapping(name: str, value: Any, known: Sequence[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise MergeError(f"{name} must be a mapping of names to values, got {type(value).__name__}")
    for key in value if known is not None else ():
        _check_known(f"entry of {name}", str(key), known or ())
    return value


def _list(name: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise MergeError(f"{name} must be a list, got {type(value).__name__}")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise MergeError(f"{name} must be a text, got {value!r}")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    return tuple(_text(name, entry) for entry in _list(name, value))


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise MergeError(f"{name} must be a finite number, got {value!r}")
    return float(value)


def _numbers(name: str, value: Any) -> tuple[tuple[str, float], ...]:
    entries = _mapping(name, value).items()
    return tuple((_text(name, key), _number(f"{name}.{key}", entry)) for key, entry in entries)


def _setting_value(name: str, value: Any) -> float | str:
    return value if isinstance(value, str) else _number(f"vector.{name}", value)
