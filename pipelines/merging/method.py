"""What a merge method says about itself, as plain values: the desk draws its controls from this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


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
    `is_expert_alone`: one expert at 1 with everything kept, scale 1 and no mask gives that expert, so that it may be
    given to the bit. Not of methods that change even a single vector: there 1 would jump away from 0.99.
    `has_densities`: its density may differ between experts and tensors; it asks `Mixture.density`.
    `is_symmetric`: it does not matter which expert stands first.
    `is_scale_free`: twice the vectors is twice the change; no setting is in units of weights.
    `min_experts`, `max_experts`: how many may be raised where any is.
    `cost` says in words what a merge reads.
    `piecewise_when` lists the values of settings (all of them) with which no tensor depends on another, but for the
    sign of votes that cancel, so that a merge may take a few tensors at a time; None: it never may.
    """

    name: str
    title: str
    group: str  # "averages", "elect", "spectra", "codes" or "masks"
    paper: str
    formula: str  # one line, shown under the menu
    settings: tuple[Setting, ...]
    combine: Callable[..., Any]
    masks: tuple[str, ...] = ("off",)
    default_scale: float = 1.0
    min_experts: int = 1
    max_experts: int | None = None
    is_affine: bool = False
    is_expert_alone: bool = True
    has_densities: bool = False
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
