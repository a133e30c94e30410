"""`learn FAMILY --out RECIPE.yaml`: coefficients learned without labels, by the family's own loss, as a recipe.

Methods whose result no recipe can say (a mask, or a weight for each weight) store a network: `learn_network`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.merging.arena import Arena
    from pipelines.merging.learning import Learning, Loss, Places
    from pipelines.merging.recipe import MergeRecipe
    from pipelines.shared.family import ModelFamily

METHODS = ("adamerging", "atlas")
NETWORKS = ("concrete", "fisher", "regmean", "optimal_transport")
GRAINS = ("task", "module", "tensor")


def add(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("learn", help="learn a mix, or make a network, from samples without labels")
    parser.add_argument("family", metavar="FAMILY")
    parser.add_argument("--method", choices=(*METHODS, *NETWORKS), default="adamerging", help="default %(default)s")
    parser.add_argument(
        "--grain", choices=GRAINS, default="module", help="a coefficient for each of these (default %(default)s)"
    )
    parser.add_argument("--steps", type=int, default=100, metavar="N", help="default %(default)s")
    parser.add_argument("--rate", type=float, default=1e-2, metavar="R", help="default %(default)s")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="RECIPE.yaml, what the page and merge "
                        "read; of concrete, fisher, regmean and optimal_transport NETWORK.safetensors")  # fmt: skip
    network = parser.add_argument_group("concrete, fisher, regmean, optimal_transport")
    network.add_argument("--experts", metavar="A,B", help="those that take part (default: all)")
    network.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the method")
    network.add_argument("--anchor", default="base", metavar="NAME", help="of optimal_transport: what the other "
                         "network is laid on, an expert or base (default %(default)s)")  # fmt: skip
    network.add_argument("--other", metavar="NAME|FILE", help="the other network: an expert, or a .safetensors file "
                         "of another start, of other widths too")  # fmt: skip
    network.add_argument("--shuffle", type=int, metavar="SEED", help="put the other's neurons in a random order first")
    network.add_argument("--score", choices=("test", "validation", "none"), default="test", help="default %(default)s")
    network.add_argument("--json", type=Path, metavar="FILE", help="also write settings, scores and seconds as JSON")
    parser.set_defaults(command=run)


def run(flags: argparse.Namespace) -> None:
    """Learn, tell the loss at the start and at the end, and write the recipe."""
    if flags.method in NETWORKS:
        from pipelines.commands.learn_network import make

        return make(flags)
    from pipelines.commands.loading import ASSETS, named, open_cache
    from pipelines.registry import family as family_named
    from pipelines.shared.recipe_file import RecipeDocument, dump_yaml
    from pipelines.shared.weights import weights_hashes, whole_file

    family = family_named(flags.family)
    if not family.surrogate or not family.experts:
        raise UserError(f"{family.name} has no loss without labels to learn by.")
    if flags.steps < 1 or not 0 < flags.rate <= 1:
        raise UserError(f"--steps {flags.steps}, --rate {flags.rate}: 1 or more, and above 0 up to 1.")
    arena = open_cache().arena(family)
    loss = named(family.surrogate)(family.build().eval())
    first, last, recipe = learned(flags, family, arena, loss)
    document = RecipeDocument(family.pipeline, family.name, recipe, weights=weights_hashes(ASSETS, family.name))
    with whole_file(flags.out) as draft:
        draft.write_text(dump_yaml(document), encoding="utf-8")
    print(f"{flags.out}: loss {first.loss:.4f} at the start, {last.loss:.4f} after {last.step} steps")


def learned(
    flags: argparse.Namespace, family: ModelFamily, arena: Arena, loss: Loss
) -> tuple[Learning, Learning, MergeRecipe]:
    """First and last step, and the last one's mix; coefficients beyond a fader's range stop at its end."""
    from pipelines.merging.learning import Mergeable, Places, learned_recipe
    from pipelines.merging.recipe import COEFFICIENT_RANGE, FACTOR_RANGE

    ground = Mergeable.of(arena)
    places = Places.of(ground.layout, flags.grain, [(block.name, block.match) for block in family.blocks])
    first = last = None
    for last in _steps(flags, ground, places, loss):
        first = first or last
    assert first is not None and last is not None
    low, high = COEFFICIENT_RANGE if places.matches == ("*",) else FACTOR_RANGE
    return first, last, learned_recipe(arena.tasks, places, last.coefficients.clamp(low, high))


def _steps(flags: argparse.Namespace, ground: Any, places: Places, loss: Loss) -> Any:
    from tqdm import tqdm

    from pipelines.merging.adamerging import adamerging
    from pipelines.merging.atlas import AtlasOptions, atlas

    if flags.method == "atlas":
        steps = atlas(ground, places, loss, AtlasOptions(steps=flags.steps, rate=flags.rate))
    else:
        steps = adamerging(ground, places, loss, steps=flags.steps, rate=flags.rate)
    return tqdm(steps, total=flags.steps + 1, leave=False, disable=None)
