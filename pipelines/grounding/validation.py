"""Cases with answers from the generated world, the network's outputs on them, and scores while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch

from pipelines.grounding.both_ways import asked_both_ways
from pipelines.grounding.decode import Raw, Thresholds, raw_outputs
from pipelines.grounding.metrics import Case, set_scores, single_scores
from pipelines.grounding.plvl import PLVL
from pipelines.grounding.scene_cache import resized

HELD_OUT = 1_000_003  # first number of every seed that no training uses
BATCH = 50
Scene = tuple[np.ndarray, list[Case]]


def validation_scores(model: PLVL, recipe: str, count: int, side: int) -> dict[str, float]:
    """acc@0.5, mIoU, N-acc and T-acc on held-out scenes of a recipe."""
    scenes = drawn(recipe, count, side, HELD_OUT)
    cases, raws = [case for _, found in scenes for case in found], answers(model, scenes)
    single = single_scores(cases, raws)
    sets = set_scores(cases, raws, Thresholds(most=8))
    wanted = {**single, **sets}
    return {name: wanted[name] for name in ("acc@0.5", "mIoU", "centre_hit", "N-acc", "T-acc") if name in wanted}


@lru_cache(maxsize=8)
def drawn(recipe: str, count: int, side: int, seed: int, phrases: int = 1) -> tuple[Scene, ...]:
    """Scenes of a set with their cases, at the side that the network reads."""
    from pipelines.grounding.synthetic.world import sample

    return tuple(_scene(sample((seed, number), recipe, phrases), side) for number in range(count))


def _scene(one, side: int) -> Scene:
    pixels, ids = resized(one.pixels, one.ids, side)
    coarse = np.ascontiguousarray(ids[2::4, 2::4])  # the middle of every 4 x 4 pixels
    scale = one.ids.shape[0]
    cases = [
        Case(
            phrase.text,
            phrase.kind,
            np.asarray(one.boxes_xyxy, np.float32)[list(phrase.targets)].reshape(-1, 4) / scale,
            np.isin(coarse, [number + 1 for number in phrase.targets]),
            np.isin(coarse, [number + 1 for number in phrase.anchors]),
        )
        for phrase in one.phrases
    ]
    return pixels, cases


@torch.inference_mode()
def answers(model: PLVL, scenes: Sequence[Scene]) -> list[Raw]:
    """What the network says about every case, in order; each picture and its mirror image are seen once."""
    device = next(model.parameters()).device
    raws: list[Raw] = []
    for first in range(0, len(scenes), BATCH):
        some = scenes[first : first + BATCH]
        pixels = torch.from_numpy(np.stack([image for image, _ in some])).to(device).permute(0, 3, 1, 2).float() / 255
        owner = torch.tensor([at for at, (_, cases) in enumerate(some) for _ in cases], device=device)
        texts = [case.text for _, cases in some for case in cases]
        raws += raw_outputs(asked_both_ways(model, pixels, texts, owner))
    return raws
