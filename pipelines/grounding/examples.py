"""The grounding tab's ready-made examples, chosen by the shipped weights: `python -m pipelines.grounding.examples`.

Scenes are those that the page can draw, seen by no training. Of each expert's recipe those expressions are kept that
the base gets wrong while the expert and the page's mix get them right; what the captions say was found so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.grounding.random_scene import SceneRef, drawn, is_hit, picture_of, truth_of
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError
from pipelines.shared.ready_made import Entry, write_examples

if TYPE_CHECKING:
    import numpy as np

    from pipelines.grounding.results import GroundingResult
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "examples" / "grounding"
SEARCHED, PER_TASK, EASY = 60, 2, 2  # scenes searched of each recipe, examples kept of it, and plain ones
REFUSES = "refuse"
HASTY = ("..", "!", " ?", ",")  # ends of generated expressions that no example should show


@dataclass(frozen=True)
class Answer:
    """Whether a network was right about an expression, and how sure it was and how well box and mask agree, 0 to 1."""

    is_right: bool
    certainty: float


@dataclass(frozen=True)
class Candidate:
    """An expression about a scene with what base, expert and mix made of it."""

    ref: SceneRef
    phrase: str
    base: Answer
    expert: Answer
    mix: Answer

    @property
    def is_mixed(self) -> bool:
        """Whether the base fails, and the expert and the mix do not."""
        return not self.base.is_right and self.expert.is_right and self.mix.is_right

    @property
    def is_experts(self) -> bool:
        """Whether the expert alone is right."""
        return not self.base.is_right and self.expert.is_right and not self.mix.is_right

    @property
    def is_easy(self) -> bool:
        """Whether base and mix are right."""
        return self.base.is_right and self.mix.is_right


Ask = Callable[[SceneRef, Sequence[str], MergeRecipe], list[Answer]]


def candidates(task: str, family: ModelFamily, ask: Ask, count: int) -> list[Candidate]:
    """Every expression about the first scenes of a recipe, answered three times; the base's recipe has no expert.

    Expressions without target are left to the expert that refuses them: a page opens better on something found. Hastily
    typed ones are passed over.
    """
    expert = MergeRecipe(coefficients=((task, 1.0),), scale=1.0) if task in family.experts else MergeRecipe()
    found = []
    for seed in range(count):
        ref = SceneRef(task, seed)
        said = [one.text for one in drawn(ref).phrases if one.targets or task == REFUSES]
        phrases = [text for text in said if not text.endswith(HASTY)]
        answers = [ask(ref, phrases, recipe) for recipe in (MergeRecipe(), expert, family.default)]
        found += [Candidate(ref, *row) for row in zip(phrases, *answers, strict=True)]
    return found


def chosen(some: Sequence[Candidate], count: int = PER_TASK) -> list[Candidate]:
    """The surest that base, expert and mix tell apart, of different scenes; then some that only the expert gets."""
    kept: dict[SceneRef, Candidate] = {}
    mixed = sorted((one for one in some if one.is_mixed), key=lambda one: -one.mix.certainty)
    alone = sorted((one for one in some if one.is_experts), key=lambda one: -one.expert.certainty)
    for one in [*mixed, *alone]:
        kept.setdefault(one.ref, one)
    return list(kept.values())[:count]


def task_entries(task: str, some: Sequence[Candidate]) -> Iterator[tuple[Entry, np.ndarray]]:
    """Examples of one expert with their pictures."""
    for number, one in enumerate(chosen(some), 1):
        said, recipe = f"The base gets “{one.phrase}” wrong, the {task} expert and this mix right.", {}
        if one.is_experts:
            said = f"Base and starting mix get “{one.phrase}” wrong, the {task} expert alone right."
            recipe = {"weights": {task: 1.0}, "scale": 1.0}
        yield _entry(f"{task}-{number}", f"{task.capitalize()} {number}", said, one, recipe)


def easy_entries(some: Sequence[Candidate], count: int = EASY) -> Iterator[tuple[Entry, np.ndarray]]:
    """Plain expressions that base and mix both get: where the mix must not lose."""
    easy = sorted((one for one in some if one.is_easy), key=lambda one: -one.mix.certainty)
    kept = {one.ref: one for one in reversed(easy)}
    for number, one in enumerate(list(kept.values())[::-1][:count], 1):
        yield _entry(f"plain-{number}", f"Plain {number}", "Base and mix both get it.", one, {})


def _entry(slug: str, title: str, said: str, one: Candidate, recipe: dict[str, Any]) -> tuple[Entry, np.ndarray]:
    options = {"scene": asdict(one.ref), "phrases": [one.phrase]}
    return Entry(slug, title, said, "phrase", (f"{slug}.png",), recipe, options), drawn(one.ref).pixels


def asker(family: ModelFamily, cache: ModelCache) -> Ask:
    """Answers as the page opens: the pipeline with its usual thresholds."""
    from pipelines.grounding.pipeline import GroundingPipeline

    pipeline = GroundingPipeline(cache, family)

    def ask(ref: SceneRef, phrases: Sequence[str], recipe: MergeRecipe) -> list[Answer]:
        result = pipeline(picture_of(ref), phrases, None, recipe)
        return [_answer(result, number, truth_of(ref, phrase)) for number, phrase in enumerate(phrases)]

    return ask


def _answer(result: GroundingResult, number: int, truth: Any) -> Answer:
    one = result.phrases[number]
    objects = [result.objects[target - 1] for target in one.targets]
    sure = min((each.score * each.consistency for each in objects), default=1 - one.existence)
    return Answer(is_hit(objects, truth), sure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Choose and write the examples; exit code."""
    from pipelines.grounding.family import PLVL_FAMILY as family
    from pipelines.shared.cache import ModelCache

    parser = argparse.ArgumentParser(prog="python -m pipelines.grounding.examples", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write (default: %(default)s)")
    parser.add_argument("--searched", type=int, default=SEARCHED, help="scenes of each recipe (default %(default)s)")
    asked = parser.parse_args(arguments)
    ask, entries = asker(family, ModelCache(FOLDER.parents[1])), []
    try:
        for task in family.experts:
            made = list(task_entries(task, candidates(task, family, ask, asked.searched)))
            entries += made
            alone = sum(bool(entry.recipe) for entry, _ in made)
            sys.stdout.write(f"{task}: {len(made) - alone} that the mix gets, {alone} that the expert alone gets\n")
        entries += easy_entries(candidates("base", family, ask, EASY * 4))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    write_examples(entries, asked.folder)
    sys.stdout.write(f"{len(entries)} examples in {asked.folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
