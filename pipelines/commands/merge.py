"""`merge RECIPE.yaml --out FILE.safetensors`: the mixed network as a checkpoint that names its recipe."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.shared.recipe_file import RecipeDocument


def add(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("merge", help="store a mix as a checkpoint")
    parser.add_argument("recipe", type=Path, metavar="RECIPE.yaml", help="recipe of the page, or one that names files")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE.safetensors",
        help="float32, recipe inside; FILE.yaml turns a recipe of mergekit into ours, ours into theirs",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write recipe, hash and seconds as JSON")
    files = parser.add_argument_group("recipes that name files")
    files.add_argument(
        "--memory", type=float, default=1.0, metavar="GB", help="what the merge may take beside the program: 1 (10^9 B)"
    )
    files.add_argument("--download", action="store_true", help="fetch Hub checkpoints that are not in the local cache")
    files.add_argument(
        "--freeze",
        type=Path,
        metavar="FILE.safetensors",
        help="with --out FILE.yaml: merge into this file, and write how mergekit takes it as it is",
    )
    files.add_argument("--strangers", action="store_true", help="merge experts that do not look tuned from the base")
    parser.set_defaults(command=run)


def run(flags: argparse.Namespace) -> None:
    """Merge on the processor, store the result, and write a report if asked for."""
    from pipelines.commands.loading import ASSETS
    from pipelines.commands.recipes import read_document
    from pipelines.commands.reports import about_mix, write_json
    from pipelines.registry import family as family_named
    from pipelines.shared.weights import weights_hashes

    _check_freeze(flags)
    if flags.recipe.suffix.lower() != ".png" and _is_about_files(flags):
        return
    _prepare(flags.out)
    document = read_document(flags.recipe)
    family = family_named(document.family)
    document = replace(document, weights=weights_hashes(ASSETS, family.name))
    began = time.perf_counter()
    size_bytes = save_weights(merged_weights(document), metadata(document), flags.out)
    report = about_mix(family, document.recipe, "cpu", time.perf_counter() - began)
    print(f"{flags.out}: {size_bytes / 1e6:.1f} MB, recipe {report['recipe_hash'][:12]}")
    if flags.json is not None:
        made = {"weights": document.weights, "output": flags.out.name, "size_bytes": size_bytes}
        write_json(report | made, flags.json)


def _is_about_files(flags: argparse.Namespace) -> bool:
    """Do what a recipe that names files, ours or mergekit's, asks for; whether it is one."""
    from pipelines.commands.mergekit import convert, imported_text, is_recipe, lines
    from pipelines.commands.recipes import read_text
    from pipelines.merging.mergekit_recipes import is_mergekit
    from pipelines.shared.checkpoint_files import names_files
    from pipelines.shared.recipe_file import parse_text

    text, folder = read_text(flags.recipe), flags.recipe.parent
    is_theirs = is_mergekit(parse_text(text))
    if not is_theirs and not names_files(text):
        return False
    if flags.freeze is not None:
        _freeze(text, flags, is_theirs)
        return True
    if is_recipe(flags.out):
        print("\n".join(lines(convert(text, folder, flags.out, is_theirs, flags.download))))
        return True
    _prepare(flags.out)
    if is_theirs:
        text, report = imported_text(text, folder, flags.download)
        print("\n".join(lines(report)))
    _merge_files(text, flags, flags.out)
    return True


def _check_freeze(flags: argparse.Namespace) -> None:
    from pipelines.commands.mergekit import is_recipe

    if flags.freeze is not None and not is_recipe(flags.out):
        raise UserError(f"--freeze {flags.freeze} goes with --out FILE.yaml for mergekit; --out is {flags.out}.")


def _freeze(text: str, flags: argparse.Namespace, is_theirs: bool) -> None:
    """Merge what mergekit cannot, and write the configuration that passes the result through."""
    from pipelines.commands.mergekit import pass_through

    if is_theirs:
        raise UserError(
            f"--freeze is for recipes of ours; {flags.recipe} is one of mergekit's, which merges it itself."
        )
    _prepare(flags.freeze, "--freeze")
    _merge_files(text, flags, flags.freeze)
    pass_through(flags.freeze, flags.out)


def _merge_files(text: str, flags: argparse.Namespace, out: Path) -> None:
    """Merge the checkpoints that the recipe names, piece by piece, with a bar in bytes."""
    from tqdm import tqdm

    from pipelines.commands.reports import write_json
    from pipelines.merging.recipe_form import recipe_to_dict
    from pipelines.shared.checkpoint_files import merge_files, parse_plan
    from pipelines.shared.weights import LoadProgress

    if not 0 < flags.memory < 1e6:
        raise UserError(f"--memory is {flags.memory}; it should be a number of gigabytes, such as 1 or 0.5.")
    began = time.perf_counter()
    plan = parse_plan(text, flags.recipe.parent, flags.download)
    with tqdm(unit="B", unit_scale=True, leave=False, disable=None) as bar:

        def show(progress: LoadProgress) -> None:
            bar.set_description(progress.name, refresh=False)
            bar.total, bar.n = progress.total_bytes, progress.done_bytes
            bar.update(0)

        done = merge_files(plan, out, show, memory_bytes=int(flags.memory * 1e9), allows_strangers=flags.strangers)
    for notice in done.notices:
        print(f"warning: {notice}", file=sys.stderr)
    digest, size_bytes = done.about["mixdeck:recipe_hash"], out.stat().st_size
    bound = f"within {done.bound_bytes / 1e6:.0f} MB of memory"
    print(f"{out}: {size_bytes / 1e6:.1f} MB, recipe {digest[:12]}, {bound}")
    if flags.json is not None:
        about = {"family": plan.name, "recipe": recipe_to_dict(plan.recipe), "recipe_hash": digest, "device": "cpu"}
        cost = {"seconds": round(time.perf_counter() - began, 3), "output": out.name, "size_bytes": size_bytes,
                "bound_bytes": done.bound_bytes}  # fmt: skip
        write_json(about | cost, flags.json)


def merged_weights(document: RecipeDocument) -> dict[str, Tensor]:
    """Every key of the family's state dict, floats in float32.

    Raises:
        UserError: weights missing or damaged. MergeError: the recipe does not fit the family, or the mix is not finite.
    """
    from pipelines.commands.loading import open_cache, working
    from pipelines.merging.merge import check_range
    from pipelines.registry import family as family_named

    with working(f"merging {document.family}"):
        arena = open_cache().arena(family_named(document.family))
        weights = arena.views(arena.merge(document.recipe).flat)
        check_range(weights)
        return weights


def metadata(document: RecipeDocument) -> dict[str, str]:
    """What the file says about itself: the recipe as text, the merge's hash, family and format."""
    from pipelines.merging.recipe_form import recipe_hash
    from pipelines.shared.recipe_file import dump_yaml

    return {
        "format": "pt",
        "mixdeck:family": document.family,
        "mixdeck:recipe": dump_yaml(document),
        "mixdeck:recipe_hash": recipe_hash(document.recipe),
    }


def save_weights(weights: Mapping[str, Tensor], about: Mapping[str, str], path: Path) -> int:
    """Write a checkpoint whole or not at all; gives its size in bytes.

    Tensors are copied first: safetensors refuses tensors that share memory, and these are views of one buffer.
    """
    from safetensors.torch import save_file

    from pipelines.shared.weights import whole_file

    apart = {key: value.detach().clone().contiguous() for key, value in weights.items()}
    with whole_file(path) as draft:
        save_file(apart, draft, dict(about))
    return path.stat().st_size


def _clean_up(folder: Path) -> None:
    """Says which half-written files a killed merge left here, and removes them."""
    from pipelines.shared.weights import remove_leftovers

    for name in remove_leftovers(folder):
        print(f"info: removed a half-written {name}: the merge that wrote it was killed.", file=sys.stderr)


def _prepare(out: Path, flag: str = "--out") -> None:
    _check_target(out, flag)
    _clean_up(out.parent)


def _check_target(path: Path, flag: str) -> None:
    if path.suffix != ".safetensors":
        raise UserError(f"{flag} {path}: a merged network is stored as .safetensors.")
    if path.is_dir():
        raise UserError(f"{flag} {path} is a folder; name a file.")
