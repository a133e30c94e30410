"""Optimal-transport fusion of two networks of a family's kind: one laid on the other by what both do on samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from pipelines.merging.alignment import OPTIMAL_TRANSPORT
from pipelines.merging.feed import FeedStep, Made
from pipelines.merging.optimal_transport import (
    ACTS_EPSILON,
    Plan,
    Stream,
    fused,
    laid_on,
    plans_by_activations,
    plans_by_weights,
)

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.feed import Alignment, Feed, Samples


def transported(
    feed: Feed,
    *,
    epsilon: float = ACTS_EPSILON,
    anchor_share: float = 0.5,
    samples: int = 16,
    by: str = "activations",
    residual: str = "mean",
    heads: str = "whole",
) -> Iterator[FeedStep]:
    """The pair of the feed, stream by stream; the last step has the network.

    A network of other widths cannot stand beside the others as it is: it is told laid on the anchor alone.

    Args:
        epsilon: softness of the plans; 0 matches neurons one to one.
        samples: of each task, by which neurons are matched; by "weights" none is looked at.
        residual: policy of streams with several sites; by "weights" all are one, and only "identity" differs.
        heads: "whole", or "mixed": their neurons as one width, as published.
    """
    alignment: Alignment = feed.need("alignment")
    (name, anchor), (title, other) = feed.need("pair").items()
    streams = [_as_asked(one, residual, heads) for one in alignment.streams(anchor)]
    plans: dict[str, Plan] = {}
    planned = _planner(feed, alignment, by, samples, epsilon or None)
    for number, stream in enumerate(streams, 1):
        plans = planned(stream, plans)
        if number < len(streams):
            yield FeedStep(number, len(streams), stream.name)
    laid = alignment.joined(laid_on(alignment.apart(other), alignment.axes(anchor), plans))
    networks = {OPTIMAL_TRANSPORT.title: fused(anchor, [laid], anchor_share), name: anchor}
    if all(other[key].shape == own.shape for key, own in anchor.items()):
        networks |= {"the same, neurons not matched": fused(anchor, [other], anchor_share), title: other}
    networks[f"{title}, laid on it"] = laid
    yield FeedStep(len(streams), len(streams), "matched", made=lambda: _made(networks, plans))


def _as_asked(stream: Stream, residual: str, heads: str) -> Stream:
    policy = residual if len(stream.sites) > 1 else stream.policy
    return replace(stream, policy=policy, heads=stream.heads if heads == "whole" else (0, 0))


def _planner(
    feed: Feed, alignment: Alignment, by: str, samples: int, epsilon: float | None
) -> Callable[[Stream, dict[str, Plan]], dict[str, Plan]]:
    """What adds the plan of one stream to those before it."""
    anchor, other = feed.need("pair").values()
    if by == "weights":
        source, target, axes = alignment.apart(other), alignment.apart(anchor), alignment.axes(anchor)
        return lambda stream, known: plans_by_weights([stream], source, target, axes, epsilon, known)
    seen, wanted = (_activations(feed, alignment, weights, samples) for weights in (other, anchor))
    return lambda stream, known: known | plans_by_activations([stream], seen, wanted, epsilon)


def _activations(feed: Feed, alignment: Alignment, weights: Mapping[str, Tensor], samples: int) -> Mapping[str, Tensor]:
    source: Samples = feed.need("samples")
    source.stretches(samples)
    inputs = torch.cat([source.inputs(task, 0, samples) for task in feed.experts])
    return alignment.activations(source.module, weights, inputs)


def _made(networks: Mapping[str, Mapping[str, Tensor]], plans: Mapping[str, Plan]) -> Made:
    """With what of each stream stays in its place, and how soft its plan is: 0 one to one, 1 all to all."""
    stays = tuple(_stays(plan) for plan in plans.values())
    soft = tuple(_softness(plan) for plan in plans.values())
    return Made(networks, "Plans between the two networks", tuple(plans), ("stays in place", "softness"), (stays, soft))


def _stays(plan: Plan) -> float:
    return float(plan.mass.diagonal().sum()) if plan.mass.shape[0] == plan.mass.shape[1] else 0.0


def _softness(plan: Plan) -> float:
    least, most = torch.tensor(max(plan.mass.shape)).log(), torch.tensor(plan.mass.numel()).log()
    return float((plan.entropy - least) / (most - least))
