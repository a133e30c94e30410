"""`learn FAMILY --method concrete|fisher|regmean|optimal_transport --out NETWORK.safetensors`, with its scores."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.merging.arena import Arena
    from pipelines.merging.feed import Feed, Made
    from pipelines.merging.method import OfflineMethod
    from pipelines.shared.family import ModelFamily


def make(flags: argparse.Namespace) -> None:
    """Feed the method, store its network, and score it beside what it should be compared with."""
    from pipelines.commands.loading import open_cache
    from pipelines.commands.merge import save_weights
    from pipelines.commands.reports import write_json
    from pipelines.lab.feeding import check_fed, checked_settings, fed_method
    from pipelines.registry import family as family_named

    if flags.out.suffix != ".safetensors":
        raise UserError(f"--out {flags.out}: what {flags.method} makes is no recipe; it is stored as .safetensors.")
    began, method, family = time.perf_counter(), fed_method(flags.method), family_named(flags.family)
    check_fed(family, method)
    settings = checked_settings(method, wanted(flags, method))
    tasks = experts_of(flags, family)
    arena = open_cache().arena(family)
    made = _made(flags, method, fed(flags, family, arena, tasks), settings)
    asked = {"method": method.name, "settings": settings, "experts": list(tasks)} | _pair(flags, method)
    first = next(iter(made.networks.values()))
    size = save_weights(
        first, {"format": "pt", "mixdeck:family": family.name, "mixdeck:made": json.dumps(asked)}, flags.out
    )
    print(f"{flags.out}: {size / 1e6:.1f} MB, {method.title}")
    scores = {} if flags.score == "none" or not family.scorer else scored(family, arena, tasks, made, flags.score)
    if scores:
        _print(scores, tasks, flags.score)
    if flags.json is not None:
        write_json({"family": family.name, **asked, "device": "cpu", "split": flags.score, "scores": scores,
                    "seconds": round(time.perf_counter() - began, 3)}, flags.json)  # fmt: skip


def wanted(flags: argparse.Namespace, method: OfflineMethod) -> dict[str, float | str]:
    """Settings that the command names. Raises UserError that quotes one that cannot be read."""
    known = {one.name: one for one in method.settings}
    found: dict[str, float | str] = {one: float(getattr(flags, one)) for one in ("steps", "rate") if one in known}
    for text in flags.set:
        name, _, value = (part.strip() for part in text.partition("="))
        try:
            found[name] = value if name in known and known[name].choices else float(value)
        except ValueError as error:
            raise UserError(
                f"--set {text}: write NAME=NUMBER; {method.title} has {', '.join(sorted(known))}."
            ) from error
    return found


def experts_of(flags: argparse.Namespace, family: ModelFamily) -> tuple[str, ...]:
    """The experts that take part, in family order."""
    from pipelines.commands.recipes import check_expert

    if flags.experts is None:
        return family.tasks
    names = [name.strip() for name in flags.experts.split(",")]
    for name in names:
        check_expert(family, name)
    return tuple(task for task in family.tasks if task in names)


def fed(flags: argparse.Namespace, family: ModelFamily, arena: Arena, tasks: tuple[str, ...]) -> Feed:
    """What the family gives, with two networks where the method matches neurons."""
    from pipelines.commands.recipes import check_expert
    from pipelines.lab.feeding import BASE, feed_of, with_pair

    feed = feed_of(family, arena, tasks)
    if flags.method != "optimal_transport":
        return feed
    if flags.other is None:
        raise UserError("--other names the network that is laid on the anchor: an expert, or a .safetensors file.")
    for name in (flags.anchor, flags.other):
        if name != BASE and not name.endswith(".safetensors"):
            check_expert(family, name)
    if flags.anchor.endswith(".safetensors"):
        raise UserError(
            f"--anchor {flags.anchor}: the anchor is an expert of the family or base; give files as --other."
        )
    other = Path(flags.other) if flags.other.endswith(".safetensors") else flags.other
    return with_pair(feed, arena, flags.anchor, other, flags.shuffle)


def _pair(flags: argparse.Namespace, method: OfflineMethod) -> dict[str, Any]:
    if "pair" not in method.feeds:
        return {}
    return {"anchor": flags.anchor, "other": Path(flags.other).name, "shuffle": flags.shuffle}


def _made(flags: argparse.Namespace, method: OfflineMethod, feed: Feed, settings: Mapping[str, float | str]) -> Made:
    from tqdm import tqdm

    last = None
    with tqdm(leave=False, disable=None) as bar:
        for last in method.run(feed, **settings):
            bar.total = last.total
            bar.set_description(last.note if last.loss is None else f"loss {last.loss:.4f}, {last.note}", refresh=False)
            bar.update(last.done - bar.n)
    if last is None or last.made is None:
        raise UserError(f"{method.title} made nothing: it had no steps.")
    if last.loss is not None:
        print(f"loss {last.loss:.4f} at the last of {last.total} steps")
    made: Made = last.made()
    return made


def scored(
    family: ModelFamily, arena: Arena, tasks: tuple[str, ...], made: Made, split: str
) -> dict[str, dict[str, float]]:
    """Network -> task -> score, 0 to 1; first each task's own expert, and the base."""
    from pipelines.commands.loading import named, working
    from pipelines.lab.trial import Trial

    trial = Trial(arena, family.build().eval(), named(family.scorer), tasks)
    with working("scoring"):
        rows = {"own expert": trial.experts(split), "base": trial.scores(trial.arena.base, split)}
        return rows | {title: trial.scores(weights, split) for title, weights in made.networks.items()}


def _print(scores: Mapping[str, Mapping[str, float]], tasks: tuple[str, ...], split: str) -> None:
    from pipelines.commands.reports import table

    rows = [
        [name, *(f"{one[task]:.3f}" for task in tasks), f"{fmean(one.values()):.3f}"] for name, one in scores.items()
    ]
    print(f"\nscores, {split} split\n{table([['network', *tasks, 'mean'], *rows])}")
