"""The record of the shapes_vit family: eight classification tasks, for trying merges where they were published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.family import Block, ModelFamily, embedded

if TYPE_CHECKING:
    from torch import nn

EXPERTS = {
    "shapes": "which shape, filled or outlined, any way up",
    "digits": "digits in serif and italic fonts, turned and slanted",
    "textures": "which texture, any angle and pitch, faint",
    "colours": "the hue of the large thing, pale or dark, among distractors",
    "letters": "capital letters, crossed by lines",
    "counts": "how many things, of mixed shapes and inks",
    "orientation": "the direction of faint dashes",
    "words": "words of four letters on turned plates",
}


def build() -> nn.Module:
    """A ShapesViT without its weights."""
    from pipelines.lab.vit import ShapesViT

    return ShapesViT()


def _layers() -> tuple[Block, ...]:
    """Three convolutions, positions, then norms and matrices of each block in order."""
    parts = (("norm 1", ".norm1.*"), ("q, k, v", ".qkv.*"), ("out", ".out.*"),
             ("norm 2", ".norm2.*"), ("expand", ".expand.*"), ("shrink", ".shrink.*"))  # fmt: skip
    pairs = [(f"stem, {name}", f"stem.{name}.*") for name in ("first", "second", "third")]
    pairs.append(("position", "position"))
    for number in range(4):
        pairs += [(f"block {number + 1}, {title}", f"blocks.{number}{match}") for title, match in parts]
    return tuple(Block(*pair) for pair in (*pairs, ("norm", "norm.*"), ("prototypes", "prototypes")))


SHAPES_VIT = ModelFamily(
    name="shapes_vit",
    pipeline="lab",
    tier="embedded",
    build=build,
    base=embedded("shapes_vit", "base", "all eight tasks in their plain look"),
    experts={name: embedded("shapes_vit", name, task) for name, task in EXPERTS.items()},
    paper="ViT, Dosovitskiy et al. 2021, arXiv:2010.11929",
    blocks=(
        Block("stem", "stem.*"),
        Block("position", "position"),
        *(Block(f"block {number + 1}", f"blocks.{number}.*") for number in range(4)),
        Block("norm", "norm.*"),
        Block("prototypes", "prototypes"),
    ),
    layers=_layers(),
    default=MergeRecipe(coefficients=tuple((name, 1.0) for name in EXPERTS), scale=0.3),
    trainer="pipelines.lab.vit_training:train",
    evaluator="pipelines.lab.evaluate:evaluate",
    scorer="pipelines.lab.evaluate:score_model",
    surrogate="pipelines.lab.surrogate:entropy_loss",
    samples="pipelines.lab.unlabelled:vit_samples",
    alignment="pipelines.lab.vit_streams:VIT_ALIGNMENT",
)
