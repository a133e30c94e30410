"""What grounding gives back: objects, and triplets (phrase, decoding, targets) that name them (REF-VLM's paradigm)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError
from pipelines.shared.notice import Notice
from pipelines.shared.run_info import RunInfo

if TYPE_CHECKING:
    import numpy as np

    from pipelines.grounding.decode import Raw

DECODES = ("box", "mask", "center", "heatmap", "anchor")
MOST_PIXELS = 1_000_000_000  # of all masks of a result, a byte each


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
        decodes: what of it is wanted, of DECODES; the rest is in no file and no table.
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
    decodes: tuple[str, ...] = DECODES

    @property
    def has_mask(self) -> bool:
        """Whether its mask is wanted."""
        return "mask" in self.decodes

    @property
    def has_box(self) -> bool:
        """Whether its box is wanted."""
        return "box" in self.decodes

    @property
    def area_share(self) -> float:
        """Of the picture, 0 to 1."""
        return float(self.mask.mean())


@dataclass(frozen=True)
class PhraseResult:
    """What was said about one phrase.

    Attributes:
        existence: probability of there being a referent, 0 to 1.
        targets: ids of its objects; none says that nothing matches, or that it was only asked whether anything does.
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
    told: dict[str, Any] = {"id": one.id, "phrase": one.phrase, "score": one.score, "is_corrected": one.is_corrected}
    if one.has_box:
        told["box_xyxy"] = list(one.box_xyxy)
    if "center" in one.decodes:
        told["center"] = list(one.center)
    if one.has_mask:
        told |= {"area_share": one.area_share, "mask_rle": run_lengths(one.mask)}
    return told | ({"consistency": one.consistency} if one.has_box and one.has_mask else {})


def is_absent(one: PhraseResult, least: float) -> bool:
    """Whether nothing was found of a phrase; of one that was only asked, whether it exists less surely than `least`."""
    return not one.targets and (bool(one.decodes) or one.existence < least)


def disagreement(number: int) -> str:
    """What is said of an object whose box and mask do not fit each other."""
    return f"Box and mask of #{number} disagree."


def check_masks(count: int, size_wh: tuple[int, int]) -> None:
    """Raises UserError: so many masks of a picture of that size would not fit into memory."""
    pixels = size_wh[0] * size_wh[1]
    if count * pixels > MOST_PIXELS:
        raise UserError(
            f"{count} objects were found in a picture of {pixels / 1e6:.0f} megapixels: their masks are too much for "
            f"memory, {MOST_PIXELS / 1e6:,.0f} megapixels together at most. Choose fewer phrases or a smaller picture.",
            "Too many masks",
        )  # fmt: skip


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """COCO's uncompressed run lengths: column by column, zeros first."""
    import numpy as np

    flat = np.concatenate([[False], mask.flatten(order="F"), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    lengths = np.diff(np.concatenate([[0], edges, [mask.size]] if not len(edges) or edges[-1] < mask.size
                                     else [[0], edges]))  # fmt: skip
    return {"size": list(mask.shape), "counts": lengths.tolist()}
