"""The record of the fusenet family: what the desk, the cache and the commands know about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.family import Block, ModelFamily, ModelSpec

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


def _spec(name: str, task: str = "") -> ModelSpec:
    return ModelSpec(f"fusenet/{name}", f"assets:fusenet/{name}.safetensors", None, "Apache-2.0", task)


FUSENET = ModelFamily(
    name="fusenet",
    pipeline="fusion",
    tier="embedded",
    build=build,
    base=_spec("base", "all four tasks, before any expert"),
    experts={name: _spec(name, task) for name, task in EXPERTS.items()},
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
    default=MergeRecipe(coefficients=tuple((name, 1.0) for name in EXPERTS), scale=0.4),
    trainer="pipelines.fusion.fusenet_training:train",
    evaluator="pipelines.fusion.evaluate:evaluate",
    scorer="pipelines.fusion.probe:score_model",
)
