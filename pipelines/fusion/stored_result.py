"""The result that a page shows before its first run: `python -m pipelines.fusion.stored_result` makes it anew.

It is the first example fused by the family's own mix, and counts only while weights and mix are those it was made with.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.merging.recipe_form import recipe_hash
from pipelines.shared.weights import weights_hash

if TYPE_CHECKING:
    import numpy as np

    from pipelines.shared.family import ModelFamily

ASSETS = Path(__file__).resolve().parents[2] / "assets"
PICTURE, ABOUT = "stored.webp", "stored.json"


def stored_result(assets: Path, family: ModelFamily) -> Path | None:
    """The picture, lossless; None if there is none or it was made with other weights or another mix."""
    folder = assets / "examples" / "fusion"
    about = folder / ABOUT
    if not about.is_file() or not (folder / PICTURE).is_file():
        return None
    is_fresh = json.loads(about.read_text(encoding="utf-8")) == made_with(assets, family)
    return folder / PICTURE if is_fresh else None


def made_with(assets: Path, family: ModelFamily) -> dict[str, str]:
    """What decides the result: the hash of all weight files of the family, and that of its default recipe."""
    return {"weights": weights_hash(assets, family.name), "recipe": recipe_hash(family.default)}


def fuse_first(assets: Path, family: ModelFamily) -> np.ndarray:
    """The first example by the family's default recipe, (H, W, 3) uint8."""
    from pipelines.fusion.inputs import load_frames
    from pipelines.fusion.options import FusionOptions
    from pipelines.fusion.pipeline import FusionPipeline
    from pipelines.shared.cache import ModelCache

    folder = assets / "examples" / "fusion"
    first = json.loads((folder / "index.json").read_text(encoding="utf-8"))[0]
    options = FusionOptions(task=first["task"])
    frames = load_frames([folder / name for name in first["frames"]], options)
    return FusionPipeline(ModelCache(assets), family)(frames, options, family.default).fused


def main() -> None:
    """Fuse and store."""
    from PIL import Image

    from pipelines.registry import family

    fusenet, folder = family("fusenet"), ASSETS / "examples" / "fusion"
    Image.fromarray(fuse_first(ASSETS, fusenet)).save(folder / PICTURE, "WEBP", lossless=True, quality=100)
    about = json.dumps(made_with(ASSETS, fusenet), indent=1)
    (folder / ABOUT).write_text(about + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
