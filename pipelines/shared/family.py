"""Checkpoints of one network, grown from one base: what can be merged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.merging.recipe import MergeRecipe

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ModelSpec:
    """One checkpoint.

    Attributes:
        name: network and training, "fusenet/ivis".
        source: "assets:fusenet/ivis.safetensors", "hub:<repo>@<commit>" or "folder:<path>" (tests, own checkpoints).
        sha256: of the weight file; None on the Hub, where the commit pins the bytes.
        license: SPDX id.
        task: one line for the fader: what this checkpoint was trained for.
        size_bytes: about how large its weights are, for whoever has to fetch them; 0 where that is not told.
        fetch: the command that brings it to this machine; of the Hub it follows from the source.
    """

    name: str
    source: str
    sha256: str | None
    license: str
    task: str = ""
    size_bytes: int = 0
    fetch: str = ""


def embedded(family: str, checkpoint: str, task: str) -> ModelSpec:
    """A checkpoint of ours, in assets/weights; its hash is in the manifest there."""
    return ModelSpec(f"{family}/{checkpoint}", f"assets:{family}/{checkpoint}.safetensors", None, "Apache-2.0", task)


@dataclass(frozen=True)
class Block:
    """A named part of the network, a stage of the block equaliser: the keys that match the glob."""

    name: str
    match: str


@dataclass(frozen=True)
class ModelFamily:
    """A base checkpoint and the task experts tuned from it.

    Attributes:
        pipeline: which pipeline runs it, "fusion".
        tier: "embedded" (ours, in assets/) or "full" (a published checkpoint from the Hub).
        build: makes the network, weights not loaded.
        experts: task -> checkpoint, in panel order, which is also the order of summation.
        blocks: stages of the network in order of depth; their globs cover every key once.
        layers: finer parts, in the same order, for bars; each glob lies within one stage, and no key fits two.
        default: the recipe a page starts with.
        trainer, evaluator: "module:function" behind `train` and `evaluate`; named, not imported, so that listing
            families loads no network code.
        scorer: the same for (network, tasks, split) -> {task: score}, 0 to 1, higher is better; split is
            "validation", where scales may be chosen, or "test". Empty where there is none.
        surrogate: the same for network -> loss(weights, step) without labels, by which coefficients can be learned.
        samples: the same for network -> Samples, for methods that weigh experts by what they do on data.
        alignment: "module:name" of how neurons of two such networks are matched.
    """

    name: str
    pipeline: str
    tier: str
    build: Callable[[], nn.Module]
    base: ModelSpec
    experts: Mapping[str, ModelSpec]
    paper: str
    blocks: tuple[Block, ...] = ()
    layers: tuple[Block, ...] = ()
    default: MergeRecipe = field(default_factory=MergeRecipe)
    trainer: str = ""
    evaluator: str = ""
    scorer: str = ""
    surrogate: str = ""
    samples: str = ""
    alignment: str = ""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the experts, in panel order."""
        return tuple(self.experts)
