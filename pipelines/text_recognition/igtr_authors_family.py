"""The record of the family igtr-authors: checkpoints of IGTR's authors, once `import-igtr` has put them there.

They are on no hub; the OpenOCR project links to them. The checkpoint trained on synthetic words and the one trained on
from it with real words (PT) are base and expert. Others (Union14M-L, 60 epochs) share the network but no ancestor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.family import Block, ModelFamily, ModelSpec

if TYPE_CHECKING:
    from torch import nn

FOLDER = "igtr-authors"
LICENSE = "Apache-2.0"  # of the project that publishes them
SIZE_BYTES = 96_000_000  # 24.1 M parameters in float32


def build() -> nn.Module:
    """The network of the published sizes, without its weights."""
    from pipelines.text_recognition.igtr_authors import AuthorsIGTR

    return AuthorsIGTR()


def _spec(name: str, task: str) -> ModelSpec:
    fetch = f"python -m pipelines import-igtr FILE.pth --as {name}"
    return ModelSpec(f"{FOLDER}/{name}", f"assets:{FOLDER}/{name}.safetensors", None, LICENSE, task, SIZE_BYTES, fetch)


IGTR_AUTHORS = ModelFamily(
    name=FOLDER,
    pipeline="text_recognition",
    tier="full",
    build=build,
    base=_spec("synthetic", "rendered words (MJSynth, SynthText)"),
    experts={"pt": _spec("pt", "real words (Union14M-L), after the rendered ones")},
    paper="IGTR, Zheng et al. 2025, arXiv:2401.17851",
    blocks=(
        Block("patches", "encoder.p*"),
        Block("stage 1", "encoder.conv_blocks1.[0-5].*"),
        Block("stage 2, convolutions", "encoder.conv_blocks1.[6-8].*"),
        Block("stage 2, attention", "encoder.trans_blocks.[0-3].*"),
        Block("stage 3", "encoder.trans_blocks.[4-9].*"),
        Block("stage 3, last", "encoder.trans_blocks.??.*"),
        Block("instruction", "decoder.*[dy]"),
        Block("characters", "decoder.char_embed.*"),
        Block("fusion", "decoder.cmff_decoder.*"),
        Block("answer", "decoder.[an]*.*"),
        Block("heads", "decoder.ques?_head.*"),
    ),
    default=MergeRecipe(coefficients=(("pt", 1.0),), scale=0.5),
)
