"""Optimal-transport fusion of two networks of a family's kind: one laid on the other by what both do on samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch

from pipelines.merging.alignment import OPTIMAL_TRANSPORT
from pipelines.merging.feed import FeedStep, Made
from pipelines.merging.optimal_transport import ACTS_EPSILON, Plan, fused, laid_on, plans_by_activations

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.feed import Alignment, Feed, Samples


def transported(
    feed: Feed, *, epsilon: float = ACTS_EPSILON, anchor_share: float = 0.5, samples: int = 16
) -> Iterator[FeedStep]:
    """The pair of the feed, stream by stream; the last step has the network.

    Args:
        epsilon: softness of the plans; 0 matches neurons one to one.
        samples: of each task, by which neurons are matched.
    """
    alignment: Alignment = feed.need("alignment")
    (name, anchor), (title, other) = feed.need("pair").items()
    seen, wanted = (_activations(feed, alignment, weights, samples) for weights in (other, anchor))
    streams = alignment.streams(anchor)
    plans: dict[str, Plan] = {}
    for number, stream in enumerate(streams, 1):
        plans |= plans_by_activations([stream], seen, wanted, epsilon or None)
        if number < len(streams):
            yield FeedStep(number, len(streams), stream.name)
    laid = alignment.joined(laid_on(alignment.apart(other), alignment.axes(anchor), plans))
    networks = {
        OPTIMAL_TRANSPORT.title: fused(anchor, [laid], anchor_share),
        "the same, neurons not matched": fused(anchor, [other], anchor_share),
        name: anchor,
        title: other,
        f"{title}, laid on it": laid,
    }
    yield FeedStep(len(streams), len(streams), "matched", made=lambda: _made(networks, plans))


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
