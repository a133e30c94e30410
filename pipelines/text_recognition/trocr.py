"""TrOCR's published checkpoints as families: what can be mixed with what.

TrOCR (Li et al. 2023, arXiv:2109.10282) reads a line with an image transformer and a text transformer. In the paper
all its models descend from stage 1, but the published decoders are of several builds. The small ones are all alike.
Of the larger ones, stage 1 and large-printed have fixed (sinusoidal) positions, ReLU and an output layer of their own;
base-printed, handwritten and str have RoBERTa's decoder: learned positions, GELU, an output layer tied to the words.
Weights of one build mean nothing in the other, though most names and shapes agree. A family is therefore one size and
one build; where stage 1 is of another build, the printed or the handwritten checkpoint is the base. Every checkpoint
is held against the build when it is read. base-stage1 has no kin, and base-str is published as a pickle alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError
from pipelines.shared.family import Block, ModelFamily, ModelSpec
from pipelines.shared.full_tier import Pretrained

if TYPE_CHECKING:
    from torch import nn

PAPER = "TrOCR, Li et al. 2023, arXiv:2109.10282"
TASKS = {
    "stage1": "synthetic and printed lines, before any task",
    "printed": "receipts: printed lines in capitals (SROIE)",
    "handwritten": "handwritten English lines (IAM)",
    "str": "scene words: signs, posters, plates (MJSynth, SynthText, benchmark training sets)",
}
SIZES_BYTES = {"small": 246_000_000, "base": 1_340_000_000, "large": 2_230_000_000}  # in float32
# Commits that hold safetensors; where the main branch has none, the conversion by the Hub's own service.
COMMITS = {
    "small-stage1": "0567f496787caff4697043010a802ff35f640871",
    "small-printed": "04e994ab854b0089d4929f48c2b4dbe2ce78a340",
    "small-handwritten": "959398e1e35ce99c83e60f83b35c1187d4508a0b",
    "base-printed": "93450be3f1ed40a930690d951ef3932687cc1892",
    "base-handwritten": "326ca415dd5cfe0983bf5a941048b5829a01ac8f",
    "large-stage1": "4aa71b29b3c5c4a537333e903bcbcf5a0250c580",
    "large-printed": "9ff792d8e7c22061f2ee67e1ed2246b1f9ef1e98",
    "large-handwritten": "f07eb3a73a9b06a73141dba2ae1f1671c5c346af",
    "large-str": "f1f0c3c72c47e82ffe8d43def0b787fb4132a65a",
}


@dataclass(frozen=True)
class DecoderBuild:
    """What the configuration says of a decoder that its weights do not show; fields are named as transformers does."""

    activation_function: str
    scale_embedding: bool
    use_learned_position_embeddings: bool
    layernorm_embedding: bool


UNILM = DecoderBuild("relu", True, True, True)
SINUSOIDAL = DecoderBuild("relu", True, False, False)
ROBERTA = DecoderBuild("gelu", False, True, True)


@dataclass(frozen=True)
class TrOCR(Pretrained):
    """Reads checkpoint folders of one build. The pooler is taken off: nothing reads it, and the checkpoints lack it."""

    reference: str = "transformers:VisionEncoderDecoderModel"
    spare: str = "encoder.pooler"
    decoder: DecoderBuild = UNILM

    def load(self, folder: Path) -> nn.Module:
        """As `Pretrained.load`, with attention that can be looked at.

        Raises:
            UserError: also where the decoder is of another build.
        """
        model: Any = super().load(folder)
        _check_build(model.config.decoder, self.decoder, folder.name)
        if not self.decoder.use_learned_position_embeddings:
            _restore_positions(model.decoder.model.decoder.embed_positions, model.config.decoder)
        return model

    def _options(self) -> dict[str, Any]:
        return super()._options() | {"attn_implementation": "eager"}


def _check_build(config: Any, wanted: DecoderBuild, name: str) -> None:
    for field, value in vars(wanted).items():
        if (came := getattr(config, field, None)) != value:
            raise UserError(
                f"{name} has a decoder with {field} {came!r}, its family has {value!r}: such weights cannot be mixed."
            )


def _restore_positions(positions: Any, config: Any) -> None:
    """Fixed positions are neither weight nor buffer; a network built before its weights are read has none."""
    rows = config.max_position_embeddings + positions.padding_idx + 1
    positions.weights = positions.get_embedding(rows, positions.embedding_dim, positions.padding_idx)


def _spec(size: str, task: str) -> ModelSpec:
    name = f"{size}-{task}"
    source = f"hub:microsoft/trocr-{name}@{COMMITS[name]}"
    return ModelSpec(f"trocr-{name}", source, None, "MIT", TASKS[task], SIZES_BYTES[size])


def _family(name: str, decoder: DecoderBuild, base: ModelSpec, *experts: ModelSpec) -> ModelFamily:
    by_task = {spec.name.rpartition("-")[2]: spec for spec in experts}
    return ModelFamily(
        name=name,
        pipeline="text_recognition",
        tier="full",
        build=TrOCR(decoder=decoder),
        base=base,
        experts=by_task,
        paper=PAPER,
        blocks=BLOCKS,
        default=MergeRecipe(
            coefficients=tuple((task, 1.0) for task in by_task), scale=round(1 / (len(by_task) + 1), 2)
        ),
    )


BLOCKS = (
    Block("patches", "encoder.embeddings.*"),
    Block("encoder 1-5", "encoder.*layer*.[0-4].*"),
    Block("encoder 6-10", "encoder.*layer*.[5-9].*"),
    Block("encoder 11-", "encoder.*layer*.??.*"),
    Block("encoder norm", "encoder.layernorm.*"),
    Block("words", "decoder.model.decoder.*embed*"),
    Block("decoder", "decoder.model.decoder.layers.*"),
    Block("output", "decoder.output_projection.*"),
)

TROCR_SMALL = _family(
    "trocr-small", UNILM, _spec("small", "stage1"), _spec("small", "printed"), _spec("small", "handwritten")
)
TROCR_BASE = _family("trocr-base", ROBERTA, _spec("base", "printed"), _spec("base", "handwritten"))
TROCR_LARGE = _family("trocr-large", SINUSOIDAL, _spec("large", "stage1"), _spec("large", "printed"))
TROCR_LARGE_ROBERTA = _family("trocr-large-roberta", ROBERTA, _spec("large", "handwritten"), _spec("large", "str"))
TROCR_FAMILIES = (TROCR_SMALL, TROCR_BASE, TROCR_LARGE, TROCR_LARGE_ROBERTA)
