"""The record of the igtr family: what the desk, the cache and the commands know about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.family import Block, ModelFamily, embedded

if TYPE_CHECKING:
    from torch import nn

EXPERTS = {
    "curved": "words on arcs, circles and waves, or turned",
    "lowres": "letters 6 to 12 pixels high, blurred and compressed",
    "perspective": "words seen at a slant",
    "digits": "plates, phones, prices, dates and codes",
    "occluded": "letters hidden in part, stacked or upright words",
}


def build() -> nn.Module:
    """An IGTR of shape N without its weights, in the form in which it is stored."""
    from pipelines.text_recognition.igtr import IGTR

    return IGTR()


IGTR_FAMILY = ModelFamily(
    name="igtr",
    pipeline="text_recognition",
    tier="embedded",
    build=build,
    base=embedded("igtr", "base", "everyday words on signs, posters and plates"),
    experts={name: embedded("igtr", name, task) for name, task in EXPERTS.items()},
    paper="IGTR, Zheng et al. 2025, arXiv:2401.17851",
    blocks=(
        Block("stem", "stem.*"),
        Block("stage 1", "stage1.*"),
        Block("stage 2", "stage2.*"),
        Block("stage 3", "stage3.*"),
        Block("instruction", "instruction.*"),
        Block("fusion", "fusion.*"),
        Block("answer", "answers.*"),
        Block("heads", "heads.*"),
    ),
    default=MergeRecipe(coefficients=tuple((name, 1.0) for name in EXPERTS), scale=0.3),
    trainer="pipelines.text_recognition.igtr_training:train",
    evaluator="pipelines.text_recognition.evaluate:evaluate",
    scorer="pipelines.text_recognition.probe:score_model",
    surrogate="pipelines.text_recognition.surrogate:token_loss",
)
