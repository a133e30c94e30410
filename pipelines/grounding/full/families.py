"""Published grounders as families: phrase detectors, Florence-2, SAM 3; and SAM, which makes masks of boxes.

Most are one checkpoint, to be run as it is. Florence-2 is a family to be mixed: its -ft was tuned from the base of the
same size on public tasks, RefCOCO's expressions among them, so the fader goes from zero-shot to fine-tuned. LLMDet was
tuned from an MM-GroundingDINO of its size and loads into the same class, but its ancestor is not offered: the Hub
repository is known, a commit to pin it by is not. Any folder or pinned commit of these classes makes a family with
`detector_of`.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.family import Block, ModelFamily, ModelSpec
from pipelines.shared.full_tier import Pretrained

DINO = "GroundingDINO, Liu et al. 2023, arXiv:2303.05499"
LLMDET = "LLMDet, Fu et al. 2025, arXiv:2501.18954"
FLORENCE = "Florence-2, Xiao et al. 2023, arXiv:2311.06242"
# Commits that hold safetensors.
COMMITS = {
    "IDEA-Research/grounding-dino-tiny": "a2bb814dd30d776dcf7e30523b00659f4f141c71",
    "IDEA-Research/grounding-dino-base": "12bdfa3120f3e7ec7b434d90674b3396eccf88eb",
    "iSEE-Laboratory/llmdet_tiny": "d05199165a19320a9236396e20fca0a5e065189c",
    "florence-community/Florence-2-base": "00921df66db728a9ceb750f5eca43e5c203a2051",
    "florence-community/Florence-2-base-ft": "0b03b6f15a4a211370fb204aee4e7dd48887ea37",
    "florence-community/Florence-2-large": "4271c66b88cdbc05735372ec13b2360108de5317",
    "florence-community/Florence-2-large-ft": "26b734a54fdfbf9c398351eedfabb7f27fc470b7",
    "facebook/sam3": "3c879f39826c281e95690f02c7821c4de09afae7",
    "facebook/sam-vit-base": "70c1a07f894ebb5b307fd9eaaee97b9dfc16068f",
    "facebook/sam2.1-hiera-tiny": "de431c4043854a71d8101e17995dfe596bf101a5",
    "facebook/sam2.1-hiera-large": "665f8e2ad61cf5f53d65644ff27c8ee525124610",
}


@dataclass(frozen=True)
class Grounder(Pretrained):
    """Reads checkpoints of one class.

    Attributes:
        way: how it is asked; "phrases" (boxes with a probability per word), "generated" (text with coordinates in it,
            no probabilities) or "concepts" (masks, and whether there is such a thing at all).
        usual: the probability at which its users take something as found; it becomes an existence of one half.
    """

    way: str = "phrases"
    usual: float = 0.3


@dataclass(frozen=True)
class Segmenter(Pretrained):
    """Reads a network that makes masks of boxes; `fit` is how pictures come to its size (`resizing.py`)."""

    fit: str = "letterbox"


GROUNDING_DINO = Grounder("transformers:GroundingDinoForObjectDetection")
MM_GROUNDING_DINO = Grounder("transformers:MMGroundingDinoForObjectDetection")
FLORENCE_2 = Grounder("transformers:Florence2ForConditionalGeneration", way="generated", usual=0.1)
SAM_3 = Grounder("transformers:Sam3Model", way="concepts", usual=0.5)
SAM_1 = Segmenter("transformers:SamModel")
SAM_2 = Segmenter("transformers:Sam2Model", fit="stretch")


def _spec(repository: str, license: str, task: str) -> ModelSpec:
    name = repository.partition("/")[2].lower()
    return ModelSpec(name, f"hub:{repository}@{COMMITS[repository]}", None, license, task)


def _family(name: str, build: Pretrained, base: ModelSpec, paper: str, tuned: ModelSpec | None = None) -> ModelFamily:
    by_task = {"ft": tuned} if tuned else {}
    return ModelFamily(
        name=name,
        pipeline="grounding",
        tier="full",
        build=build,
        base=base,
        experts=by_task,
        paper=paper,
        blocks=FLORENCE_BLOCKS if tuned else (),
        evaluator="pipelines.grounding.full.evaluate:evaluate" if isinstance(build, Grounder) else "",
        default=MergeRecipe(coefficients=tuple((task, 1.0) for task in by_task)),
    )


def detector_of(name: str, source: str, build: Grounder = MM_GROUNDING_DINO) -> ModelFamily:
    """A family of one checkpoint of your own: `source` is "folder:<path>" or "hub:<owner>/<name>@<commit>"."""
    return _family(name, build, ModelSpec(name, source, None, "unknown", "your own checkpoint"), "your own")


FLORENCE_BLOCKS = (
    Block("vision 1-2", "model.vision_tower.*s.[01].*"),
    Block("vision 3", "model.vision_tower.*s.2.*"),
    Block("vision 4", "model.vision_tower.*s.3.*"),
    Block("projector", "model.multi_modal_projector.*"),
    Block("words", "model.language_model.shared.*"),
    Block("encoder", "model.language_model.encoder.*"),
    Block("decoder", "model.language_model.decoder.*"),
    Block("output", "lm_head.*"),
)
_ANY = "boxes for any phrase, zero-shot"
DINO_TINY = _family(
    "grounding-dino-tiny", GROUNDING_DINO, _spec("IDEA-Research/grounding-dino-tiny", "Apache-2.0", _ANY), DINO
)
DINO_BASE = _family(
    "grounding-dino-base", GROUNDING_DINO, _spec("IDEA-Research/grounding-dino-base", "Apache-2.0", _ANY), DINO
)
LLMDET_TINY = _family(
    "llmdet-tiny", MM_GROUNDING_DINO,
    _spec("iSEE-Laboratory/llmdet_tiny", "Apache-2.0", "boxes for any phrase, tuned with captions of a language model"),
    LLMDET,
)  # fmt: skip
_TUNED = "public captions, boxes, expressions and masks, RefCOCO among them"
FLORENCE_BASE, FLORENCE_LARGE = (
    _family(
        f"florence-2-{size}", FLORENCE_2,
        _spec(f"florence-community/Florence-2-{size}", "MIT", "126 million pictures labelled by machine, zero-shot"),
        FLORENCE, _spec(f"florence-community/Florence-2-{size}-ft", "MIT", _TUNED),
    )
    for size in ("base", "large")
)  # fmt: skip
SAM3 = _family(
    "sam-3", SAM_3,
    _spec("facebook/sam3", "SAM License (accept it on the Hub)", "masks of every instance of a short noun phrase"),
    "SAM 3, Meta 2025, arXiv:2511.16719",
)  # fmt: skip
SAM_BASE = _family(
    "sam-base", SAM_1, _spec("facebook/sam-vit-base", "Apache-2.0", "masks of boxes"),
    "Segment Anything, Kirillov et al. 2023, arXiv:2304.02643",
)  # fmt: skip
SAM2_TINY, SAM2_LARGE = (
    _family(
        f"sam-2.1-{size}", SAM_2, _spec(f"facebook/sam2.1-hiera-{size}", "Apache-2.0", "masks of boxes, sharper"),
        "SAM 2, Ravi et al. 2024, arXiv:2408.00714",
    )
    for size in ("tiny", "large")
)  # fmt: skip
GROUNDERS = (DINO_TINY, DINO_BASE, LLMDET_TINY, FLORENCE_BASE, FLORENCE_LARGE, SAM3)
SEGMENTERS = (SAM2_TINY, SAM_BASE, SAM2_LARGE)
GROUNDING_FAMILIES = (*GROUNDERS, *SEGMENTERS)
