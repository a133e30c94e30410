"""What the grounding tab computes, without a widget: jobs, and a bench that keeps pictures and raw answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from demos.bench import Bench
from pipelines.grounding.correction import Correction, corrected
from pipelines.grounding.query import Query, restricted
from pipelines.grounding.random_scene import SceneRef, Truth, picture_of, truth_of
from pipelines.grounding.thresholds import Thresholds
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError
from pipelines.shared.scoring import scores_so_far

if TYPE_CHECKING:
    from pipelines.grounding.any_grounder import Grounder
    from pipelines.grounding.counterfactual import Dropped
    from pipelines.grounding.decode import Raw
    from pipelines.grounding.pipeline import GroundingPipeline
    from pipelines.grounding.results import GroundingResult
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily
    from pipelines.shared.images import OpenedImage
    from pipelines.shared.run_info import RunInfo

DIAL = "refuse"  # the expert that says how readily nothing is found
DIAL_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Job:
    """One look that a visitor asks for: everything that decides its answer.

    `scene` is a generated picture; without one, `path` is a file that the page has received. `network` names a
    published network that is asked instead of the mix; empty is the mix. `corrections` are masks that a person has
    painted for objects of the answer, by their number.
    """

    path: str
    scene: SceneRef | None
    queries: tuple[Query, ...]
    thresholds: Thresholds
    recipe: MergeRecipe
    network: str = ""
    corrections: tuple[Correction, ...] = ()

    @property
    def key(self) -> str:
        """Equal for equal jobs."""
        told = (self.path, self.scene, self.queries, self.thresholds, self.recipe, self.network, self.corrections)
        return hashlib.sha256(repr(told).encode()).hexdigest()

    @property
    def phrases(self) -> tuple[str, ...]:
        """What is looked for."""
        return tuple(query.phrase for query in self.queries)

    @property
    def uncorrected(self) -> Job:
        """The same look with the network's own masks."""
        return replace(self, corrections=())

    @property
    def by_hand(self) -> list[int]:
        """Numbers of the objects whose masks are a person's."""
        return [one.object_id for one in self.corrections]


class GroundingBench(Bench["Job", "GroundingResult", "GroundingPipeline"]):
    """Runs jobs. A phrase that a mix was asked about a picture is not asked again: thresholds act on what it said."""

    most_bytes = 300_000_000  # of pictures, raw answers and results

    def __init__(
        self, cache: ModelCache, family: ModelFamily, make_pipeline: Callable[[], GroundingPipeline] | None = None
    ) -> None:
        super().__init__(cache, family, make_pipeline)
        self._published: dict[str, Grounder] = {}

    def real_pipeline(self) -> GroundingPipeline:
        """The grounding pipeline of this family."""
        from pipelines.grounding.pipeline import GroundingPipeline

        return GroundingPipeline(self.cache, self.family)

    def grounder(self, network: str) -> Grounder:
        """What answers for a network; empty is the mixed one. Raises UserError naming the known ones."""
        if not network:
            return self.pipeline
        if network not in self._published:
            from pipelines.grounding.any_grounder import grounder_family, open_grounder

            self._published[network] = open_grounder(self.cache, grounder_family(network))
        return self._published[network]

    def family_of(self, job: Job) -> ModelFamily:
        """The family that answers a job."""
        from pipelines.grounding.any_grounder import grounder_family

        return grounder_family(job.network) if job.network else self.family

    def image(self, job: Job) -> OpenedImage:
        """The picture of a job. Raises UserError as `open_image` does."""
        from pipelines.shared.images import open_image

        scene = job.scene
        if scene is not None:
            return self.kept(("scene", scene), lambda: picture_of(scene), lambda image: image.pixels.nbytes)
        if not job.path:
            raise UserError(
                "There is no picture yet: upload one, paste it, choose an example, or draw a random scene.",
                "Nothing to look at",
            )
        return self.kept(("image", job.path), lambda: open_image(job.path), lambda image: image.pixels.nbytes)

    def make(self, job: Job) -> GroundingResult:
        """What is found."""
        image = self.image(job)
        raws, run = self.raws(image, job.phrases, job.recipe, job.network)
        described = self.grounder(job.network).described
        found = restricted(described(image, job.phrases, raws, job.thresholds, run), job.queries)
        return corrected(found, job.corrections)

    def size_of(self, result: GroundingResult) -> int:
        """Of the maps of its phrases and the masks of its objects."""
        maps = sum(one.heat.nbytes + one.anchor.nbytes for one in result.phrases)
        return maps + sum(one.mask.nbytes for one in result.objects) + 10_000

    def raws(
        self, image: OpenedImage, phrases: Sequence[str], recipe: MergeRecipe, network: str = ""
    ) -> tuple[list[Raw], RunInfo]:
        """What the mix, or a published network, says of each phrase; only what it was not asked lately about this
        picture runs."""
        from pipelines.grounding.pipeline import checked

        mix = None if network else recipe
        keys = [repr(("raw", image.sha256, network, mix, phrase)) for phrase in checked(phrases)]
        said = {key: self._shelf.get(key) for key in keys}
        fresh = [phrase for phrase, key in zip(phrases, keys, strict=True) if said[key] is None]
        if fresh:
            raws, run = self.run(self.grounder(network).raws, image, fresh, mix)
            for phrase, raw in zip(fresh, raws, strict=True):
                key = keys[list(phrases).index(phrase)]
                said[key] = (raw, run)
                self._shelf.put(key, said[key], raw.nbytes)
            return [said[key][0] for key in keys], run
        return [said[key][0] for key in keys], replace(said[keys[0]][1], is_cached=True, seconds={"total": 0.0})

    def truths(self, job: Job) -> dict[str, Truth]:
        """Phrase -> right answer, of the phrases that the job's scene says itself."""
        if job.scene is None:
            return {}
        found = {phrase: truth_of(job.scene, phrase) for phrase in job.phrases}
        return {phrase: truth for phrase, truth in found.items() if truth is not None}

    def called(self, job: Job, box_xyxy: tuple[float, ...]) -> str | None:
        """What the network of a job says that a region shows; None where it cannot say."""
        from pipelines.grounding.full.pipeline import FullGroundingPipeline

        grounder, image = self.grounder(job.network), self.image(job)
        if not isinstance(grounder, FullGroundingPipeline) or not grounder.can_name:
            return None
        key = ("called", image.sha256, job.network, box_xyxy)
        return self.kept(key, lambda: self.run(grounder.caption, image, box_xyxy), len)

    def why_not(self, job: Job, phrases: Sequence[str]) -> dict[str, list[Dropped]]:
        """For phrases of which nothing was found: the words that spoil it, asked in one batch; published networks tell
        it otherwise, and are not asked again."""
        if job.network:
            return {}
        from pipelines.grounding.counterfactual import dropped_words

        image = self.image(job)
        return self.kept(
            ("why", job.key, tuple(phrases)),
            lambda: dropped_words(phrases, lambda some: self.raws(image, some, job.recipe)[0]),
            lambda found: 200 * sum(map(len, found.values())),
        )

    def mixed(self, job: Job, recipes: Mapping[str, MergeRecipe]) -> dict[str, GroundingResult]:
        """The same look with other mixes, each with its own masks."""
        return {name: self.result(replace(job.uncorrected, recipe=recipe))[0] for name, recipe in recipes.items()}

    def dial(self, job: Job) -> dict[float, list[float]]:
        """Existence of each phrase as the `refuse` fader is turned and all else stays."""
        image, found = self.image(job), {}
        for step in DIAL_STEPS:
            others = tuple((task, step if task == DIAL else value) for task, value in job.recipe.coefficients)
            raws, _ = self.raws(image, job.phrases, replace(job.recipe, coefficients=others))
            found[step] = [raw.existence for raw in raws]
        return found

    def scores(self, recipe: MergeRecipe) -> Iterator[dict[str, float]]:
        """The mix on every task's probe set, a set at a time."""
        from pipelines.grounding.probe import SETS, score_model

        return scores_so_far(self.cache, self.family, recipe, tuple(SETS), score_model)

    def whole_scores(self, recipe: MergeRecipe) -> Iterator[dict[str, float]]:
        """The same on the 300 scenes a set that base and experts were scored on."""
        from pipelines.grounding.probe import SETS, score_whole

        return scores_so_far(self.cache, self.family, recipe, tuple(SETS), score_whole)
