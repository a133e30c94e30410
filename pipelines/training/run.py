"""One training run of a family: where its checkpoints lie, what is still to be trained, and from which base."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily
from pipelines.training.checkpoints import loaded

BASE = "base"
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Run:
    """What one command trains.

    Attributes:
        folder: of this preset and seed; base.safetensors and one file per expert.
        experts: those that are trained, in family order.
        is_whole: base and all experts, so that the result can be published.
    """

    folder: Path
    experts: tuple[str, ...]
    is_whole: bool

    def start(self, model: nn.Module) -> None:
        """Put the run's base, as it is stored, into the network. Raises UserError when it is of another network."""
        fill(model, self.folder / f"{BASE}.safetensors")


def open_run(
    family: ModelFamily, folder: Path, preset: str, seed: int, expert: str | None = None, base: Path | None = None
) -> Run:
    """The run of a preset and seed below `folder`: one expert or all, from the run's own base or from `base`.

    Raises:
        UserError: one expert is asked for and this run has no base yet; `base` is not a safetensors file.
    """
    run = folder / family.name / f"{preset}-seed{seed}"
    experts = tuple(family.experts) if expert is None else (expert,)
    own = run / f"{BASE}.safetensors"
    if base is not None:
        _adopt(base, own)
    elif expert is not None and not own.is_file():
        raise UserError(f"No base at {own}: train the family without --expert first, or give a base with --base.")
    return Run(run, experts, is_whole=expert is None and base is None)


def fill(model: nn.Module, path: Path) -> None:
    """Put the weights of a stored checkpoint into the network. Raises UserError when they are of another network."""
    weights = loaded(path)
    there, wanted = ({key: tuple(value.shape) for key, value in one.items()} for one in (weights, model.state_dict()))
    wrong = sorted({key for key, _ in there.items() ^ wanted.items()})
    if wrong:
        raise UserError(
            f"{path} does not fit {type(model).__name__} of this preset: {len(wrong)} of its tensors are missing, "
            f'unknown or of another shape, first "{wrong[0]}".'
        )
    model.load_state_dict(weights)


def by_pixel(model: Network) -> Network:
    """The network with the channels of a pixel side by side in its convolutions' weights: faster steps on a CPU."""
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _adopt(base: Path, own: Path) -> None:
    if base.suffix != ".safetensors" or not base.is_file():
        raise UserError(f"--base {base}: expected the .safetensors file that experts start from.")
    own.parent.mkdir(parents=True, exist_ok=True)
    if not (own.is_file() and own.samefile(base)):
        shutil.copyfile(base, own)
