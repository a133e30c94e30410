"""What grounding gives back: objects, and triplets (phrase, decoding, targets) that name them (REF-VLM's paradigm)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pipelines.shared.notice import Notice
from pipelines.shared.run_info import RunInfo

if TYPE_CHECKING:
    import numpy as np

    from pipelines.grounding.decode import Raw

DECODES = ("box", "mask", "center", "heatmap", "anchor")


@dataclass(frozen=True)
class GroundedObject:
    """An object that a phrase refers to.

    Attributes:
        id: number in the result, from 1.
        box_xyxy: pixels of the picture.
        score: 0 to 1.
        mask: bool, (H, W).
        center: x, y in pixels: the middle of the box, or of the pixels of a corrected mask.
        consistency: IoU of box and mask, 0 to 1; below 0.5 they disagree.
        cell: row and column of the network's grid that it was found at; None where there is no grid.
        is_corrected: whether the mask, and with it box and centre, is a person's and not the network's.
    """

    id: int
    phrase: str
    box_xyxy: tuple[float, float, float, float]
    score: float
    mask: np.ndarray
    center: tuple[float, float]
    consistency: float
    cell: tuple[int, int] | None = None
    is_corrected: bool = False

    @property
    def area_share(self) -> float:
        """Of the picture, 0 to 1."""
        return float(self.mask.mean())


@dataclass(frozen=True)
class PhraseResult:
    """What was said about one phrase.

    Attributes:
        existence: probability of there being a referent, 0 to 1.
        targets: ids of its objects; none says that nothing matches.
        heat, anchor: where the centre is, and where the objects are that it refers to besides; (h, w), 0 to 1,
            with the picture's proportions and a megapixel at most.
        unknown: words that no training said.
        raw: what thresholds act on.
        decodes: what of its answer is wanted, of DECODES.
    """

    phrase: str
    existence: float
    targets: tuple[int, ...]
    heat: np.ndarray
    anchor: np.ndarray
    unknown: tuple[str, ...]
    raw: Raw
    decodes: tuple[str, ...] = DECODES


@dataclass(frozen=True)
class GroundingResult:
    """Objects and phrases of one picture.

    Attributes:
        size_wh: of the picture, pixels.
        thresholds: by name.
    """

    size_wh: tuple[int, int]
    objects: tuple[GroundedObject, ...]
    phrases: tuple[PhraseResult, ...]
    run: RunInfo
    thresholds: Mapping[str, float] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()

    def __post_init__(self) -> None:
        assert [one.id for one in self.objects] == list(range(1, len(self.objects) + 1))
        assert all(one.mask.shape == self.size_wh[::-1] for one in self.objects)

    def triplets(self) -> list[dict[str, Any]]:
        """Records of phrase, decoding and ids of the targets."""
        return [
            {"phrase": one.phrase, "decode": decode, "targets": list(one.targets)}
            for one in self.phrases
            for decode in one.decodes
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; masks as COCO run lengths, maps left out."""
        return {
            "size_wh": list(self.size_wh),
            "triplets": self.triplets(),
            "existence": {one.phrase: one.existence for one in self.phrases},
            "objects": [_object(one) for one in self.objects],
            "thresholds": dict(self.thresholds),
            "notices": [asdict(one) for one in self.notices],
            "run": asdict(self.run),
        }


def _object(one: GroundedObject) -> dict[str, Any]:
    return {
        "id": one.id,
        "phrase": one.phrase,
        "box_xyxy": list(one.box_xyxy),
        "score": one.score,
        "center": list(one.center),
        "area_share": one.area_share,
        "consistency": one.consistency,
        "is_corrected": one.is_corrected,
        "mask_rle": run_lengths(one.mask),
    }


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """COCO's uncompressed run lengths: column by column, zeros first."""
    import numpy as np

    flat = np.concatenate([[False], mask.flatten(order="F"), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    lengths = np.diff(np.concatenate([[0], edges, [mask.size]] if not len(edges) or edges[-1] < mask.size
                                     else [[0], edges]))  # fmt: skip
    return {"size": list(mask.shape), "counts": lengths.tolist()}
