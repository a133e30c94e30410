"""The generated world: pictures of simple things, and expressions about them with their answers and their meaning.

Everything follows from a seed and the name of a recipe (`recipes.py`). An expression is drawn as a program over the
scene (`programs.py`, `propose.py`) and then put into words (`wording.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random

import numpy as np

from pipelines.grounding.synthetic.false_premises import falsified
from pipelines.grounding.synthetic.predicates import Facts
from pipelines.grounding.synthetic.programs import Program, execute, references
from pipelines.grounding.synthetic.propose import Proposer
from pipelines.grounding.synthetic.recipes import RECIPES, Recipe
from pipelines.grounding.synthetic.things import Thing
from pipelines.grounding.synthetic.wording import Speaker, careless

CARELESS = 0.15
MOST_WORDS = 22
BRIEF_WORDS = 9  # what is longer in telegraphic style is said in full
SCENES = 30  # that are tried
ENOUGH = 0.7  # of the expressions must be of their kinds
PATIENCE = 3  # draws of a kind in one scene
NO_TARGET = "notarget"


@dataclass(frozen=True)
class Phrase:
    """An expression with its answer.

    Attributes:
        targets: numbers of the things that are meant; none for a false premise.
        anchors: numbers of the things that are only referred to.
        program: its meaning, see `programs.py`.
    """

    text: str
    kind: str
    targets: tuple[int, ...]
    anchors: tuple[int, ...]
    program: Program


@dataclass(frozen=True)
class Sample:
    """A scene and expressions about it.

    Attributes:
        pixels: uint8 (side, side, 3), RGB.
        ids: uint8 (side, side), 0 or the number of the thing seen there plus 1.
        boxes_xyxy: float32 (n, 4), boxes of the visible parts in pixels.
        things: back to front.
    """

    pixels: np.ndarray
    ids: np.ndarray
    boxes_xyxy: np.ndarray
    phrases: tuple[Phrase, ...]
    things: tuple[Thing, ...]


def sample(seed: tuple[int, ...] | int, recipe: str, count: int) -> Sample:
    """A scene of a recipe with `count` expressions.

    The kinds come as often as the recipe says: another scene is drawn where this one has not enough of them, and the
    few that are still lacking are of any kind.
    """
    from pipelines.grounding.synthetic.scene import draw_scene

    plan, seeds = RECIPES[recipe], (seed,) if isinstance(seed, int) else tuple(seed)
    kinds = drawn_kinds(Random(f"{seeds} {recipe}"), plan, count)
    for attempt in range(SCENES):
        rng = Random(f"{seeds} {recipe} {attempt}")
        scene = draw_scene((*seeds, attempt), plan)
        facts = Facts.of(scene)
        phrases = asked(rng, facts, plan, kinds)
        if len(phrases) >= ENOUGH * count:
            break
    else:
        raise RuntimeError(f"no expressions of {kinds} in {SCENES} scenes of {recipe}, seed {seeds}")
    if len(phrases) < count:
        phrases += asked(rng, facts, plan, drawn_kinds(rng, plan, 2 * (count - len(phrases))))
    filled = [phrases[i % len(phrases)] for i in range(count)]
    return Sample(scene.pixels, scene.ids, scene.boxes_xyxy, tuple(filled), tuple(scene.things))


def drawn_kinds(rng: Random, recipe: Recipe, count: int) -> list[str]:
    """Kinds in random order, as evenly by their shares as so many can be."""
    names, start = tuple(recipe.kinds), rng.random()
    ends = np.cumsum(tuple(recipe.kinds.values()))
    spots = (start + np.arange(count)) / count * ends[-1]
    kinds = [names[i] for i in np.searchsorted(ends, spots, side="right")]
    rng.shuffle(kinds)
    return kinds


def asked(rng: Random, facts: Facts, recipe: Recipe, kinds: list[str]) -> list[Phrase]:
    """Expressions of these kinds about a scene, different ones as far as possible."""
    if recipe.is_novel and not any(thing.look.is_novel for thing in facts.things):
        return []
    proposer, speaker, seen, phrases = Proposer(rng, facts, recipe), Speaker(rng, recipe.is_held), set(), []
    for kind in kinds:
        for turn in range(PATIENCE):
            program = _program(proposer, kind)
            if program is None:
                continue
            phrase = worded(rng, speaker, facts, recipe, kind, program)
            key = json.dumps(program)
            if phrase is not None and (key not in seen or turn == PATIENCE - 1):
                seen.add(key)
                phrases.append(phrase)
                break
    return phrases


def _program(proposer: Proposer, kind: str) -> Program | None:
    if kind != NO_TARGET:
        return proposer.draw(kind)
    shares = {name: share for name, share in proposer.recipe.kinds.items() if name not in (NO_TARGET, "plural")}
    for kind in proposer.rng.choices(tuple(shares), tuple(shares.values()), k=PATIENCE):
        program = proposer.draw(kind)
        changed = None if program is None else _falsified(proposer, program)
        if changed is not None:
            return changed
    return None


def _falsified(proposer: Proposer, program: Program) -> Program | None:
    changed = falsified(proposer.rng, proposer.facts, program, proposer.recipe.ordinals)
    return changed if changed is not None and proposer.is_sayable(changed) else None


def worded(rng: Random, speaker: Speaker, facts: Facts, recipe: Recipe, kind: str, program: Program) -> Phrase | None:
    """A program as an expression; None if that gets longer than is read."""
    is_brief = rng.random() < recipe.brief
    text = speaker.brief(program) if is_brief else speaker.full(program)
    if len(text.split()) > (BRIEF_WORDS if is_brief else MOST_WORDS):
        text = speaker.full(program) if recipe.is_held else speaker.phrase(program)
    if len(text.split()) > MOST_WORDS:
        return None
    if rng.random() < CARELESS:
        text = careless(rng, text)
    targets = execute(program, facts)
    return Phrase(text, kind, targets, references(program, facts), program)
