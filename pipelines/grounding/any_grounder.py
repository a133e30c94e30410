"""One call for every family that grounds: `open_grounder(cache, family)`, and `GROUNDERS` for the menu of models.

What comes back has the call of `GroundingPipeline`, `raws(image, phrases, recipe)` for what a network says before any
threshold, and `described(image, phrases, raws, thresholds, run)`, which makes results of that without a network. A page
that keeps raw answers asks their `nbytes`, which those of both tiers have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pipelines.grounding.family import PLVL_FAMILY
from pipelines.grounding.full.families import GROUNDERS as FULL_GROUNDERS
from pipelines.grounding.full.families import Grounder as FullGrounder
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.grounding.results import GroundingResult
    from pipelines.grounding.thresholds import Thresholds
    from pipelines.merging.recipe import MergeRecipe
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily
    from pipelines.shared.images import OpenedImage
    from pipelines.shared.run_info import RunInfo

GROUNDERS: tuple[ModelFamily, ...] = (PLVL_FAMILY, *FULL_GROUNDERS)


class Grounder(Protocol):
    """What the pipelines of both tiers can do."""

    def __call__(
        self,
        image: OpenedImage,
        phrases: Sequence[str],
        options: Thresholds | None = None,
        recipe: MergeRecipe | None = None,
    ) -> GroundingResult:
        """Find what each phrase refers to."""

    def raws(
        self, image: OpenedImage, phrases: Sequence[str], recipe: MergeRecipe | None = None
    ) -> tuple[list[Any], RunInfo]:
        """What the mix says before any threshold."""

    def described(
        self, image: OpenedImage, phrases: Sequence[str], raws: Sequence[Any], thresholds: Thresholds, run: RunInfo
    ) -> GroundingResult:
        """The result of raw answers under thresholds."""


def grounder_family(name: str) -> ModelFamily:
    """The family of that name among those that ground. Raises UserError naming the known ones."""
    for family in GROUNDERS:
        if family.name == name:
            return family
    raise UserError(f"No grounder {name!r}; known are {', '.join(family.name for family in GROUNDERS)}.")


def open_grounder(cache: ModelCache, family: ModelFamily) -> Grounder:
    """A pipeline that runs the family's mixes."""
    if isinstance(family.build, FullGrounder):
        from pipelines.grounding.full.pipeline import FullGroundingPipeline

        return FullGroundingPipeline(cache, family)
    from pipelines.grounding.pipeline import GroundingPipeline

    return GroundingPipeline(cache, family)
