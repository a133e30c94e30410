"""Generated scenes by kind and number: picture, expressions with their answers, and names for what stands somewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from pipelines.grounding.results import GroundedObject
    from pipelines.shared.images import OpenedImage

SHOWN = 4_000_003  # first number of every seed: no training and no test draws these scenes
EXPRESSIONS = 10  # of a scene
MOST_SEED = 999_999_999


@dataclass(frozen=True)
class SceneRef:
    """Which scene: the name of a recipe of the generated world, and a number."""

    kind: str = "base"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in kinds():
            raise UserError(f"No kind of scene {self.kind!r}; known are {', '.join(kinds())}.", "Unknown scene")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed <= MOST_SEED:
            raise UserError(f"The seed of a scene is a whole number from 0 to {MOST_SEED:,}.", "Unknown scene")

    @staticmethod
    def from_dict(values: Any) -> SceneRef:
        """As a recipe has it. Raises UserError: no kind and seed by name, or such as there is none."""
        if not isinstance(values, Mapping) or not set(values) <= {"kind", "seed"}:
            raise UserError(
                f"The scene of a recipe is {str(values)[:60]!r}; expected are a kind and a seed by name, for example "
                "{kind: base, seed: 0}.", "Unknown scene",
            )  # fmt: skip
        return SceneRef(**values)

    @property
    def name(self) -> str:
        """Of its picture."""
        return f"{self.kind}-{self.seed}.png"


@dataclass(frozen=True)
class Truth:
    """The right answer to an expression of a scene.

    Attributes:
        kind: of the expression, "relation".
        boxes: of the targets, (k, 4) x0, y0, x1, y1, pixels of the picture; none if there is no target.
    """

    kind: str
    boxes: np.ndarray


def kinds() -> tuple[str, ...]:
    """Names of the recipes, those that training uses first."""
    from pipelines.grounding.synthetic.recipes import RECIPES

    return tuple(RECIPES)


@lru_cache(maxsize=32)
def drawn(ref: SceneRef) -> Any:
    """The scene with its expressions: `pixels`, `ids`, `boxes_xyxy`, `things`, `phrases`."""
    from pipelines.grounding.synthetic.world import sample

    found = sample((SHOWN, ref.seed), ref.kind, EXPRESSIONS)
    return replace(found, phrases=tuple({_plain(one.text): one for one in found.phrases}.values()))


def picture_of(ref: SceneRef) -> OpenedImage:
    """The picture, as if it had been brought."""
    import hashlib

    import numpy as np

    from pipelines.shared.images import OpenedImage

    pixels = np.ascontiguousarray(drawn(ref).pixels)
    mark = hashlib.sha256(pixels.data).hexdigest()
    return OpenedImage(pixels.astype(np.float32) / 255, ref.name, mark, is_grey=False)


def truth_of(ref: SceneRef, phrase: str) -> Truth | None:
    """The answer to one of the scene's own expressions, in any case; None for other words."""
    import numpy as np

    scene = drawn(ref)
    for one in scene.phrases:
        if _plain(one.text) == _plain(phrase):
            return Truth(one.kind, np.asarray(scene.boxes_xyxy, np.float32)[list(one.targets)].reshape(-1, 4))
    return None


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".?! ")


def name_at(ref: SceneRef, point_xy: tuple[int, int]) -> str | None:
    """The shortest expression for what is seen at a point, pixels; None on the ground, outside the picture, and where
    nothing tells the thing from the others."""
    from pipelines.grounding.synthetic.describe import describe
    from pipelines.grounding.synthetic.predicates import Facts

    number = _number_at(ref, point_xy)
    named = describe(Facts.of(drawn(ref)), number - 1) if number else None
    return named[0] if named else None


def is_thing_at(ref: SceneRef, point_xy: tuple[int, int]) -> bool:
    """Whether something stands at a point, pixels, with or without a name."""
    return _number_at(ref, point_xy) > 0


def _number_at(ref: SceneRef, point_xy: tuple[int, int]) -> int:
    """Of a thing, from 1; 0 is the ground, and what is outside the picture."""
    ids, (x, y) = drawn(ref).ids, point_xy
    height, width = ids.shape
    return int(ids[y, x]) if 0 <= x < width and 0 <= y < height else 0


def is_hit(objects: Sequence[GroundedObject], truth: Truth) -> bool:
    """Whether objects and targets match one to one at an IoU of 0.5; of none, whether none was found."""
    import numpy as np

    from pipelines.grounding.metrics import exact_boxes

    return exact_boxes([np.array(one.box_xyxy) for one in objects], truth.boxes)
