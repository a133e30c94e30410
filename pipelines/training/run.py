"""One training run of a family: what was asked for, where its checkpoints lie, and in which order they are made."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily
from pipelines.training.checkpoints import loaded, store
from pipelines.training.loop import Batch, Stage, train_stage

BASE = "base"
PUBLISHED = ("cpu", "gpu")  # presets whose whole runs go into assets
Network = TypeVar("Network", bound=nn.Module)
Preset = TypeVar("Preset")
Trained = tuple[Path, float]  # a stored checkpoint, and the seconds of work in it


@dataclass(frozen=True)
class TrainingOptions:
    """What is asked of a family's trainer.

    Attributes:
        expert: one expert, from the base of the same run; None is the base and all experts.
        preset: size of the run, by name.
        seed: of weights and data.
        resume: go on where an interrupted run of this preset and seed stopped.
        folder: where runs are stored.
        base: a safetensors file that experts start from instead of a base trained in this run.
        lineage: what of the run comes from another one, in words, for the manifest.
    """

    expert: str | None = None
    preset: str = "cpu"
    seed: int = 0
    resume: bool = False
    folder: Path = Path("checkpoints")
    base: Path | None = None
    lineage: str = ""

    def folder_of(self, family: ModelFamily) -> Path:
        """Where the checkpoints of this preset and seed lie."""
        return self.folder / family.name / f"{self.preset}-seed{self.seed}"

    def manifest(self, family: str) -> dict[str, Any]:
        """What the manifest says of a whole run's command."""
        command = f"python -m pipelines train {family} --preset {self.preset} --seed {self.seed}"
        about = {"command": command, "seed": self.seed, "preset": self.preset}
        return about | ({"lineage": self.lineage} if self.lineage else {})


@dataclass(frozen=True)
class Run:
    """A run as it is carried out.

    Attributes:
        options: what was asked for.
        folder: of this preset and seed; base.safetensors and one file per expert.
        experts: those that are trained, in family order.
    """

    options: TrainingOptions
    folder: Path
    experts: tuple[str, ...] = ()

    @property
    def seed(self) -> int:
        """Of weights and data."""
        return self.options.seed

    @property
    def is_whole(self) -> bool:
        """Whether base and all experts are trained, so that the result can be published."""
        return self.options.expert is None and self.options.base is None

    @property
    def device(self) -> str:
        """The GPU where there is one."""
        return "cuda" if torch.cuda.is_available() else "cpu"

    def path(self, name: str) -> Path:
        """Where a checkpoint of this run lies."""
        return self.folder / f"{name}.safetensors"

    def stage(
        self, model: nn.Module, stage: Stage, make_batch: Callable[[np.random.Generator, int], Batch],
        loss_of: Callable[[Any, Batch, int], Tensor],
    ) -> float:  # fmt: skip
        """Train one stage in place; the seconds it took."""
        return train_stage(model, stage, make_batch, loss_of, self.folder, self.options.resume, self.device)

    def store(self, model: nn.Module, name: str, seconds: float) -> Trained:
        """Keep a checkpoint."""
        return store(model, self.path(name), seconds), seconds

    def start(self, model: Network, name: str = BASE) -> Network:
        """The network with a checkpoint of this run, as it is stored. Raises UserError when that is of another one."""
        return fill(model, self.path(name))


def preset_of(family: ModelFamily, options: TrainingOptions, presets: Mapping[str, Preset]) -> Preset:
    """The size that is asked for. Raises UserError where the family has none of that name."""
    if options.preset not in presets:
        raise UserError(f"{family.name} has no preset {options.preset!r}; it has {', '.join(presets)}.")
    return presets[options.preset]


def open_run(family: ModelFamily, options: TrainingOptions) -> Run:
    """The run that is asked for.

    Raises:
        UserError: one expert is asked for and this run has no base yet; the given base is not a safetensors file.
    """
    experts = tuple(family.experts) if options.expert is None else (options.expert,)
    run = Run(options, options.folder_of(family), experts)
    if options.base is not None:
        _adopt(options.base, run.path(BASE))
    elif options.expert is not None and not run.path(BASE).is_file():
        raise UserError(
            f"No base at {run.path(BASE)}: train the family without --expert first, or give a base with --base."
        )
    return run


def train_run(
    run: Run, base: Callable[[], Trained], expert: Callable[[str], Trained],
    publish: Callable[[dict[str, Path], float], object],
) -> dict[str, Path]:  # fmt: skip
    """Train what the run is of; name -> safetensors file.

    Args:
        base, expert: train and store one checkpoint.
        publish: puts the files of a whole run of a PUBLISHED preset into assets; gets all its seconds too.
    """
    made: dict[str, Trained] = {}
    if run.is_whole:
        made[BASE] = base()
    made |= {task: expert(task) for task in run.experts}
    files = {name: path for name, (path, _) in made.items()}
    if run.is_whole and run.options.preset in PUBLISHED:
        publish(files, sum(seconds for _, seconds in made.values()))
    return files


def fill(model: Network, path: Path) -> Network:
    """The network with the weights of a stored checkpoint. Raises UserError when they are of another network."""
    weights = loaded(path)
    wrong = _unlike(weights, model.state_dict())
    if wrong:
        raise UserError(
            f"{path} does not fit {type(model).__name__} of this preset: {len(wrong)} of its tensors are missing, "
            f'unknown or of another shape, first "{wrong[0]}".'
        )
    model.load_state_dict(weights)
    return model


def by_pixel(model: Network) -> Network:
    """The network with the channels of a pixel side by side in its convolutions' weights: faster steps on a CPU."""
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _unlike(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> list[str]:
    """Keys that only one has, or that have other shapes."""
    first, second = ({key: tuple(value.shape) for key, value in each.items()} for each in (one, other))
    return sorted({key for key, _ in first.items() ^ second.items()})


def _adopt(base: Path, own: Path) -> None:
    if base.suffix != ".safetensors" or not base.is_file():
        raise UserError(f"--base {base}: expected the .safetensors file that experts start from.")
    own.parent.mkdir(parents=True, exist_ok=True)
    if not (own.is_file() and own.samefile(base)):
        shutil.copyfile(base, own)
