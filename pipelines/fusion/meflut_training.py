"""Training of the tables, on generated exposures, without ground truth.

Two ways to the same file format. Direct: the tables themselves are the parameters, tuned through a differentiable
operator. Network: the paper's way, a network is trained at low resolution and its answers to constant pictures are
written down. Direct needs a few hundred steps and is what the stored tables come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines.fusion.differentiable import guided_blend, pyramid_blend, reduce_planes
from pipelines.fusion.mef_ssim import mef_index, mef_luminance, mef_ssim
from pipelines.fusion.meflut import COUNTS, KINDS, table_key
from pipelines.fusion.meflut_net import MefLutNet, extract_tables
from pipelines.fusion.options import TABLE_ENTRIES
from pipelines.fusion.synthetic.exposures import expose, expose_metered, exposures, radiance
from pipelines.fusion.synthetic.sample import FusionSample
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily
from pipelines.training.run import TrainingOptions, preset_of

KNOTS = 32
# Of each kind: the share of MEF-SSIM, and the other measure with its share. The paper's own objective is the index
# alone; half of MEF-SSIM beside it costs the index 0.004 on generated pairs and wins 0.026 of MEF-SSIM.
OBJECTIVES = {"pyramid": (1.0, mef_luminance, 0.3), "paper": (0.5, mef_index, 1.0)}
SMOOTHNESS = 0.02
PRIOR_SPREAD = 0.5
VALIDATION_SEED = 77_000
PHONE_FRAMES = (3, 4)  # of the brackets that the published tables were made from


@dataclass(frozen=True)
class Preset:
    """Steps and sizes. `low_px`: short side that the `paper` operator looks weights up at.

    It is a smaller part of the crop than 128 is of a photograph, so that 5 x 5 low-resolution pixels cover as much of a
    scene; `network_px` is the crop of the network's training.
    """

    steps: int
    batch: int
    crop_px: int
    low_px: int
    network_steps: int
    network_px: int
    learning_rate: float = 0.1
    network_learning_rate: float = 1e-3


PRESETS = {
    "cpu": Preset(150, 2, 192, 64, 300, 256),
    "gpu": Preset(1500, 8, 256, 80, 20000, 512),
    "test": Preset(2, 1, 64, 32, 2, 64),
}


class TableSet(nn.Module):
    """K tables as smooth curves through 32 knots: linear in between, softplus, so never negative."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.knots = nn.Parameter(_prior(count))

    def forward(self) -> Tensor:
        """(K, 256), 0 and up."""
        curves = functional.interpolate(self.knots[None], TABLE_ENTRIES, mode="linear", align_corners=True)[0]
        return functional.softplus(curves)

    def roughness(self) -> Tensor:
        """Mean squared second difference of the knots."""
        return (self.knots[:, 2:] - 2 * self.knots[:, 1:-1] + self.knots[:, :-2]).square().mean()


def train(family: ModelFamily, options: TrainingOptions) -> dict[str, Path]:
    """Train all tables and store them; `expert` is None for both kinds directly, or one of KINDS, or "network" for the
    paper's way. `resume` keeps the sets that an interrupted run of this preset and seed has finished.

    Returns:
        name -> safetensors file.
    """
    expert, seed, plan = options.expert, options.seed, preset_of(family, options, PRESETS)
    if expert not in (None, "network", *KINDS):
        raise UserError(f'{family.name} trains "pyramid", "paper" or "network" tables, not "{expert}".')
    if options.base is not None:
        raise UserError(f"{family.name} has no experts that could start from {options.base}; leave --base out.")
    run = options.folder_of(family)
    run.mkdir(parents=True, exist_ok=True)
    kinds = KINDS if expert is None else (expert,)
    tables = {}
    for kind in kinds:
        for count in COUNTS:
            key = table_key(kind, count)
            tables[key] = _trained_or_kept(run / f"{key}.safetensors", kind, count, plan, seed, options.resume)
    path = run / f"{expert or 'tables'}.safetensors"
    _save(tables, path)
    if expert is None and options.preset != "test":
        publish_tables(path, tables, options)
    return {"tables": path}


def publish_tables(path: Path, tables: dict[str, Tensor], options: TrainingOptions) -> Path:
    """Put the tables into assets, with their scores on unseen generated scenes."""
    from pipelines.training.publish import publish

    plan = PRESETS[options.preset]
    about = {
        **options.manifest("meflut"),
        "data": "pipelines/fusion/synthetic/exposures, generated while training",
        "measures": "MEF-SSIM and the index with luminance, means over unseen generated stacks",
        "score": {key: score_tables(key.split(".")[0], curves, plan) for key, curves in tables.items()},
    }
    return publish("meflut", {"tables": path}, about)


@torch.no_grad()
def score_tables(kind: str, curves: Tensor, plan: Preset, scenes: int = 8) -> dict[str, float]:
    """Mean MEF-SSIM and index of tables (K, 256) on generated stacks that no training run has seen."""
    values = []
    for index in range(scenes):
        frames = _batch(VALIDATION_SEED, kind, len(curves), index, 1, plan.crop_px)
        fused = fuse(frames, curves, kind, plan.low_px).clamp(0, 1)
        values.append((mef_ssim(frames, fused).item(), mef_index(frames, fused).item()))
    structure, index_mean = np.mean(values, axis=0)
    return {"mef_ssim": round(float(structure), 4), "mef_index": round(float(index_mean), 4)}


def train_direct(kind: str, count: int, plan: Preset, seed: int) -> Tensor:
    """Tune K tables through an operator: structure, brightness and smoothness.

    Returns:
        (K, 256), largest entry 1. Columns need not sum to 1: weights are normalised per pixel when used.
    """
    tables = TableSet(count)
    optimizer = torch.optim.Adam(tables.parameters(), lr=plan.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, plan.steps)
    for step in range(plan.steps):
        frames = _batch(seed, kind, count, step, plan.batch, plan.crop_px)
        optimizer.zero_grad()
        direct_loss(tables, frames, kind, plan.low_px).backward()
        optimizer.step()
        schedule.step()
    curves = tables().detach()
    return curves / curves.max()


def direct_loss(tables: TableSet, frames: Tensor, kind: str, low_px: int) -> Tensor:
    """What lacks of MEF-SSIM and of the kind's other measure, plus roughness; frames (B, K, H, W)."""
    fused = fuse(frames, tables(), kind, low_px)
    structure_share, measure, share = OBJECTIVES[kind]
    lacking = structure_share * (1 - mef_ssim(frames, fused).mean()) + share * (1 - measure(frames, fused).mean())
    return lacking + SMOOTHNESS * tables.roughness()


def fuse(frames: Tensor, curves: Tensor, kind: str, low_px: int) -> Tensor:
    """Luma fused by tables (K, 256) through one operator, (B, K, H, W) -> (B, H, W); differentiable in the tables."""
    if kind == "pyramid":
        return pyramid_blend(frames, _look_up(frames, curves))
    reduced = reduce_planes(frames, low_px)
    return guided_blend(frames, reduced, _look_up(reduced, curves))


def train_network(count: int, plan: Preset, seed: int) -> Tensor:
    """The paper's way: train the network on low-resolution planes, one stack per step, and read its tables."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = MefLutNet(count)
    optimizer = torch.optim.Adam(net.parameters(), lr=plan.network_learning_rate)
    for step in range(plan.network_steps):
        frames = _batch(seed, "paper", count, step, 1, plan.network_px)
        reduced = reduce_planes(frames, min(128, plan.network_px // 2))
        fused = guided_blend(frames, reduced, net(reduced[0].unsqueeze(1))[None])
        optimizer.zero_grad()
        (1 - mef_index(frames, fused).mean()).backward()
        optimizer.step()
    return extract_tables(net, count)


def _trained_or_kept(path: Path, kind: str, count: int, plan: Preset, seed: int, resume: bool) -> Tensor:
    from safetensors.torch import load_file

    key = table_key(kind, count)
    if resume and path.is_file():
        return load_file(path)[key]
    tables = train_network(count, plan, seed) if kind == "network" else train_direct(kind, count, plan, seed)
    _save({key: tables}, path)
    return tables


def _save(tables: dict[str, Tensor], path: Path) -> None:
    from safetensors.torch import save_file

    save_file({key: value.float().contiguous() for key, value in tables.items()}, path)


def _batch(seed: int, kind: str, count: int, step: int, size: int, crop_px: int) -> Tensor:
    """Generated stacks, (B, K, H, W) luma, brightest first; the same for the same seed, count and step."""
    rng = np.random.default_rng((seed, count, step))
    samples = [_bracket(rng, (crop_px, crop_px), kind, count).frames for _ in range(size)]
    return torch.from_numpy(np.stack(samples).astype(np.float32))


def _bracket(rng: np.random.Generator, size_hw: tuple[int, int], kind: str, count: int) -> FusionSample:
    """A pair at any gap, or a bracket of about 6 EV that leans to the dark side (EV -4 to +2).

    Phones meter theirs, which is darker; `paper` tables are for those, as the published ones. Trained on them, tables
    of the other kind or of more frames lose more on bright brackets of cameras than they gain.
    """
    if count == 2:
        return exposures(rng, size_hw, count)
    gap, lean = float(rng.uniform(4.0, 7.5)) / (count - 1), float(rng.uniform(-2.5, 0.5))
    shoot = expose_metered if kind == "paper" and count in PHONE_FRAMES else expose
    return shoot(rng, radiance(rng, size_hw), count, gap, lean)


def _look_up(planes: Tensor, curves: Tensor) -> Tensor:
    """Weights (B, K, h, w) of luma planes, entry floor(255 * luma)."""
    codes = (planes * 255 + 1e-4).long().clamp(0, TABLE_ENTRIES - 1)
    return torch.stack([curve[code] for curve, code in zip(curves, codes.unbind(1), strict=True)], dim=1)


def _prior(count: int) -> Tensor:
    """Knots to start from, (K, 32): the bright frame is trusted where it is dark, the dark one where it is bright."""
    greys = torch.linspace(0, 1, KNOTS)
    trusted = torch.linspace(0, 1, count)[:, None]
    wanted = torch.exp(-((greys - trusted) ** 2) / (2 * PRIOR_SPREAD**2))
    return torch.log(torch.expm1(wanted))  # softplus turns these back into `wanted`
