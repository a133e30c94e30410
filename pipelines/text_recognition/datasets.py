"""Reads the IIIT5K word crops from a folder, in either layout, and generates sets that nobody has to download.

Full distribution: test/, train/, test.tags, train.tags and, where they were kept, testCharBound.mat (boxes of
characters) and testdata.mat (word lists). Subset: a labels.tsv in each folder. For evaluation only, not for training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipelines.shared.errors import UserError

NAME = "iiit5k"
FREQUENT = 500  # labels of the training split that make a word list where none is given


@dataclass(frozen=True)
class Word:
    """One crop.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        boxes_xyxy: of the characters, (n, 4) float32 pixels; None where nobody marked them.
        lexicons: name of a word list -> its words, the label among them.
    """

    image: np.ndarray
    label: str
    boxes_xyxy: np.ndarray | None = None
    lexicons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class WordSet:
    """A split on disk: `files` are paths and labels; what else is known goes by file name.

    Attributes:
        is_case_sure: labels have the case and the marks of the picture.
    """

    name: str
    files: tuple[tuple[Path, str], ...]
    boxes: Mapping[str, np.ndarray] = field(default_factory=dict)
    lexicons: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    is_case_sure: bool = False

    def __len__(self) -> int:
        return len(self.files)

    def words(self, limit: int | None = None) -> Iterator[Word]:
        """The words in order of their files, read one at a time; `limit` of them, spread over the set."""
        for index in spread(len(self.files), limit):
            path, label = self.files[index]
            yield Word(read_rgb(path), label, self.boxes.get(path.name), self.lexicons.get(path.name, {}))


def find_iiit5k(root: Path, split: str = "test") -> WordSet:
    """A split of IIIT5K in a folder, or in its folder iiit5k.

    Raises:
        UserError: neither layout is there, or a label has no picture.
    """
    for folder in (Path(root) / NAME, Path(root)):
        tags, table = folder / f"{split}.tags", folder / split / "labels.tsv"
        if tags.is_file():
            rows = [line.split(" ", 1) for line in _lines(tags)]
            files = [(folder / name, label) for name, label in rows]
        elif table.is_file():
            files = [(folder / split / name, label) for name, label in (line.split("\t", 1) for line in _lines(table))]
        else:
            continue
        if missing := [path.name for path, _ in files if not path.is_file()]:
            raise UserError(f"{folder.name}: {len(missing)} labelled pictures are missing, first {missing[0]}.")
        return WordSet(NAME, tuple(sorted(files)), _boxes(folder, split), _lexicons(folder, split))
    raise UserError(f"{Path(root).name} holds no IIIT5K: neither {split}.tags nor {split}/labels.tsv is there.")


def frequent_labels(words: WordSet, count: int = FREQUENT) -> tuple[str, ...]:
    """The commonest labels of a split, without case, commonest first."""
    counted = Counter(label.lower() for _, label in words.files)
    return tuple(label for label, _ in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:count])


def read_rgb(path: Path) -> np.ndarray:
    """A picture file as (H, W, 3) RGB, grey ones too. Raises UserError naming the file."""
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise UserError(f"{path.name} is not a picture this can read; expected PNG, JPEG, BMP or TIFF.")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def spread(count: int, limit: int | None) -> list[int]:
    """`limit` indices evenly spread over `count`, all of them without a limit."""
    if limit is None or limit >= count:
        return list(range(count))
    return [index * count // limit for index in range(max(limit, 0))]


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _boxes(folder: Path, split: str) -> dict[str, np.ndarray]:
    """File name -> (n, 4) XYXY of its characters, from the rows x, y, width, height that count pixels from 1."""
    found = {}
    for entry in _structs(folder / f"{split}CharBound.mat", f"{split}CharBound"):
        x, y, width, height = np.asarray(entry["charBB"], np.float32).reshape(-1, 4).T
        found[Path(str(entry["ImgName"])).name] = np.stack([x - 1, y - 1, x - 1 + width, y - 1 + height], 1)
    return found


def _lexicons(folder: Path, split: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """File name -> its word lists of 50 and 1,000."""
    names = {"smallLexi": "lexicon_50", "mediumLexi": "lexicon_1000"}
    return {
        Path(str(entry["ImgName"])).name: {
            title: tuple(str(word) for word in np.atleast_1d(entry[name])) for name, title in names.items()
        }
        for entry in _structs(folder / f"{split}data.mat", f"{split}data")
    }


def _structs(path: Path, name: str) -> Sequence[Any]:
    """The rows of a struct array in a MATLAB file; none where there is no file."""
    if not path.is_file():
        return ()
    from scipy.io import loadmat

    return list(np.atleast_1d(loadmat(path, squeeze_me=True, chars_as_strings=True)[name]))
