"""The record of the plvl family: what the desk, the cache and the commands know about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.family import Block, ModelFamily, embedded

if TYPE_CHECKING:
    from torch import nn

EXPERTS = {
    "attribute": "look-alikes told apart by colour, pattern, finish, size and tilt",
    "relation": "between, inside, behind, on top of, pointing at; two steps",
    "ordinal": "the n-th from any side, most and least, several at once",
    "photo": "photographs behind the objects, and what cameras do",
    "refuse": "expressions that nothing in the picture meets",
}


def build() -> nn.Module:
    """A PLVL of shape C without its weights, in the form in which it is stored."""
    from pipelines.grounding.plvl import PLVL

    return PLVL()


PLVL_FAMILY = ModelFamily(
    name="plvl",
    pipeline="grounding",
    tier="embedded",
    build=build,
    base=embedded("plvl", "base", "attributes, places, sides and simple orders on plain scenes"),
    experts={name: embedded("plvl", name, task) for name, task in EXPERTS.items()},
    paper="PLVL, Wang et al. 2025, arXiv:2504.16145",
    blocks=(
        Block("text", "text.*"),
        Block("stem", "stem.*"),
        *(Block(f"block {k + 1}", f"backbone.blocks.{k}.*") for k in range(8)),
        Block("injections", "backbone.injections.*"),
        Block("last norm", "backbone.norm.*"),
        Block("head", "head.*"),
    ),
    default=MergeRecipe(coefficients=tuple((name, 1.0) for name in EXPERTS), scale=0.4),
    trainer="pipelines.grounding.plvl_training:train",
    evaluator="pipelines.grounding.evaluate:evaluate",
    scorer="pipelines.grounding.probe:score_model",
    surrogate="pipelines.grounding.surrogate:score_loss",
)
