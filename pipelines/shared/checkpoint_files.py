"""Merging checkpoints of any network: local files, Hub ids and adapters, read piece by piece, written piece by piece.

A document names the files and the merge:

    mixdeck_recipe: 1
    family: {id: my-network, base: {ref: base.safetensors}}
    experts:
      street: {ref: street.safetensors, sha256: "…"}
      hand: {ref: hand}                                     # a folder of shards
      cursive: {ref: "hub:owner/name@revision"}             # from the local cache, or fetched if that is allowed
      ink: {ref: ink/adapter_model.safetensors, kind: lora}
    merge: {vector: {method: task_arithmetic}, weights: {street: 1.0, hand: 0.5}, scale: 0.4}

Paths are relative to the document; rules and `exclude` are those of `checkpoint_rules`. Experts are summed in order of
name, unless the method goes from the first one: so the same contents and the same merge give the same bits, and the
same hash, however the document lists them.

Methods that look at one tensor at a time need memory for a piece of every file; the others (TIES with one threshold for
the whole, EMR for a task) look at whole vectors and need all of them, and are refused where those do not fit. Elections
are held piece by piece: where votes cancelled, a piece is merged again when the commonest sign of all is known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pipelines.merging.ballots import Ballots
from pipelines.merging.errors import MergeError
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import canonical, hash_of, recipe_from_dict, recipe_to_dict
from pipelines.merging.registry import method
from pipelines.shared.checkpoint_pieces import MEMORY_BYTES, Cut, Job, elects, is_local, job_of, pieces
from pipelines.shared.checkpoint_rules import plain_merge
from pipelines.shared.checkpoint_slots import Slot, bytes_of, read, read_slots, write_header
from pipelines.shared.checkpoint_sources import (
    Checkpoint,
    checkpoint_of,
    factor_bytes,
    folded,
    only,
    read_adapter,
    scaling_of,
)
from pipelines.shared.errors import UserError
from pipelines.shared.recipe_file import VERSION, mapping, parse_text
from pipelines.shared.weights import CHUNK_BYTES, LoadProgress, whole_file

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.kinship import Kinship
    from pipelines.merging.lora import Factors

__all__ = ["Checkpoint", "FileMerge", "FilePlan", "is_local", "merge_files", "names_files", "parse_plan"]

KEYS = ("mixdeck_recipe", "name", "family", "experts", "merge", "exclude")
UNSUPPORTED = {  # sections of the recipe form that merges of files do not take -> what there is instead
    "numerics": "sums are float32, and rounded once to the base's dtypes",
    "policies": "statistics of batch-norms are the base's, and other shapes or missing keys are refused",
    "learned": "write the coefficients that were learned as `weights` and `blocks`",
    "parents": "the result carries its own recipe and hash",
}


@dataclass(frozen=True)
class FilePlan:
    """A merge of checkpoints; `experts` in the order in which they are summed."""

    name: str
    base: Checkpoint
    experts: tuple[Checkpoint, ...]
    recipe: MergeRecipe


@dataclass(frozen=True)
class FileMerge:
    """A merge that was written.

    Attributes:
        about: the header's metadata: recipe without file names but with the hashes of their content, and the hash of
            that.
        bound_bytes: what the merge was allowed to take beside the program itself.
        notices: what a person should know of the checkpoints.
    """

    about: Mapping[str, str]
    bound_bytes: int
    notices: tuple[str, ...]


def names_files(text: str) -> bool:
    """Whether a recipe text is one of this module's: it lists experts with their files."""
    values = parse_text(text)
    return isinstance(values, Mapping) and "experts" in values


def parse_plan(text: str, folder: Path, may_download: bool = False) -> FilePlan:
    """Read a document.

    Args:
        folder: what its paths are relative to.
        may_download: whether checkpoints of the Hub that are not in the local cache are fetched.

    Raises:
        UserError: a key that is unknown or not supported, a file that is not there or not safetensors. MergeError: the
            merge does not fit.
    """
    values = mapping("the recipe", parse_text(text))
    if values.get("mixdeck_recipe") != VERSION:
        raise UserError(f"The first key must be `mixdeck_recipe: {VERSION}`.", title="Not a recipe")
    for key in values:
        if key in UNSUPPORTED:
            raise UserError(f"The section `{key}` is not supported here: {UNSUPPORTED[key]}. Leave it out.")
    only("the recipe", values, KEYS)
    family = mapping("family", values.get("family"))
    only("family", family, ("id", "base"))
    listed = mapping("experts", values["experts"])
    base = checkpoint_of("base", family.get("base"), folder, may_download)
    if base.kind != "full":
        raise UserError("The base must be a full checkpoint; an adapter is a change of one.")
    keys = cache(lambda: list(read_slots(base.paths)))
    merge = plain_merge(mapping("merge", values.get("merge", {})), values.get("exclude", []), keys)
    recipe = recipe_from_dict(merge, [str(name) for name in listed])
    named = {str(name): value for name, value in listed.items()}
    order = sorted(named) if method(recipe.method).is_symmetric else named
    experts = tuple(checkpoint_of(name, named[name], folder, may_download) for name in order)
    return FilePlan(str(family.get("id") or values.get("name") or "checkpoints"), base, experts, recipe)


def merge_files(
    plan: FilePlan,
    out: Path,
    listener: Callable[[LoadProgress], None] | None = None,
    piece: int | None = None,
    memory_bytes: int = MEMORY_BYTES,
    allows_strangers: bool = False,
) -> FileMerge:
    """Merge and write one safetensors file with the base's names, shapes and dtypes; whole or not at all.

    The result is that of `merging.merge.merge`; under block rules, to the last rounding.

    Args:
        piece: elements merged at once; None takes what fits into `memory_bytes`.
        memory_bytes: what the merge may take beside the program itself.
        allows_strangers: merge experts that do not look tuned from this base.

    Raises:
        UserError: damaged files, the wrong hash, or not enough memory. MergeError: the checkpoints are not of one
            network, not finite, or not grown from this base.
    """
    from pipelines.merging.kinship import Kinship
    from pipelines.merging.mixture import check_rules

    base = read_slots(plan.base.paths)
    check_rules(plan.recipe, base)
    slots = [base, *(base if one.kind == "lora" else read_slots(one.paths) for one in plan.experts)]
    _check_alike(plan, slots)
    job = job_of(plan.recipe, slots, sum(map(factor_bytes, plan.experts)), piece, memory_bytes)
    adapters = {one.name: read_adapter(one, base) for one in plan.experts if one.kind == "lora"}
    about = _about(plan, [_content_hash(checkpoint, listener) for checkpoint in (plan.base, *plan.experts)])
    kinship = Kinship()
    with whole_file(out) as draft, draft.open("wb") as file:
        write_header(file, base, about)
        told = _write_pieces(file, plan, job, adapters, kinship, listener)
        notices = (*told, *kinship.notices(refuses=not allows_strangers))
    return FileMerge(about, job.bound_bytes, notices)


def _check_alike(plan: FilePlan, slots: Sequence[Mapping[str, Slot]]) -> None:
    """Refuse another network by the headers alone, before anything is read or written."""
    base = slots[0]
    for expert, theirs in zip(plan.experts, slots[1:], strict=True):
        if odd := sorted(base.keys() ^ theirs.keys()):
            side = "lacks" if odd[0] in base else "has"
            raise MergeError(f'expert "{expert.name}" {side} {odd[0]}, unlike the base: it is another network')
        for key, slot in base.items():
            if theirs[key].shape != slot.shape:
                raise MergeError(
                    f'expert "{expert.name}" has {key} of {theirs[key].shape}, base has {slot.shape}: both must come '
                    "from the same network"
                )


def _content_hash(checkpoint: Checkpoint, listener: Callable[[LoadProgress], None] | None) -> str:
    """SHA-256 over the bytes of all its files in order."""
    digest, done = hashlib.sha256(), 0
    total = sum(path.stat().st_size for path in checkpoint.paths)
    for path in checkpoint.paths:
        with path.open("rb") as file:
            while part := file.read(CHUNK_BYTES):
                digest.update(part)
                done += len(part)
                if listener:
                    listener(LoadProgress(checkpoint.name, done, total))
    if checkpoint.sha256 and digest.hexdigest() != checkpoint.sha256:
        raise UserError(
            f"{checkpoint.name} has sha256 {digest.hexdigest()[:12]}…, the recipe says {checkpoint.sha256[:12]}…",
            title="Weights are not the ones named",
        )
    return digest.hexdigest()


def _about(plan: FilePlan, hashes: Sequence[str]) -> dict[str, str]:
    entries = {one.name: {"sha256": sha256, **scaling_of(one)}
               for one, sha256 in zip(plan.experts, hashes[1:], strict=True)}  # fmt: skip
    document = {
        "mixdeck_recipe": VERSION,
        "family": {"id": plan.name, "base": {"sha256": hashes[0]}},
        "experts": entries,
        "merge": recipe_to_dict(plan.recipe),
    }
    in_order = [[name, entry] for name, entry in entries.items()]  # a list: keys are sorted before they are hashed
    return {
        "format": "pt",
        "mixdeck:recipe": json.dumps(document, ensure_ascii=False),
        "mixdeck:recipe_hash": hash_of(document | {"experts": in_order, "merge": canonical(plan.recipe)}),
    }


def _write_pieces(
    file: BinaryIO,
    plan: FilePlan,
    job: Job,
    adapters: Mapping[str, Mapping[str, Factors]],
    kinship: Kinship,
    listener: Callable[[LoadProgress], None] | None,
) -> tuple[str, ...]:
    """Merge and write piece by piece; gives what there is to tell of the pieces, once each."""
    total = sum(slot.stop - slot.start for slot in job.slots[0].values())
    done, told = 0, dict[str, None]()
    with ExitStack() as stack:
        files = {path: stack.enter_context(path.open("rb"))
                 for checkpoint in (plan.base, *plan.experts) if checkpoint.kind == "full"
                 for path in checkpoint.paths}  # fmt: skip
        ballots = Ballots() if elects(plan.recipe) else None
        tied: list[tuple[int, Sequence[Cut]]] = []  # where a piece lies in which votes cancelled
        for cuts in pieces(job.slots[0], job.piece, job.is_split):
            place = file.tell()
            merged, notices = _merged(plan, job, adapters, cuts, files, kinship, ballots)
            told.update(dict.fromkeys(notices))
            done += _write(file, cuts, merged)
            if ballots and ballots.is_tied:
                tied.append((place, cuts))
            if listener:
                listener(LoadProgress("merged", done, total))
        for place, again in tied if ballots and ballots.decide() else ():
            file.seek(place)
            _write(file, again, _merged(plan, job, adapters, again, files, None, ballots)[0])
    return tuple(told)


def _write(file: BinaryIO, cuts: Sequence[Cut], merged: dict[str, Tensor]) -> int:
    """Write a piece and let go of it; gives the bytes written."""
    return sum(file.write(bytes_of(merged.pop(cut.key))) for cut in cuts)


def _merged(
    plan: FilePlan,
    job: Job,
    adapters: Mapping[str, Mapping[str, Factors]],
    cuts: Sequence[Cut],
    files: Mapping[Path, BinaryIO],
    kinship: Kinship | None,
    ballots: Ballots | None,
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """One piece merged, in the base's dtypes, and what there is to tell of it; `kinship` None counts nothing again."""
    from pipelines.merging.arena import Arena
    from pipelines.merging.layout import check_not_quantised
    from pipelines.merging.merge import finished
    from pipelines.merging.mixture import no_engine

    base = {cut.key: read(files, job.slots[0][cut.key], cut.start, cut.stop) for cut in cuts}
    experts = {}
    for expert, slots in zip(plan.experts, job.slots[1:], strict=True):
        is_full = expert.kind == "full"
        experts[expert.name] = (
            {cut.key: read(files, slots[cut.key], cut.start, cut.stop) for cut in cuts}
            if is_full
            else folded(base, adapters[expert.name])
        )
        for key, tensor in base.items():  # here, where a stretch of a matrix is still known to be one
            check_not_quantised(key, job.slots[0][key].shape, tensor, expert.name, experts[expert.name][key])
    blocks, densities = plan.recipe.blocks, plan.recipe.densities
    blocks = tuple(rule for rule in blocks if any(fnmatchcase(key, rule.match) for key in base))
    densities = tuple(rule for rule in densities if any(fnmatchcase(key, rule.match) for key in base))
    arena = Arena.from_checkpoints(base, experts, engine=no_engine)  # compiling one takes longer, and memory
    experts.clear()
    if kinship is not None:
        kinship.add(arena, base)
    return finished(arena, base, replace(plan.recipe, blocks=blocks, densities=densities), ballots), arena.notices
