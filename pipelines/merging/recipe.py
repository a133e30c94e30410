"""What the desk asks for: a plain value, frozen, hashable and printable.

A recipe is the cache key, the undo entry, and what is written into figures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pipelines.merging.errors import MergeError
from pipelines.merging.method import MergeMethod
from pipelines.merging.values import check_known, check_number, number

MASK_MODES = ("off", "task", "union", "consensus")
DEFAULT_THRESHOLD = 0.4  # lambda of TALL-masks when no labelled data chose another
COEFFICIENT_RANGE = (-1.0, 1.5)
SCALE_RANGE = (0.0, 2.0)
FACTOR_RANGE = (-2.0, 2.0)
THRESHOLD_RANGE = (0.0, 100.0)
VOTES_RANGE = (0, 64)


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
class DensityRule:
    """The density of one expert for the keys that match a glob, in place of the method's setting.

    The first rule of the expert that matches a key wins.
    """

    match: str
    expert: str
    density: float


@dataclass(frozen=True)
class MergeRecipe:
    """Everything that decides a merged network, apart from the checkpoints themselves.

    Attributes:
        coefficients: (task, w_t), fader values, -1 to 1.5. A task that is not listed has 0.
        scale: alpha, the factor of the merged vector, 0 to 2.
        settings: (name, value) of the method's own settings; missing ones have the method's default.
        muted, soloed, negated: tasks whose fader keeps its value while its effect is changed.
        densities: where the method's density is not the same for all experts and keys.
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
    densities: tuple[DensityRule, ...] = ()

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
    check_number("scale", recipe.scale, SCALE_RANGE)
    for task, value in recipe.coefficients:
        check_number(f'weight of "{task}"', value, COEFFICIENT_RANGE)
    for rule in recipe.blocks:
        check_number(f'factor of block "{rule.match}"', rule.factor, FACTOR_RANGE)
    _check_masks(method, recipe.masks)
    _check_densities(method, recipe)
    if tasks is not None:
        for name in _experts_named(recipe):
            check_known("expert", name, tuple(tasks))


def _method(name: str) -> MergeMethod:
    from pipelines.merging.registry import method  # the methods import this module

    return method(name)


def _experts_named(recipe: MergeRecipe) -> list[str]:
    named = [task for task, _ in (*recipe.coefficients, *recipe.masks.thresholds)]
    named += [*recipe.muted, *recipe.soloed, *recipe.negated, *recipe.masks.tasks]
    named += [rule.expert for rule in recipe.densities]
    return named + [rule.expert for rule in recipe.blocks if rule.expert is not None]


def _check_densities(method: MergeMethod, recipe: MergeRecipe) -> None:
    settings = recipe.full_settings()
    if recipe.densities and not (method.has_densities and settings.get("scope", "tensor") == "tensor"):
        raise MergeError(
            f"{method.title} has no densities by expert and tensor here: leave out `densities`, or take TIES with "
            "scope: tensor, DARE, DELLA or Breadcrumbs"
        )
    for rule in recipe.densities:
        setting = next(one for one in method.settings if one.name == "density")
        check_number(f'density of "{rule.expert}" in "{rule.match}"', rule.density, (setting.minimum, setting.maximum))


def _check_settings(method: MergeMethod, settings: Iterable[tuple[str, float | str]]) -> None:
    known = {setting.name: setting for setting in method.settings}
    for name, value in settings:
        check_known(f"setting of {method.name}", name, tuple(known))
        setting = known[name]
        if setting.choices:
            check_known(f"choice for {name}", str(value), setting.choices)
        else:
            check_number(name, number(name, value), (setting.minimum, setting.maximum))


def _check_masks(method: MergeMethod, masks: MaskChoice) -> None:
    check_known(f"mask mode of {method.name}", masks.mode, method.masks)
    check_known("comparison of masks", masks.compare, ("gt", "ge"))
    check_known("behaviour on mute", masks.on_mute, ("frozen", "rebuild"))
    check_number("votes k", masks.votes, VOTES_RANGE)
    for task, value in masks.thresholds:
        check_number(f'lambda of "{task}"', value, THRESHOLD_RANGE)
