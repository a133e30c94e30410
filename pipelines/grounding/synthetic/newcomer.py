"""A scene with one thing more, of a kind that it has not, where there is room, and with nothing else changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipelines.grounding.synthetic.cutout import Cutout, Light, cut_out
from pipelines.grounding.synthetic.layout import Placing
from pipelines.grounding.synthetic.outline import reach
from pipelines.grounding.synthetic.paint import lay
from pipelines.grounding.synthetic.predicates import Facts
from pipelines.grounding.synthetic.programs import Program, run
from pipelines.grounding.synthetic.things import CATEGORIES, COLOURS, Look, Thing
from pipelines.shared.synthetic.textures import to_bytes

if TYPE_CHECKING:
    from pipelines.grounding.synthetic.world import Sample

TRIES = 60  # scenes, until one has room for a newcomer and can be asked about something else


def twin_scenes(seed: tuple[int, ...], recipe: str, count: int) -> tuple[Sample, Sample]:
    """A scene without and with a newcomer, and `count` expressions that mean the same things in both."""
    from pipelines.grounding.synthetic.world import sample

    for attempt in range(TRIES):
        scene = sample((*seed, attempt), recipe, count)
        newcomer = find_newcomer(np.random.default_rng([*seed, attempt]), scene.things)
        phrases = [] if newcomer is None else [p for p in scene.phrases if is_unrelated(newcomer, scene, p.program)]
        if newcomer is not None and phrases:
            filled = tuple(phrases[i % len(phrases)] for i in range(count))
            return replace(scene, phrases=filled), replace(with_newcomer(newcomer, scene), phrases=filled)
    raise RuntimeError(f"no room for a newcomer in {TRIES} scenes of {recipe}, seed {seed}")


def with_newcomer(newcomer: Thing, scene: Sample) -> Sample:
    """The scene with the newcomer in front, without a shadow; the expressions stay."""
    picture, ids = scene.pixels.astype(np.float32) / 255, scene.ids.copy()
    painted = cut_out(newcomer, len(picture), Light())
    lay(picture, painted)
    ids[painted.place][painted.mask] = len(scene.things) + 1
    boxes = np.concatenate([scene.boxes_xyxy, seen_box(painted)[None]])
    return replace(scene, pixels=to_bytes(picture), ids=ids, boxes_xyxy=boxes, things=(*scene.things, newcomer))


def seen_box(painted: Cutout) -> np.ndarray:
    """Box of what is painted, in pixels of the picture, float32 (4,), right and bottom exclusive."""
    rows, columns = (np.flatnonzero(painted.mask.any(axis)) for axis in (1, 0))
    top, left = painted.place[0].start, painted.place[1].start
    return np.array([left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1], np.float32)


def find_newcomer(rng: np.random.Generator, things: Sequence[Thing]) -> Thing | None:
    """A small thing of another category than all of these, touching none; None where there is no room."""
    placing = Placing(rng)
    for thing in things:
        placing.keep(thing, reach(thing))
    others = [name for name in CATEGORIES if name not in {thing.look.category for thing in things}]
    looks = [Look(name, colour, size="small") for name in others for colour in COLOURS]
    usual = [look for look in looks if not look.is_novel]
    return placing.things[-1] if placing.put(usual[rng.integers(len(usual))]) else None


def is_unrelated(newcomer: Thing, scene: Sample, program: Program) -> bool:
    """Whether the program clearly means the same things with and without the newcomer."""
    side, (x0, y0, x1, y1) = len(scene.pixels), reach(newcomer)
    box = (newcomer.x + x0, newcomer.y + y0, newcomer.x + x1, newcomer.y + y1)
    boxes = [*(np.asarray(scene.boxes_xyxy, float) / side), box]
    return run(program, Facts.of(scene)) == run(program, Facts((*scene.things, newcomer), boxes))
