"""Reads the public evaluation sets of image fusion from a folder, and generates stand-ins where there is none.

Expected below the root: mef/NAME_A and NAME_B (under- and over-exposed), mef_stacks/NAME/0..5 (brightest first; those
of phones, NAME meflut_N, are also a set of their own), irvis/SET/ir and vi, medical/mri_X/mri and X,
multifocus/lytro/NAME-A and -B. For evaluation only, not for training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.fusion.synthetic.sample import FusionSample

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
STACK_LONG_SIDE_PX = 1024
GENERATED_SIZE_HW = (192, 256)
GENERATED_SCENES = 8
GENERATED_SEED = 77_000

Frames = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Scene:
    """Frames of one scene in the order of the task: brightest, thermal or MRI first.

    Attributes:
        frames: (H, W, 3) uint8 RGB each, one size.
        labels: (H, W) uint8 class per pixel, 255 to be ignored; None where nobody labelled.
    """

    name: str
    frames: Frames
    labels: np.ndarray | None = None


@dataclass(frozen=True)
class EvaluationSet:
    """One folder of scenes: `name` as below the root ("irvis/tno"), `task` as the fusion options name it."""

    name: str
    task: str
    files: tuple[tuple[str, tuple[Path, ...]], ...]

    def __len__(self) -> int:
        return len(self.files)

    def scenes(self, limit: int | None = None) -> Iterator[Scene]:
        """The scenes in order of their names, read one at a time; `limit` of them, spread over the set."""
        for index in spread(len(self.files), limit):
            name, paths = self.files[index]
            frames = tuple(read_rgb(path) for path in paths)
            is_stack = self.name.startswith("mef_stacks")
            yield Scene(name, tuple(_reduced(frame) for frame in frames) if is_stack else frames)


@dataclass(frozen=True)
class GeneratedSet:
    """Scenes of a task that are made while they are asked for; the same every time, unlike any training scene."""

    name: str
    task: str

    def __len__(self) -> int:
        return GENERATED_SCENES

    def scenes(self, limit: int | None = None) -> Iterator[Scene]:
        """As in EvaluationSet."""
        for index in spread(len(self), limit):
            yield _generated(self.task, index)


def find_sets(root: Path) -> tuple[EvaluationSet, ...]:
    """The sets below a folder, or below its `fusion` folder.

    Raises:
        UserError: none of the known folders is there, or a pair lacks its second half.
    """
    root = Path(root)
    if (root / "fusion").is_dir():
        root = root / "fusion"
    found = [EvaluationSet("mef", "mef", _suffixed(root / "mef", "_B", "_A"))]
    stacks = _stacks(root / "mef_stacks")
    phones = tuple(one for one in stacks if one[0].startswith("meflut_"))
    found += [EvaluationSet("mef_stacks", "mef", stacks), EvaluationSet("mef_stacks/phone", "mef", phones)]
    for name in ("tno", "roadscene"):
        found.append(EvaluationSet(f"irvis/{name}", "ivis", _paired(root / "irvis" / name, "ir", "vi")))
    for name in ("ct", "pet", "spect"):
        found.append(EvaluationSet(f"medical/mri_{name}", "med", _paired(root / f"medical/mri_{name}", "mri", name)))
    found.append(EvaluationSet("multifocus/lytro", "mff", _suffixed(root / "multifocus" / "lytro", "-A", "-B")))
    sets = tuple(one for one in found if len(one))
    if not sets:
        known = ", ".join(one.name for one in found)
        raise UserError(f"{root.name} holds none of the evaluation sets {known}; name the folder above them.")
    return sets


def generated_sets() -> tuple[GeneratedSet, ...]:
    """One small set per task."""
    return tuple(GeneratedSet(f"generated/{task}", task) for task in ("ivis", "mef", "mff", "med"))


def published_tables(root: Path) -> Mapping[int, np.ndarray]:
    """The published tables, if the folder has them: count -> (K, 256), brightest exposure first."""
    from pipelines.fusion.meflut import parse_table

    found = {}
    for base in (Path(root), Path(root) / "fusion"):
        for count in (2, 3, 4):
            files = [base / f"meflut_reference_luts/{count}frames/{k}_weight.txt" for k in range(count)]
            if all(file.is_file() for file in files):
                found[count] = np.stack([parse_table(file.read_text()) for file in files])
    return found


def read_rgb(path: Path) -> np.ndarray:
    """A picture file as (H, W, 3) RGB. Raises UserError naming the file."""
    import cv2

    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise UserError(f"{path.name} is not a picture this can read; expected PNG, JPEG, BMP or TIFF.")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def spread(count: int, limit: int | None) -> list[int]:
    """`limit` indices evenly spread over `count`, all of them without a limit."""
    if limit is None or limit >= count:
        return list(range(count))
    return [index * count // limit for index in range(max(limit, 0))]


def _suffixed(folder: Path, first: str, second: str) -> tuple[tuple[str, tuple[Path, ...]], ...]:
    files = {path.stem: path for path in _pictures(folder)}
    names = sorted(stem.removesuffix(first) for stem in files if stem.endswith(first))
    return tuple((name, (files[name + first], _partner(files, name + second, folder))) for name in names)


def _paired(folder: Path, first: str, second: str) -> tuple[tuple[str, tuple[Path, ...]], ...]:
    partners = {path.stem: path for path in _pictures(folder / second)}
    return tuple(
        (path.stem, (path, _partner(partners, path.stem, folder / second))) for path in _pictures(folder / first)
    )


def _stacks(folder: Path) -> tuple[tuple[str, tuple[Path, ...]], ...]:
    if not folder.is_dir():
        return ()
    stacks = ((child.name, tuple(_pictures(child))) for child in sorted(folder.iterdir()) if child.is_dir())
    return tuple((name, files) for name, files in stacks if len(files) > 1)


def _partner(files: Mapping[str, Path], stem: str, folder: Path) -> Path:
    if stem not in files:
        raise UserError(f"{folder.name} has no picture {stem}: every scene needs both its frames.")
    return files[stem]


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)


def _reduced(frame: np.ndarray) -> np.ndarray:
    import cv2

    factor = STACK_LONG_SIDE_PX / max(frame.shape[:2])
    if factor >= 1:
        return frame
    size_wh = round(frame.shape[1] * factor), round(frame.shape[0] * factor)
    return np.asarray(cv2.resize(frame, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def _generated(task: str, index: int) -> Scene:
    from pipelines.fusion.synthetic.exposures import exposures
    from pipelines.fusion.synthetic.infrared_visible import infrared_visible
    from pipelines.fusion.synthetic.medical import medical
    from pipelines.fusion.synthetic.multi_focus import multi_focus

    makers: Mapping[str, Callable[..., FusionSample]] = {
        "ivis": infrared_visible,
        "mef": exposures,
        "mff": multi_focus,
        "med": medical,
    }
    sample = makers[task](np.random.default_rng((GENERATED_SEED, index)), GENERATED_SIZE_HW)
    frames = np.rint(sample.images * 255).astype(np.uint8)
    return Scene(f"{task}-{index}", tuple(frames), sample.labels)
