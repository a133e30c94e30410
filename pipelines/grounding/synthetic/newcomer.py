"""A scene with one thing more, of a kind that it has not, where there is room, and with nothing else changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipelines.grounding.synthetic.cutout import Light, cut_out
from pipelines.grounding.synthetic.layout import Placing
from pipelines.grounding.synthetic.outline import reach
from pipelines.grounding.synthetic.paint import lay
from pipelines.grounding.synthetic.predicates import Facts
from pipelines.grounding.synthetic.programs import Program, run
from pipelines.grounding.synthetic.things import CATEGORIES, COLOURS, Look, Thing
from pipelines.shared.synthetic.textures import to_bytes

if TYPE_CHECKING:
    from pipelines.grounding.synthetic.world import Sample


def joined_by(newcomer: Thing, scene: Sample) -> np.ndarray:
    """The picture with the newcomer in front, without a shadow, uint8 (side, side, 3)."""
    picture = scene.pixels.astype(np.float32) / 255
    lay(picture, cut_out(newcomer, len(picture), Light()))
    return to_bytes(picture)


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
