"""The record of the fusenet family: what the desk, the cache and the commands know about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.family import Block, ModelFamily, embedded

if TYPE_CHECKING:
    from torch import nn

EXPERTS = {
    "ivis": "infrared and visible: objects from the thermal frame, texture from the visible one",
    "mef": "multi-exposure: well exposed everywhere",
    "mff": "multi-focus: sharp everywhere",
    "med": "medical: MRI structure with CT, PET or SPECT",
}


def build() -> nn.Module:
    """A FuseNet without its weights."""
    from pipelines.fusion.fusenet import FuseNet

    return FuseNet()


def _layers() -> tuple[Block, ...]:
    """Frames go through block and attention twice; the segmentation branch has three stages and a head."""
    dense = ("dense.convs.0", "dense.convs.1", "dense.convs.2", "dense.fuse", "context.mix")
    attention = ("from_segmentation.*", "split_*", "*_kv.*", "out.*")
    titles = ("conv 1", "conv 2", "conv 3", "fuse", "context"), ("from segmentation", "split", "keys, values", "out")
    pairs = [("stem, conv", "stem.conv.*"), ("stem, skip", "stem.skip.*")]
    for k in (1, 2):
        pairs += [(f"block {k}, {title}", f"block{k}.{part}.*") for title, part in zip(titles[0], dense, strict=True)]
        pairs += [(f"attention {k}, {title}", f"attention{k}.{part}")
                  for title, part in zip(titles[1], attention, strict=True)]  # fmt: skip
    pairs += [(f"decoder, {part}", f"decoder.{part}.*") for part in ("up", "conv", "head")]
    for k in range(3):
        pairs.append((f"segmentation, embedding {k + 1}", f"segmentation.embed.{k}.*"))
        pairs.append((f"segmentation, stage {k + 1}", f"segmentation.stages.{k}.*"))
    pairs += [("segmentation, to head", "segmentation.to_head.*"), ("segmentation, head", "segmentation.head.*")]
    return tuple(Block(name, match) for name, match in pairs)


FUSENET = ModelFamily(
    name="fusenet",
    pipeline="fusion",
    tier="embedded",
    build=build,
    base=embedded("fusenet", "base", "all four tasks, before any expert"),
    experts={name: embedded("fusenet", name, task) for name, task in EXPERTS.items()},
    paper="SegMiF, Liu et al. 2023, arXiv:2308.02097",
    blocks=(
        Block("stem", "stem.*"),
        Block("block 1", "block1.*"),
        Block("attention 1", "attention1.*"),
        Block("block 2", "block2.*"),
        Block("attention 2", "attention2.*"),
        Block("decoder", "decoder.*"),
        Block("segmentation", "segmentation.*"),
    ),
    layers=_layers(),
    default=MergeRecipe(coefficients=tuple((name, 1.0) for name in EXPERTS), scale=0.4),
    trainer="pipelines.fusion.fusenet_training:train",
    evaluator="pipelines.fusion.evaluate:evaluate",
    scorer="pipelines.fusion.probe:score_model",
    surrogate="pipelines.fusion.surrogate:fusion_loss",
)
