"""A family's own samples, loss and neurons, given to the methods that need more than checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.commands.loading import named
from pipelines.merging.method import OfflineMethod, Setting
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.registry import OFFLINE
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.arena import Arena
    from pipelines.merging.feed import Feed, FeedStep
    from pipelines.shared.family import ModelFamily

FED: tuple[OfflineMethod, ...] = tuple(one for one in OFFLINE if one.feeds)
HOOKS = {"loss": "surrogate", "samples": "samples", "alignment": "alignment"}  # part of a Feed -> field of a family
BASE = "base"


def fed_method(name: str) -> OfflineMethod:
    """The method of that name. Raises UserError that lists them."""
    for one in FED:
        if one.name == name:
            return one
    raise UserError(f"No method {name!r} is fed by samples; known are {', '.join(one.name for one in FED)}.")


def missing(family: ModelFamily, method: OfflineMethod) -> tuple[str, ...]:
    """What of the method's needs the family does not give."""
    return tuple(part for part in method.feeds if part in HOOKS and not getattr(family, HOOKS[part]))


def check_fed(family: ModelFamily, method: OfflineMethod) -> None:
    """Raises UserError: the family cannot feed the method; names those that can."""
    from pipelines.registry import FAMILIES

    if lacks := missing(family, method):
        able = [one.name for one in FAMILIES if one.experts and not missing(one, method)]
        raise UserError(f"{method.title} needs {method.needs}. {family.name} gives no {' and no '.join(lacks)}; "
                        f"{', '.join(able) or 'no family'} does.", "Nothing to feed it with")  # fmt: skip


def feed_of(family: ModelFamily, arena: Arena, tasks: Sequence[str] = ()) -> Feed:
    """All that the family gives, for the experts that take part (none named: all)."""
    from pipelines.merging.feed import Feed
    from pipelines.merging.learning import Mergeable

    chosen = tuple(tasks) or arena.tasks
    alignment: Any = named(family.alignment) if family.alignment else None
    ground = Mergeable.of(arena)
    ground = replace(ground, vectors={task: ground.vectors[task] for task in chosen})
    return Feed(
        ground,
        {task: network_of(arena, task) for task in chosen},
        [(one.name, one.match) for one in family.blocks],
        samples=named(family.samples)(family.build().eval()) if family.samples else None,
        loss=named(family.surrogate)(family.build().eval()) if family.surrogate else None,
        alignment=alignment,
    )


def network_of(arena: Arena, name: str) -> dict[str, Tensor]:
    """State dict of an expert, or of the base."""
    recipe = MergeRecipe() if name == BASE else MergeRecipe(coefficients=((name, 1.0),))
    return arena.views(arena.merge(recipe).flat)


def with_pair(feed: Feed, arena: Arena, anchor: str, other: str | Path, shuffle: int | None = None) -> Feed:
    """The feed with two networks for matching.

    Args:
        anchor, other: an expert or "base"; `other` may be a file of a network of the same kind and another start, of
            other widths where neurons are matched.
        shuffle: seed of a random order that the other's neurons are put in first: it answers as before, but shares no
            coordinate with the anchor any more.

    Raises:
        UserError: not readable, or the same network twice. MergeError: another kind of network.
    """
    if anchor == other and shuffle is None:
        raise UserError(f"Both networks are {anchor!r}: choose two, or shuffle the second.", "The same network")
    title = other.stem if isinstance(other, Path) else other
    weights: Mapping[str, Tensor] = _stranger(feed, other) if isinstance(other, Path) else network_of(arena, other)
    if shuffle is not None:
        weights, title = shuffled(feed, weights, shuffle), f"{title}, neurons shuffled"
    return replace(
        feed, pair={anchor: network_of(arena, anchor), title if title != anchor else f"other {title}": weights}
    )


def shuffled(feed: Feed, weights: Mapping[str, Tensor], seed: int) -> Mapping[str, Tensor]:
    """The same network with its neurons in another order."""
    from pipelines.merging.optimal_transport import laid_on

    alignment = feed.need("alignment")
    order = alignment.shuffles(weights, seed)
    found: Mapping[str, Tensor] = alignment.joined(laid_on(alignment.apart(weights), alignment.axes(weights), order))
    return found


def _stranger(feed: Feed, path: Path) -> dict[str, Tensor]:
    from pipelines.lab.own_checkpoints import check_size, read_files
    from pipelines.merging.errors import MergeError
    from pipelines.merging.layout import check_finite, check_same_names
    from pipelines.merging.optimal_transport import check_widths

    check_size(path.stat().st_size)
    weights, like = read_files(path.stem, (path,)), feed.ground.views(feed.ground.base)
    check_same_names(like, path.name, weights)
    for key, one in like.items():
        if (weights[key].ndim, weights[key].is_floating_point()) != (one.ndim, one.is_floating_point()):
            raise MergeError(f"{path.name} has {key} as {weights[key].ndim} axes of {weights[key].dtype}, the family "
                             f"has {one.ndim} of {one.dtype}: it is another kind of network")  # fmt: skip
    alignment = feed.need("alignment")
    own = alignment.apart(like)
    check_widths(alignment.streams(like), alignment.axes(like), own, path.name, alignment.apart(weights))
    check_finite(path.name, weights)
    return {key: weights[key].to(one.dtype) for key, one in like.items()}


def steps_of(
    method: OfflineMethod, feed: Feed, settings: Mapping[str, float | str] | None = None
) -> Iterator[FeedStep]:
    """The method at work with settings beside its defaults.

    Raises:
        UserError: an unknown setting, or a value out of its range.
    """
    steps: Iterator[FeedStep] = method.run(feed, **checked_settings(method, settings or {}))
    return steps


def checked_settings(method: OfflineMethod, settings: Mapping[str, float | str]) -> dict[str, float | str]:
    """All settings of a method, whole numbers where its steps are whole.

    Raises:
        UserError: an unknown setting, a number out of its range, or a word that is none of the choices.
    """
    records = {one.name: one for one in method.settings}
    if unknown := [name for name in settings if name not in records]:
        raise UserError(f"{method.title} has no setting {unknown[0]!r}; known are {', '.join(records)}.")
    return {name: _checked(method, records[name], value) for name, value in {**method.defaults(), **settings}.items()}


def _checked(method: OfflineMethod, record: Setting, value: float | str) -> float | str:
    if record.choices:
        if value not in record.choices:
            raise UserError(f"{record.name} of {method.title} is one of {', '.join(record.choices)}; came {value!r}.",
                            "Unknown choice")  # fmt: skip
        return value
    if not record.minimum <= float(value) <= record.maximum:
        raise UserError(f"{record.name} of {method.title} lies between {record.minimum:g} and {record.maximum:g}; "
                        f"came {float(value):g}.", "Out of range")  # fmt: skip
    return int(value) if record.step >= 1 else float(value)
