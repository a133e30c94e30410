"""Training of the fusenet family: segmentation alone, the base on all tasks, then each expert from the base.

Order and losses after SegMiF's alternation, without its return to segmentation: the branch is trained first, then it
stays, its features guide the fusion and its labels' loss reaches the fusion through the fused image. Moving it in the
joint round as well cost a tenth of its mIoU (.80 to .72) at this size of crops. Data is generated while training
(fusion/synthetic). Base and experts share one signature; the experts start from the base as it is stored (fp16), so
task vectors are exact. An expert rehearses the other tasks in a fifth of its batches: those that forget pull an equal
mix below the base. A last, short stage rehearses them with the task vector half as long again, where a fader ends: what
is not visible at 1 may be at 1.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from pipelines.fusion import losses
from pipelines.fusion.fusenet import FuseNet, segmentation_input
from pipelines.fusion.synthetic.exposures import exposures
from pipelines.fusion.synthetic.infrared_visible import infrared_visible
from pipelines.fusion.synthetic.medical import medical
from pipelines.fusion.synthetic.multi_focus import multi_focus
from pipelines.fusion.synthetic.sample import FusionSample, given
from pipelines.shared.family import ModelFamily
from pipelines.training.checkpoints import loaded
from pipelines.training.loop import Batch, Stage
from pipelines.training.run import BASE, Run, TrainingOptions, open_run, preset_of, train_run

TASKS = ("ivis", "mef", "mff", "med")
OF_TWO = ("ivis", "med")  # a pair with roles; the others are stacks of frames without
OWN_PER_REHEARSED = 4  # batches of an expert's own task for each batch of another
# Of gradients in the losses: what the base and rehearsal learn, and what an expert learns on its own task.
GRADIENT_SHARES = {"ivis": losses.GRADIENT_SHARE, "med": losses.GRADIENT_SHARE}
EXPERT_GRADIENT_SHARES = {"ivis": 20.0, "med": 20.0}
REACH = 1.5  # of a fader
REACHING = ("ivis", "med")  # experts with a last stage
SEGMENTATION_SHARE = 0.1  # factor of the cross-entropy before the dynamic weight


@dataclass(frozen=True)
class Preset:
    """Steps and sizes of one training run; `cpu` fits one core in about three hours.

    `longer` names experts with more steps than `expert_steps`; `reach` has the steps of the last stage of those that
    have one: `mef` and `mff` show nothing at their faders' ends, and `mef` lost 0.003 of MEF-SSIM by it.
    """

    segmentation_steps: int
    base_steps: int
    expert_steps: int
    crop_px: int
    batch: int
    segmentation_crop_px: int = 128
    segmentation_batch: int = 8
    learning_rate: float = 1.5e-3
    longer: Mapping[str, int] = field(default_factory=dict)
    reach: Mapping[str, int] = field(default_factory=dict)

    def steps_of(self, expert: str) -> int:
        """Steps of one expert's training."""
        return self.longer.get(expert, self.expert_steps)

    @property
    def for_segmentation(self) -> Preset:
        """The same with the crops of the segmentation stage: cheap steps on wide views."""
        return replace(self, crop_px=self.segmentation_crop_px, batch=self.segmentation_batch)


PRESETS = {
    "cpu": Preset(
        6000, 1200, 1000, 80, 6, longer={"ivis": 4000, "mef": 3000, "med": 2000}, reach=dict.fromkeys(REACHING, 600)
    ),
    "gpu": Preset(20000, 20000, 5000, 128, 16, reach=dict.fromkeys(REACHING, 1500)),
    "test": Preset(2, 2, 1, 48, 1, segmentation_crop_px=48, segmentation_batch=1, reach={"ivis": 3}),
}


def train(family: ModelFamily, options: TrainingOptions) -> dict[str, Path]:
    """Train base and experts, or one expert; name -> fp16 safetensors file.

    Raises:
        UserError: as `preset_of` and `open_run`; the base is of another network.
    """
    plan, run = preset_of(family, options, PRESETS), open_run(family, options)
    torch.manual_seed(run.seed)
    model = FuseNet()
    return train_run(
        run,
        lambda: run.store(model, BASE, _train_base(model, plan, run)),
        lambda task: run.store(model, task, _train_expert(run.start(model), task, plan, run)),
        lambda files, seconds: publish_family(files, options, seconds),
    )


def _train_base(model: FuseNet, plan: Preset, run: Run) -> float:
    segmentation = Stage(
        "segmentation", plan.segmentation_steps, 2e-3, run.seed, trains=lambda name: not _of_fusion(name)
    )
    seconds = run.stage(model, segmentation, BatchMaker(("ivis",), plan.for_segmentation), segmentation_loss)
    base = Stage("base", plan.base_steps, plan.learning_rate, run.seed, trains=_of_fusion)
    return seconds + run.stage(model, base, BatchMaker(TASKS, plan), TaskLoss())


def _train_expert(model: FuseNet, task: str, plan: Preset, run: Run) -> float:
    """The model, which is the base, becomes the expert."""
    base = {name: value.detach().clone().to(run.device) for name, value in model.named_parameters() if _of_fusion(name)}
    own = Stage(f"expert-{task}", plan.steps_of(task), plan.learning_rate / 3, run.seed, trains=_of_fusion)
    seconds = run.stage(model, own, BatchMaker(rehearsal(task), plan), TaskLoss(task))
    if task not in plan.reach:
        return seconds
    reach = Stage(f"reach-{task}", plan.reach[task], plan.learning_rate / 10, run.seed, trains=_of_fusion)
    return seconds + run.stage(model, reach, BatchMaker(rehearsal(task, 1), plan), TaskLoss(task, base))


def _of_fusion(name: str) -> bool:
    return not name.startswith("segmentation.")


def rehearsal(task: str, own: int = OWN_PER_REHEARSED) -> tuple[str, ...]:
    """Tasks of an expert's batches in turn: its own `own` times, then one of the others, until each had its turn."""
    others = (other for other in TASKS if other != task)
    return tuple(turn for other in others for turn in (*(task,) * own, other))


@dataclass(frozen=True)
class BatchMaker:
    """Batches of one task each, the tasks in turn; stacks have 2 to 4 frames, as many in a whole batch."""

    tasks: tuple[str, ...]
    plan: Preset

    def __call__(self, rng: np.random.Generator, step: int) -> Batch:
        task = self.tasks[step % len(self.tasks)]
        count = 2 if task in OF_TWO else int(rng.integers(2, 5))
        samples = [self._sample(task, rng, count) for _ in range(self.plan.batch)]
        batch: Batch = {"task": task, "roles": torch.from_numpy(samples[0].roles.astype(np.int64))}
        batch["frames"] = _stacked([sample.frames for sample in samples])
        if task == "ivis":
            batch["labels"] = torch.from_numpy(np.stack([given(sample.labels) for sample in samples]).astype(np.int64))
        if task == "mff":
            luma = np.array([0.299, 0.587, 0.114], np.float32)
            batch["target"] = _stacked([given(sample.target) @ luma for sample in samples])
            batch["matte"] = _stacked([given(sample.matte) for sample in samples])
        return batch

    def _sample(self, task: str, rng: np.random.Generator, count: int) -> FusionSample:
        size = (self.plan.crop_px, self.plan.crop_px)
        if task == "ivis":
            return infrared_visible(rng, size)
        if task == "mef":
            return exposures(rng, size, count)
        return multi_focus(rng, size, count) if task == "mff" else medical(rng, size)


def _stacked(arrays: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays).astype(np.float32))


def segmentation_loss(model: nn.Module, batch: Batch, step: int) -> Tensor:
    """Cross-entropy of the branch alone, on composites."""
    assert isinstance(model, FuseNet)
    logits = model.segmentation(segmentation_input(batch["frames"]))
    return label_loss(logits, batch["labels"])


def label_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy at the size of the labels; 255 is ignored."""
    enlarged = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=False)
    return F.cross_entropy(enlarged, labels, ignore_index=255)


class TaskLoss:
    """The loss of whichever task the batch is of; for infrared the labels' loss joins by dynamic weights.

    `expert`: whose training this is; its own pairs get sharper than those of the base and of rehearsal.
    `base`: parameters from which the network has come; given, the other tasks are rehearsed REACH times as far from it.
    """

    def __init__(self, expert: str | None = None, base: Mapping[str, Tensor] | None = None) -> None:
        self.expert, self.base = expert, base
        self.balance = DynamicWeights(2)

    def __call__(self, model: nn.Module, batch: Batch, step: int) -> Tensor:
        assert isinstance(model, FuseNet)
        frames, task = batch["frames"], batch["task"]
        weights = {} if self.base is None or task == self.expert else reached(model, self.base)
        known = {"with_segmentation": task == "ivis"}
        output = functional_call(model, weights, (frames, batch["roles"]), known)
        if task == "mef":
            return losses.exposure_loss(output.fused.clamp(-0.2, 1.2), frames, output.weights)
        if task == "mff":
            # with the residual, which the pipeline leaves out: trained without it, no measure gains more than 0.003
            return losses.focus_loss(output.fused, batch["target"], output.weights, batch["matte"])
        sharp = (EXPERT_GRADIENT_SHARES if task == self.expert else GRADIENT_SHARES)[task]
        if task == "med":
            return losses.medical_loss(output.fused, frames, sharp)
        fusion = losses.infrared_visible_loss(output.fused, frames, sharp)
        again = model.segmentation(segmentation_input(frames, output.fused.clamp(0, 1)))
        labels = label_loss(again, batch["labels"])
        fusion_weight, label_weight = self.balance(fusion.item(), labels.item())
        return fusion_weight * fusion + label_weight * SEGMENTATION_SHARE * labels


def reached(model: nn.Module, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Parameters where a fader at REACH would take them: base + REACH * (network - base)."""
    return {name: base[name] + REACH * (value - base[name]) for name, value in model.named_parameters() if name in base}


class DynamicWeights:
    """SegMiF's dynamic factor: 2 softmax(r / T) of each loss against its last average.

    T = 2 on averages of 50 steps; the release's T = 1000 makes the factor 1 to within 0.001.
    """

    def __init__(self, count: int, window: int = 50, temperature: float = 2.0) -> None:
        self.window, self.temperature = window, temperature
        self.current: list[tuple[float, ...]] = []
        self.means: list[np.ndarray] = []
        self.weights = np.ones(count)

    def __call__(self, *values: float) -> np.ndarray:
        self.current.append(values)
        if len(self.current) == self.window:
            self.means.append(np.mean(self.current, 0))
            self.current.clear()
            self._update()
        return self.weights

    def _update(self) -> None:
        if len(self.means) < 2:
            return
        ratio = np.exp(self.means[-1] / self.means[-2] / self.temperature)
        self.weights = len(ratio) * ratio / ratio.sum()


def publish_family(files: dict[str, Path], options: TrainingOptions, seconds: float) -> Path:
    """Score every checkpoint on every task and put the family into assets; the matrix goes into the manifest."""
    from pipelines.fusion.probe import MEASURES, score_model
    from pipelines.training.publish import publish

    model = FuseNet().eval()
    matrix = {}
    for name, path in files.items():
        model.load_state_dict(loaded(path))
        matrix[name] = score_model(model)
    about = {
        **options.manifest("fusenet"),
        "data": "pipelines/fusion/synthetic, generated while training",
        "seconds": round(seconds),
        "measures": MEASURES,
        "matrix": matrix,
        "segmentation_miou": segmentation_scores(files["base"]),
    }
    return publish("fusenet", files, about)


@torch.inference_mode()
def segmentation_scores(path: Path, scenes: int = 48) -> dict[str, float]:
    """mIoU on generated validation scenes; the branch sees the fused image and both frames, or one frame alone."""
    model = FuseNet().eval()
    model.load_state_dict(loaded(path))
    counts = {kind: np.zeros((7, 7)) for kind in ("fused", "visible", "thermal")}
    for index in range(scenes):
        sample = infrared_visible(np.random.default_rng([77, index]), (160, 160))
        pair = _stacked([sample.frames])
        fused = model(pair, torch.tensor([0, 1]), with_segmentation=True).fused.clamp(0, 1)
        alone = {"visible": pair[:, 1:].expand(-1, 3, -1, -1), "thermal": pair[:, :1].expand(-1, 3, -1, -1)}
        for kind, pixels in ({"fused": segmentation_input(pair, fused)} | alone).items():
            logits = F.interpolate(model.segmentation(pixels), size=(160, 160), mode="bilinear", align_corners=False)
            np.add.at(counts[kind], _known(given(sample.labels), logits.argmax(1)[0].numpy()), 1)
    return {kind: _miou(table) for kind, table in counts.items()}


def _known(labels: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keep = labels != 255
    return labels[keep].astype(int), predicted[keep].astype(int)


def _miou(table: np.ndarray) -> float:
    """Mean intersection over union of the classes that occur in the labels; rows truth, columns prediction."""
    present = table.sum(1) > 0
    hit = np.diag(table)
    return float((hit / np.maximum(table.sum(0) + table.sum(1) - hit, 1))[present].mean())
