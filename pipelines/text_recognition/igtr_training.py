"""Training of the igtr family: the base on everyday words, then each expert from the base as it is stored.

The base is trained with BatchNorm, which is then frozen away (freeze.py), and polished without it on words that it has
not seen; experts (igtr_experts.py) start from the stored half precision, so task vectors are exact. Pictures are
rendered words only.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pipelines.shared.family import ModelFamily
from pipelines.text_recognition.freeze import frozen, settle_statistics
from pipelines.text_recognition.igtr import IGTR, SHAPES
from pipelines.text_recognition.igtr_experts import train_expert
from pipelines.text_recognition.igtr_stages import PRESETS, Preset, TripletLoss, as_pixels, source, stage_of, started
from pipelines.text_recognition.synthetic.render import check_installed
from pipelines.text_recognition.training_data import Batches, Source
from pipelines.training.run import BASE, Run, Trained, TrainingOptions, by_pixel, open_run, preset_of, train_run
from pipelines.training.shards import start_making

UNPOLISHED = "unpolished"  # the file that the base is polished from
SETTLING = 60  # batches that give the averaged weights their statistics


def train(family: ModelFamily, options: TrainingOptions) -> dict[str, Path]:
    """Train base and experts, or one expert; name -> fp16 safetensors file.

    Raises:
        UserError: as `preset_of` and `open_run`; the base is of another network; fonts or word lists are missing.
    """
    plan, run = preset_of(family, options, PRESETS), open_run(family, options)
    crops = options.folder / family.name / f"crops-seed{run.seed}"
    first = source(crops, BASE, plan.shards, plan, run.seed)
    unseen = source(crops, BASE, plan.polish_shards, plan, run.seed, first=plan.shards)
    learned = plan.shards + plan.polish_shards
    sources = {BASE: source(crops, BASE, plan.expert_shards, plan, run.seed, first=learned)}
    sources |= {task: source(crops, task, plan.expert_shards, plan, run.seed) for task in family.tasks}
    of_base = (first, unseen) if run.is_whole else ()
    shards = [shard for one in (*of_base, *sources.values()) for shard in one.shards]
    if not all(shard.is_there for shard in shards):
        check_installed()
    start_making(shards, plan.renderers)

    def publish(files: dict[str, Path], seconds: float) -> None:
        from pipelines.text_recognition.publishing import publish_family

        publish_family(family, files, options, seconds)

    return train_run(
        run,
        lambda: polish_base(plan, unseen, train_base(plan, first, run)[1], run),
        lambda task: train_expert(plan, task, sources, run),
        publish,
    )


def train_base(plan: Preset, crops: Source, run: Run) -> Trained:
    """The base before it is polished, stored frozen."""
    torch.manual_seed(run.seed)
    model = by_pixel(IGTR(SHAPES[plan.shape], is_frozen=False))
    batches = Batches((crops,), plan.batch, plan.base_steps, plan.alone, plan.more, plan.curriculum, plan.level)
    stage = replace(stage_of(BASE, plan.base_steps, plan.base_rate, plan, run.seed), ema=plan.ema)
    seconds = run.stage(model, stage, batches, TripletLoss(plan.base_steps))
    steps = min(SETTLING, plan.base_steps)
    settle_statistics(model, _settling(replace(batches, more=0), run.seed, steps, run.device))
    return run.store(frozen(model), UNPOLISHED, seconds)


def polish_base(plan: Preset, unseen: Source, earlier: float, run: Run) -> Trained:
    """The base after more steps on new crops, without BatchNorm; `earlier` seconds went into what it comes from."""
    model = started(plan, run, UNPOLISHED)
    batches = Batches((unseen,), plan.batch, plan.polish_steps, plan.alone, plan.more, level=plan.level)
    stage = replace(stage_of(f"polish-{BASE}", plan.polish_steps, plan.polish_rate, plan, run.seed), ema=plan.ema)
    seconds = run.stage(model, stage, batches, TripletLoss(plan.polish_steps, is_late=True))
    return run.store(model, BASE, earlier + seconds)


def _settling(batches: Batches, seed: int, count: int, device: str):
    for index in range(count):
        pixels = batches(np.random.default_rng([seed, 1, index]), batches.steps - 1)["pixels"]
        yield as_pixels(pixels.to(device))
