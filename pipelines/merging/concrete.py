"""Concrete masks: one learned mask for all task vectors, which takes out what interferes (arXiv:2312.06173)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pipelines.merging.adamerging import START, adamerging
from pipelines.merging.dare import WORD, draws
from pipelines.merging.feed import FeedStep, made_of
from pipelines.merging.method import OfflineMethod, Setting

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.feed import Feed, Made
    from pipelines.merging.layout import Layout
    from pipelines.merging.learning import Learning, Loss, Mergeable, Places

TEMPERATURE = 0.5


@dataclass(frozen=True)
class ConcreteOptions:
    """How a mask is learned.

    Attributes:
        rate: of Adam on the mask's logits.
        scale: coefficient of every expert, and where inner steps start from.
        inner_rate: of the one Adam step on the coefficients before each step of the mask; 0 leaves them. At the
            published 1, and kept in 0 to 1, it drives every coefficient to one of the two ends.
        seed: of the uniform numbers, one for each step and weight.
    """

    steps: int = 2000
    rate: float = 1e-3
    scale: float = START
    inner_rate: float = 0.0
    temperature: float = TEMPERATURE
    seed: int = 0


DEFAULTS = ConcreteOptions()


@dataclass(frozen=True)
class MaskLearning:
    """One step: the loss with the mask that was drawn, the share of weights more likely kept than not.

    `logits`, (length,) float32, go on changing: copy them to keep them.
    """

    step: int
    loss: float
    density: float
    logits: Tensor


def concrete(
    ground: Mergeable, loss: Loss, options: ConcreteOptions = DEFAULTS, places: Places | None = None
) -> Iterator[MaskLearning]:
    """Adam on the logits of one mask, which all task vectors share; every step is given out.

    Args:
        places: which coefficients take the inner step; None: one for each expert and tensor.

    Each step draws a soft mask, merges the masked vectors, and follows the loss back into the logits. With an inner
    rate the coefficients first take a step of their own and count as constants then (Concrete AdaMerging).
    """
    import torch

    from pipelines.merging.learning import Places, mixed, weight_gradient

    logits = torch.zeros_like(ground.base)
    adam = torch.optim.Adam([logits], lr=options.rate)
    places = places or Places.of(ground.layout, "tensor")
    for step in range(options.steps + 1):
        drawn = drawn_mask(ground.layout, logits, step, options)
        mask = rescaled(ground.layout, drawn)
        coefficients = inner_coefficients(ground, mask, places, loss, step, options)
        merged = ground.base + (vector := mixed(ground, places, coefficients).sub_(ground.base)) * mask
        value, gradient = weight_gradient(ground, merged, loss, step)
        yield MaskLearning(step, value, density(ground.layout, logits), logits)
        logits.grad = logits_gradient(ground.layout, gradient * vector, drawn, options.temperature)
        adam.step()


def inner_coefficients(
    ground: Mergeable, mask: Tensor, places: Places, loss: Loss, step: int, options: ConcreteOptions
) -> Tensor:
    """Coefficients after one step of Adam from `scale` on, kept in 0 to 1; `scale` itself without an inner rate."""
    import torch

    from pipelines.merging.learning import coefficient_gradient, mixed, weight_gradient

    shape = len(ground.vectors), len(places.names)
    coefficients = torch.full(shape, options.scale, dtype=torch.float64)
    if options.inner_rate == 0:
        return coefficients
    masked = ground.masked(mask)
    _, gradient = weight_gradient(masked, mixed(masked, places, coefficients), loss, step)
    coefficients.grad = coefficient_gradient(masked, places, gradient)
    torch.optim.Adam([coefficients], lr=options.inner_rate).step()
    return coefficients.clamp_(0.0, 1.0)


def drawn_mask(layout: Layout, logits: Tensor, step: int, options: ConcreteOptions) -> Tensor:
    """A soft mask, (length,), 0 to 1: sigmoid((logit of a uniform number + logits) / temperature)."""
    mask = logits.clone().zero_()
    for slot in layout.slots:
        where = slice(slot.start, slot.stop)
        uniform = (draws(options.seed, f"step {step}", slot.key, 0, slot.stop - slot.start).double() + 0.5) / (WORD + 1)
        mask[where] = ((uniform.logit() + logits[where]) / options.temperature).sigmoid().to(mask.dtype)
    return mask


def rescaled(layout: Layout, mask: Tensor) -> Tensor:
    """The mask over its mean in each tensor, so that the size of the vectors stays; (length,)."""
    scaled = mask.clone().zero_()
    for slot in layout.slots:
        own = mask[slot.start : slot.stop]
        scaled[slot.start : slot.stop] = own / own.mean().clamp(min=1e-12)
    return scaled


def logits_gradient(layout: Layout, gradient: Tensor, drawn: Tensor, temperature: float) -> Tensor:
    """From the gradient of the rescaled mask, (length,), back through the mean and the sigmoid."""
    found = gradient.clone().zero_()
    for slot in layout.slots:
        where = slice(slot.start, slot.stop)
        own, mask = gradient[where], drawn[where]
        mean = mask.mean().clamp(min=1e-12)
        through_mean = own / mean - (own * mask).mean() / mean**2
        found[where] = through_mean * mask * (1.0 - mask) / temperature
    return found


def final_mask(layout: Layout, logits: Tensor, *, is_hard: bool = False, temperature: float = TEMPERATURE) -> Tensor:
    """The mask to merge with, (length,), rescaled in each tensor: probabilities, or 1 where kept is the likelier.

    Convention: a tensor of which a hard mask keeps nothing stays at the base.
    """
    soft = (logits > 0).to(logits.dtype) if is_hard else (logits / temperature).sigmoid()
    return rescaled(layout, soft)


def density(layout: Layout, logits: Tensor) -> float:
    """Share of the weights more likely kept than not, 0 to 1."""
    kept = sum(int((logits[slot.start : slot.stop] > 0).sum()) for slot in layout.slots)
    return kept / max(layout.count, 1)


def concrete_adamerging(
    ground: Mergeable,
    places: Places,
    loss: Loss,
    logits: Tensor,
    *,
    steps: int = 1000,
    rate: float = 1e-3,
    is_hard: bool = False,
) -> Iterator[Learning]:
    """AdaMerging of the masked vectors: what follows a mask learned with an inner rate."""
    mask = final_mask(ground.layout, logits, is_hard=is_hard)
    return adamerging(ground.masked(mask), places, loss, steps=steps, rate=rate)


def concrete_network(
    feed: Feed,
    *,
    steps: int = DEFAULTS.steps,
    rate: float = DEFAULTS.rate,
    scale: float = START,
    inner_rate: float = 0.0,
    seed: int = 0,
    mask: str = "soft",
) -> Iterator[FeedStep]:
    """A family's network through a learned mask: task arithmetic, or with an inner rate AdaMerging after as many steps.

    Every step has the network that was learned by then.

    Args:
        mask: "soft" merges with the probabilities, "hard" with one bit for each weight; it is learned soft either way.
    """
    from pipelines.merging.learning import Places, mixed

    ground, loss, places = feed.ground, feed.need("loss"), Places.of(feed.ground.layout, "tensor")
    total, is_hard = (steps + 1) * (2 if inner_rate else 1), mask == "hard"
    last: MaskLearning | None = None

    def made(coefficients: Tensor | None = None) -> Made:
        assert last is not None
        masked = ground.masked(final_mask(ground.layout, last.logits, is_hard=is_hard))
        flat = mixed(masked, places, _even(ground, places, scale) if coefficients is None else coefficients)
        plain = mixed(ground, places, _even(ground, places, scale))
        networks = {CONCRETE.title: ground.views(flat), f"task arithmetic at {scale:g}": ground.views(plain)}
        return made_of(feed, networks)

    for last in concrete(ground, loss, ConcreteOptions(steps, rate, scale, inner_rate, seed=seed), places):
        yield FeedStep(last.step + 1, total, f"density {last.density:.3f}", last.loss, made)
    if inner_rate and last is not None:
        after = concrete_adamerging(ground, places, loss, last.logits, steps=steps, rate=rate, is_hard=is_hard)
        for one in after:
            yield FeedStep(steps + 2 + one.step, total, "coefficients", one.loss, partial(made, one.coefficients))


def _even(ground: Mergeable, places: Places, value: float) -> Tensor:
    import torch

    return torch.full((len(ground.vectors), len(places.names)), value, dtype=torch.float64)


CONCRETE = OfflineMethod(
    name="concrete",
    title="Concrete masks",
    group="learned",
    paper="arXiv:2312.06173",
    formula="θ = θ0 + Σ λ_t m ∘ τ_t,  m = σ((logit u + x) / T) over its mean,  x learned",
    settings=(
        Setting("steps", "Steps", 2000.0, "Of Adam on the logits", 10.0, 4000.0, 10.0),
        Setting("rate", "Rate", 1e-3, "Of Adam on the logits", 1e-4, 1e-1, 1e-4, is_log=True),
        Setting("scale", "Coefficient", START, "Of every expert meanwhile", 0.0, 1.5),
        Setting("inner_rate", "Inner rate", 0.0, "Of the step on coefficients", 0.0, 1.0),
        Setting("seed", "Seed", 0.0, "Of the masks that are drawn", 0.0, 2.0**31, 1.0),
        Setting("mask", "Mask merged with", "soft", "Probabilities, or one bit a weight", choices=("soft", "hard")),
    ),
    needs="unlabelled samples of every task, and a network whose outputs are classes",
    cost="each step: forward and backward for every task, three passes over the vectors",
    entry="concrete:concrete_network",
    feeds=("loss",),
)
