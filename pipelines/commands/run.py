"""`run PIPELINE INPUT... --out DIR`: one result as the page gives it, with its recipe inside and a report beside it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.commands.run_photograph import add_photograph
from pipelines.commands.run_text import add_text
from pipelines.fusion.options import ENGINES, FITS, TASKS
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.fusion.inputs import FrameSet
    from pipelines.fusion.pipeline import FusionResult
    from pipelines.shared.recipe_file import RecipeDocument


STATED = ("pipeline", "options", "inputs", "weights")  # keys of the recipe document that a report has, beside the run


def add(commands: Any) -> None:
    """Register the command, with a command per pipeline below it."""
    parser = commands.add_parser("run", help="run a pipeline on files")
    pipelines = parser.add_subparsers(metavar="PIPELINE", required=True)
    _add_fusion(pipelines)
    add_text(pipelines)
    add_photograph(pipelines)


def _add_fusion(pipelines: Any) -> None:
    slots = "; ".join(f"{task.name}: {', '.join(task.slots)}" for task in TASKS.values())
    about = f"Fuse pictures of one scene into one. Inputs stand in the order of the task ({slots})."
    parser = pipelines.add_parser("fusion", help="fuse pictures of one scene into one", description=about)
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="picture files of one scene")
    parser.add_argument("--task", choices=tuple(TASKS), help="default: that of the recipe, else ivis")
    parser.add_argument("--engine", choices=ENGINES, help="default: that of the recipe, else net")
    parser.add_argument("--recipe", type=Path, metavar="R.yaml", help="recipe file, or a PNG made by Mixdeck")
    parser.add_argument("--align", action="store_true", help="move the frames onto the first one before they are fused")
    parser.add_argument("--fit", choices=FITS, help="frames of unequal shape: refuse, crop, or lay by their edges")
    parser.add_argument("--device", help="cpu, cuda or mps (default MIXDECK_DEVICE, else cpu)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets fused.png and fused.json")
    parser.set_defaults(command=run_fusion)


def run_fusion(flags: argparse.Namespace) -> None:
    """Fuse and store `fused.png` and `fused.json` in the folder, which is made if need be."""
    from pipelines.commands.loading import open_cache, working
    from pipelines.fusion.align import align
    from pipelines.fusion.inputs import load_frames
    from pipelines.fusion.pipeline import FusionPipeline
    from pipelines.fusion.registration import register, split

    document = asked_for(flags)
    options, placement = split(document.options)
    frames = load_frames(flags.inputs, options)
    flags.out.mkdir(parents=True, exist_ok=True)
    with working("fusing"):
        found = align(frames, options.task)[1] if placement.is_aligned else ()
        frames = register(frames, found, placement.moves).frames
        result = FusionPipeline(open_cache(flags.device), _family(document))(frames, options, document.recipe)
    _tell(result)
    print(store(result, frames, document, flags.out))


def asked_for(flags: argparse.Namespace) -> RecipeDocument:
    """The recipe file, or the defaults, with the flags over it.

    Raises:
        UserError: a recipe of another pipeline, or options that do not go together.
    """
    from pipelines.commands.recipes import read_document
    from pipelines.fusion.registration import split
    from pipelines.registry import family
    from pipelines.shared.recipe_file import RecipeDocument

    if flags.recipe is None:
        document = RecipeDocument("fusion", "fusenet", family("fusenet").default)
    else:
        document = read_document(flags.recipe)
    if document.pipeline != "fusion":
        raise UserError(f"{flags.recipe.name} is a recipe of pipeline {document.pipeline!r}, not of fusion.")
    chosen = {name: getattr(flags, name) for name in ("task", "engine", "fit") if getattr(flags, name) is not None}
    options, placement = split({**document.options, **chosen})
    placement = replace(placement, is_aligned=placement.is_aligned or flags.align)
    stated = options.to_dict() | placement.to_dict()
    return RecipeDocument(document.pipeline, document.family, document.recipe, stated)


def store(result: FusionResult, frames: FrameSet, document: RecipeDocument, folder: Path) -> Path:
    """Write picture and report, both with the recipe and the hashes of inputs and weights; gives the picture's path."""
    from pipelines.commands.loading import ASSETS
    from pipelines.commands.reports import write_json
    from pipelines.fusion.document import completed
    from pipelines.shared.figures import save_png
    from pipelines.shared.recipe_file import dump_yaml

    whole = completed(document, frames, ASSETS)
    path = save_png(result.picture, dump_yaml(whole), folder / "fused.png")
    stated = {key: value for key, value in whole.to_dict().items() if key in STATED}
    write_json({**asdict(result.run), **stated, "output": path.name}, folder / "fused.json")
    return path


def _family(document: RecipeDocument) -> Any:
    from pipelines.registry import family

    return family(document.family)


def _tell(result: FusionResult) -> None:
    for notice in result.notices:
        print(f"{notice.level}: {notice.text}", file=sys.stderr)
