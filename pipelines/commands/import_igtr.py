"""`import-igtr FILE.pth`: a checkpoint of IGTR's authors, made ready for the desk."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

PLACES = ("synthetic", "pt")


def add(commands: Any) -> None:
    """Register the command."""
    about = (
        "Import a checkpoint of IGTR's authors (OpenOCR project). The one trained on synthetic words is the base of "
        "the family igtr-authors, the one trained on from it with real words (PT) its expert; others share only the "
        "network."
    )
    parser = commands.add_parser("import-igtr", help="make a checkpoint of IGTR's authors ready", description=about)
    parser.add_argument("file", type=Path, metavar="FILE.pth")
    parser.add_argument("--config", type=Path, metavar="FILE.yml", help="its configuration; default: the published one")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--as", dest="place", choices=PLACES, help="place it takes in the family igtr-authors")
    place.add_argument("--out", type=Path, metavar="FILE.safetensors", help="write it elsewhere")
    parser.set_defaults(command=run)


def run(flags: argparse.Namespace) -> None:
    """Import and say where it lies."""
    from pipelines.commands.loading import ASSETS
    from pipelines.shared.errors import UserError
    from pipelines.text_recognition.igtr_authors_family import FOLDER
    from pipelines.text_recognition.igtr_import import import_checkpoint, store

    target = flags.out or ASSETS / "weights" / FOLDER / f"{flags.place}.safetensors"
    if target.suffix != ".safetensors":
        raise UserError(f"--out is {target.name}; a checkpoint is written as .safetensors.")
    imported = import_checkpoint(flags.file, flags.config)
    store(imported, flags.file, target)
    print(f"{target}: {imported.consumed} tensors read, {imported.folded} norms folded, trained on {imported.channels}")
