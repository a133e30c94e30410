"""Whole photographs: text is found, cut into words, read in one batch, and told in reading order.

Words that run more upright than level come as tall crops; the word reader looks at those three ways by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.shared.images import OpenedImage, to_bytes
from pipelines.shared.notice import Notice, warning
from pipelines.shared.tables import csv_table
from pipelines.text_recognition.inputs import SMALLEST_PX
from pipelines.text_recognition.rectify import cut, rectified, word_spans
from pipelines.text_recognition.views import TALL

if TYPE_CHECKING:
    from pipelines.text_recognition.detection import OpenedDetector, TextRegion
    from pipelines.text_recognition.results import RecognitionResult

MOST_WORDS = 300
SAME_LINE = 0.5  # of the height: how far apart the middles of two regions of one line may be
Read = Callable[[Sequence["OpenedImage"]], Sequence["RecognitionResult"]]


@dataclass(frozen=True)
class FoundWord:
    """A word of a photograph before it is read.

    Attributes:
        corners: (4, 2) float32, x and y in pixels of the photograph, clockwise from the top left.
        score: how sure the detector is of its region, 0 to 1.
        line: number of its line, from 1.
        pixels: the level crop, (h, w, 3) uint8.
    """

    corners: np.ndarray
    score: float
    line: int
    pixels: np.ndarray


@dataclass(frozen=True)
class Finding:
    """The words of a photograph in reading order before they are read; `detector` found them in `seconds`."""

    words: tuple[FoundWord, ...]
    detector: str
    notices: tuple[Notice, ...]
    seconds: float


@dataclass(frozen=True)
class PhotoWord:
    """A word of a photograph, found and read."""

    found: FoundWord
    reading: RecognitionResult


@dataclass(frozen=True)
class PhotographReading:
    """All words of a photograph in reading order.

    Attributes:
        detector: name of what found them.
        seconds: "find", "read" and their "total"; the words may have been found for an earlier reading.
    """

    words: tuple[PhotoWord, ...]
    detector: str
    notices: tuple[Notice, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The words, a line of text for each line of the photograph."""
        lines: dict[int, list[str]] = {}
        for word in self.words:
            lines.setdefault(word.found.line, []).append(word.reading.text)
        return "\n".join(" ".join(filter(None, line)) for line in lines.values())

    def rows(self) -> list[dict[str, Any]]:
        """A row per word, for a table."""
        return [
            {
                "number": number,
                "line": word.found.line,
                "text": word.reading.text,
                "confidence": word.reading.confidence,
                "is_doubtful": word.reading.is_doubtful,
                "score": word.found.score,
                "turned": word.reading.turned,
                "corners": word.found.corners.round(1).tolist(),
            }
            for number, word in enumerate(self.words, 1)
        ]

    def to_csv(self) -> str:
        """The rows for a spreadsheet; a column for each coordinate."""
        names = [f"{axis}{corner}" for corner in range(1, 5) for axis in "xy"]
        flat = [
            {key: _cell(value) for key, value in row.items() if key != "corners"}
            | {name: f"{value:.1f}" for name, value in zip(names, np.ravel(row["corners"]), strict=True)}
            for row in self.rows()
        ]
        return csv_table(flat)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form: everything but pictures."""
        return {"text": self.text, "detector": self.detector, "seconds": dict(self.seconds), "words": self.rows(),
                "notices": [asdict(notice) for notice in self.notices]}  # fmt: skip


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def read_photograph(
    image: OpenedImage, detector: OpenedDetector, read: Read, reads_lines: bool = False
) -> PhotographReading:
    """Find the words of a photograph and read them in one batch.

    Args:
        read: a reader of word crops, as `open_reader` gives it.
        reads_lines: it reads whole lines with their blanks, so regions are not cut into words.
    """
    return read_found(find(image, detector, not reads_lines), read)


def find(image: OpenedImage, detector: OpenedDetector, is_cut: bool = True) -> Finding:
    """What `read_found` reads, as often as it is asked to."""
    began = time.perf_counter()
    words, notices = find_words(image, detector, is_cut)
    return Finding(words, detector.name, notices, time.perf_counter() - began)


def read_found(found: Finding, read: Read) -> PhotographReading:
    """Read the words that were found, in one batch."""
    began = time.perf_counter()
    crops = [as_picture(word.pixels, f"word {number}") for number, word in enumerate(found.words, 1)]
    readings = read(crops) if crops else ()
    words = tuple(PhotoWord(word, reading) for word, reading in zip(found.words, readings, strict=True))
    read_s = time.perf_counter() - began
    seconds = {"find": found.seconds, "read": read_s, "total": found.seconds + read_s}
    return PhotographReading(words, found.detector, found.notices, seconds)


def find_words(
    image: OpenedImage, detector: OpenedDetector, is_cut: bool = True
) -> tuple[tuple[FoundWord, ...], tuple[Notice, ...]]:
    """The words of a photograph in reading order, and what to say about them; lines where they are not cut."""
    pixels = to_bytes(image.pixels)
    words = [
        word
        for number, line in enumerate(in_lines(detector.detect(pixels)), 1)
        for region in line
        for word in _words_of(region, number, pixels, is_cut)
    ]
    notices = list(detector.notices)
    if not words:
        notices.append(
            warning(
                f"No text was found in {image.name}. Try a larger picture, or cut out one word; on the command line, a "
                "lower --box-threshold finds more."
            )
        )
    if len(words) > MOST_WORDS:
        notices.append(warning(f"{len(words)} words were found; the first {MOST_WORDS} are read."))
    return tuple(words[:MOST_WORDS]), tuple(notices)


def in_lines(regions: Sequence[TextRegion]) -> list[list[TextRegion]]:
    """Regions by line, top to bottom, and within a line left to right.

    A region joins the line whose last region's middle is, in height, within half the height of the lower of both, if
    nothing of that line stands above or below it: two columns are not one line.
    """
    lines: list[list[TextRegion]] = []
    for region in sorted(regions, key=lambda one: float(one.corners[:, 1].mean())):
        home = next((line for line in reversed(lines) if _goes_on(line, region)), None)
        if home is None:
            lines.append([region])
        else:
            home.append(region)
    return [sorted(line, key=lambda one: float(one.corners[:, 0].mean())) for line in lines]


def as_picture(pixels: np.ndarray, name: str) -> OpenedImage:
    """A crop (h, w, 3) uint8 as the word reader takes it."""
    import hashlib

    mark = hashlib.sha256(pixels.tobytes()).hexdigest()
    return OpenedImage(pixels.astype(np.float32) / 255, name, mark, is_grey=False)


def _goes_on(line: Sequence[TextRegion], region: TextRegion) -> bool:
    return _are_level(line[-1], region) and not any(_share_columns(one, region) for one in line)


def _share_columns(first: TextRegion, second: TextRegion) -> bool:
    """Whether more than half of the narrower one stands in the columns of the other."""
    lefts, rights = zip(*((one.corners[:, 0].min(), one.corners[:, 0].max()) for one in (first, second)), strict=True)
    shared = min(rights) - max(lefts)
    return bool(shared > 0.5 * min(right - left for left, right in zip(lefts, rights, strict=True)))


def _are_level(first: TextRegion, second: TextRegion) -> bool:
    middles = [float(one.corners[:, 1].mean()) for one in (first, second)]
    return abs(middles[0] - middles[1]) <= SAME_LINE * min(_height(first), _height(second))


def _height(region: TextRegion) -> float:
    """Of the left and the right side, in pixels."""
    corners = region.corners
    return float(np.linalg.norm(corners[3] - corners[0]) + np.linalg.norm(corners[2] - corners[1])) / 2


def _words_of(region: TextRegion, line: int, pixels: np.ndarray, is_cut: bool) -> list[FoundWord]:
    crop = rectified(pixels, region.corners)
    if min(crop.shape[:2]) < SMALLEST_PX:
        return []
    if not is_cut or crop.shape[0] > TALL * crop.shape[1]:  # upright: its letters do not stand side by side
        return [FoundWord(region.corners, region.score, line, crop)]
    parts = cut(region.corners, word_spans(crop))
    crops = [rectified(pixels, corners) for corners in parts]
    return [
        FoundWord(corners, region.score, line, part)
        for corners, part in zip(parts, crops, strict=True)
        if min(part.shape[:2]) >= SMALLEST_PX
    ]
