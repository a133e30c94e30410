"""Optimal-transport fusion: networks with no common start, of unequal widths too, laid neuron on neuron and averaged.

Neurons of a source are matched with those of an anchor, hard or softly, by what they do on samples or by what comes
into them (arXiv:2310.05719, after 1910.05653). The engine is told which axis of which tensor runs along which stream;
all tensors that share a stream share its plan, so a residual stream stays one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.merging.errors import MergeError
from pipelines.merging.layout import Weights

ACTS_EPSILON, WTS_EPSILON = 0.08, 0.06
TOLERANCE = 1e-6  # of the marginals
MOST_ROUNDS = 20_000
STAGE_ROUNDS, CHECK_EVERY = 100, 10
MOST_COPIES = 8192  # of neurons, in a hard plan between unequal widths

# Key -> stream along each axis; None: the axis is the same in both. The first axis writes its stream, the others read
# theirs; where another writes, as in embeddings (tokens, width), it is named with WRITES before it: "→width".
Axes = Mapping[str, tuple[str | None, ...]]
WRITES = "→"
POLICIES = ("mean", "weighted", "first", "last", "identity")


@dataclass(frozen=True)
class Stream:
    """Neurons that stand for each other wherever the stream is read or written.

    Attributes:
        sites: names of the activations that are measured on it; of a residual stream, the skip first, then branches.
        policy: what several sites make of one plan: "mean", "weighted" (by how loud each is), "first" (skip), "last"
            (branch) or "identity".
        heads: attention heads in source and anchor: heads are matched whole, then neurons inside them. (0, 0): none.
    """

    name: str
    sites: tuple[str, ...] = ()
    policy: str = "mean"
    heads: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Plan:
    """Mass moved from source neurons to anchor neurons, (n, m) float64, all rows alike and all columns alike in sum."""

    mass: Tensor

    @property
    def out_map(self) -> Tensor:
        """(m, n), rows sum to 1: an anchor neuron is the mean of the source neurons matched with it."""
        return self.mass.T * self.mass.shape[1]

    @property
    def in_map(self) -> Tensor:
        """(n, m), rows sum to 1: a source input is made of the anchor neurons it is matched with."""
        return self.mass * self.mass.shape[0]

    @property
    def entropy(self) -> float:
        """Of the masses in nats; log n for a permutation."""
        return float(torch.special.entr(self.mass).sum())


def cost_between(source: Tensor, anchor: Tensor) -> Tensor:
    """Euclidean distances of features (n, d) and (m, d), over the largest; (n, m) float64, 0 to 1."""
    distances = torch.cdist(source.double(), anchor.double(), compute_mode="donot_use_mm_for_euclid_dist")
    return distances / distances.max().clamp(min=1e-300)


def standardised(activations: Tensor) -> Tensor:
    """Features of neurons from activations (..., width): centred, over their deviation; (width, samples) float64."""
    samples = activations.double().reshape(-1, activations.shape[-1])
    return ((samples - samples.mean(0)) / (samples.std(0, correction=0) + 1e-9)).T


def transport(cost: Tensor, epsilon: float | None) -> Plan:
    """The cheapest plan with equal masses; `epsilon` None: exact, a permutation between equal widths.

    Raises:
        MergeError: a hard plan between widths with too large a common multiple.
    """
    return Plan(_exact(cost) if epsilon is None else _sinkhorn(cost, epsilon))


def _exact(cost: Tensor) -> Tensor:
    """Each neuron as often as makes both sides equal in number: then an assignment is the optimum."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = cost.shape
    count = math.lcm(rows, columns)
    if count > MOST_COPIES:
        raise MergeError(f"widths {rows} and {columns} have no small common multiple: choose a soft plan (epsilon)")
    copies = cost.repeat_interleave(count // rows, 0).repeat_interleave(count // columns, 1)
    first, second = (torch.from_numpy(one) for one in linear_sum_assignment(copies.numpy()))
    places = first // (count // rows) * columns + second // (count // columns)
    return (places.bincount(minlength=rows * columns).double() / count).view(rows, columns)


def _sinkhorn(cost: Tensor, epsilon: float) -> Tensor:
    """Entropic plan by scaling in the log domain, until the row sums are right; the column sums always are.

    Softness is halved from stage to stage, each starting from the prices of the last: far fewer rounds at small values.
    """
    prices = torch.zeros(1, cost.shape[1], dtype=torch.float64)  # of the columns, in units of cost
    softness = float(cost.max())
    while softness > 2 * epsilon:
        prices, _, _ = _rounds(cost, softness, prices, STAGE_ROUNDS)
        softness /= 2
    _, mass, is_done = _rounds(cost, epsilon, prices, MOST_ROUNDS)
    if not is_done:
        raise MergeError(
            f"no plan after {MOST_ROUNDS} rounds at epsilon {epsilon:g}: take a larger one, or a hard plan"
        )
    return mass


def _rounds(cost: Tensor, epsilon: float, prices: Tensor, most: int) -> tuple[Tensor, Tensor, bool]:
    """Prices, plan, and whether its row sums are right, after at most so many rounds."""
    rows, columns = cost.shape
    kernel, second = -cost / epsilon, prices / epsilon
    for number in range(1, most + 1):
        first = -math.log(rows) - (kernel + second).logsumexp(1, keepdim=True)
        second = -math.log(columns) - (kernel + first).logsumexp(0, keepdim=True)
        if number % CHECK_EVERY == 0 or number == most:
            mass = (kernel + first + second).exp()
            if float((mass.sum(1) - 1 / rows).abs().sum()) < TOLERANCE:
                return epsilon * second, mass, True
    return epsilon * second, mass, False


def head_plan(cost: Tensor, heads: tuple[int, int], epsilon: float | None) -> Plan:
    """Heads matched whole by the cost of their own best plans, then neurons inside: no head is mixed from halves."""
    rows, columns = (size // count for size, count in zip(cost.shape, heads, strict=True))
    inner = {
        (a, b): transport(cost[a * rows : (a + 1) * rows, b * columns : (b + 1) * columns], epsilon).mass
        for a in range(heads[0])
        for b in range(heads[1])
    }
    outer = torch.zeros(heads, dtype=torch.float64)
    for (a, b), mass in inner.items():
        outer[a, b] = (mass * cost[a * rows : (a + 1) * rows, b * columns : (b + 1) * columns]).sum()
    between = transport(outer, epsilon).mass
    return Plan(torch.cat([torch.cat([between[a, b] * inner[a, b] for b in range(heads[1])], 1)
                           for a in range(heads[0])], 0))  # fmt: skip


def plan_of(
    stream: Stream, costs: Sequence[Tensor], epsilon: float | None, loudness: Sequence[float] | None = None
) -> Plan:
    """One plan for a stream from the costs at its sites.

    Args:
        loudness: of each site, above 0, which the policy "weighted" weighs its plan by; None: all alike.

    Raises:
        MergeError: an unknown policy; identity between unequal widths.
    """
    if stream.policy == "identity":
        rows, columns = costs[0].shape
        if rows != columns:
            raise MergeError(f"stream {stream.name} has widths {rows} and {columns}: it cannot stay as it is")
        return Plan(torch.eye(rows, dtype=torch.float64) / rows)
    chosen = {"mean": costs, "weighted": costs, "first": costs[:1], "last": costs[-1:]}.get(stream.policy)
    if chosen is None:
        raise MergeError(f'unknown policy "{stream.policy}"; known are {", ".join(POLICIES)}')
    plans = [head_plan(one, stream.heads, epsilon) if stream.heads[0] else transport(one, epsilon) for one in chosen]
    is_weighted = stream.policy == "weighted" and loudness is not None
    weights = torch.tensor(loudness if is_weighted else [1.0] * len(plans), dtype=torch.float64)
    return Plan(torch.tensordot(weights / weights.sum(), torch.stack([one.mass for one in plans]), dims=1))


def plans_by_activations(
    streams: Sequence[Stream],
    source: Mapping[str, Tensor],
    anchor: Mapping[str, Tensor],
    epsilon: float | None = ACTS_EPSILON,
) -> dict[str, Plan]:
    """A plan for every stream from what its neurons do on the same samples.

    Args:
        source, anchor: site -> activations (samples, ..., width), samples in one order.
    """
    plans = {}
    for stream in streams:
        for site in stream.sites:
            if site not in source or site not in anchor:
                raise MergeError(f"no activations of {site}, which stream {stream.name} is matched by")
        pairs = [(source[site], anchor[site]) for site in stream.sites]
        costs = [cost_between(standardised(one), standardised(other)) for one, other in pairs]
        plans[stream.name] = plan_of(stream, costs, epsilon, [loudness(*pair) for pair in pairs])
    return plans


def loudness(source: Tensor, anchor: Tensor) -> float:
    """Mean size of the activations at one site, over both networks.

    Source: the residual policy "weighted" of arXiv:2310.05719. Convention: both networks have a say in it.
    """
    return float(source.abs().double().mean() + anchor.abs().double().mean()) / 2


def plans_by_weights(
    streams: Sequence[Stream],
    source: Weights,
    anchor: Weights,
    axes: Axes,
    epsilon: float | None = WTS_EPSILON,
    known: Mapping[str, Plan] | None = None,
) -> dict[str, Plan]:
    """A plan for every stream, in order, from the weights that come into its neurons, already laid on their inputs.

    Args:
        known: plans of streams before these; they are given back too.
    """
    plans = dict(known or {})
    for stream in streams:
        rows = incoming(source, axes, stream.name, plans), incoming(anchor, axes, stream.name, plans, is_anchor=True)
        plans[stream.name] = plan_of(stream, [cost_between(*rows)], epsilon)
    return plans


def incoming(
    weights: Weights, axes: Axes, stream: str, plans: Mapping[str, Plan], *, is_anchor: bool = False
) -> Tensor:
    """Features of a stream's neurons, (width, all incoming weights): rows of the tensors that write it.

    Tensors that read a stream without a plan yet are left out: their columns have no common order.
    """
    found = []
    for key, names in axes.items():
        ways = directions(names)
        reads = {place: name for place, (name, is_written) in enumerate(ways) if name and not is_written}
        if (stream, True) in ways and all(name in plans for name in reads.values()):
            laid = weights[key].double()
            for place, name in () if is_anchor else reads.items():
                laid = along(laid, place, plans[name].in_map.T)
            rows = laid.movedim(ways.index((stream, True)), 0)
            found.append(rows.reshape(rows.shape[0], -1))
    if not found:
        raise MergeError(f"stream {stream} is written by no tensor whose inputs are matched before: name it at the "
                         f"first axis of one, or with {WRITES}")  # fmt: skip
    return torch.cat(found, 1)


def check_widths(streams: Sequence[Stream], axes: Axes, anchor: Weights, title: str, other: Weights) -> None:
    """Refuse a network whose sizes differ from the anchor's elsewhere than along streams, or within one stream.

    Raises:
        MergeError: names the tensor and both shapes, or the stream and its widths.
    """
    widths: dict[str, set[int]] = {}
    for key, own in anchor.items():
        shape, names = tuple(other[key].shape), axes.get(key, (None,) * own.ndim)
        if any(name is None and size != wanted for size, wanted, name in zip(shape, own.shape, names, strict=True)):
            raise MergeError(f"{title} has {key} of {shape}, the anchor has {tuple(own.shape)}: only widths along "
                             "which neurons are matched may differ")  # fmt: skip
        for size, (name, _) in zip(shape, directions(names), strict=True):
            widths.setdefault(name, set()).add(size)
    for stream in streams:
        found, heads = sorted(widths[stream.name]), stream.heads[0] or 1
        if len(found) > 1 or found[0] % heads:
            raise MergeError(f"{title} has {' and '.join(map(str, found))} neurons in stream {stream.name}: it must be "
                             f"one width, a multiple of {heads}")  # fmt: skip


def laid_on(source: Weights, axes: Axes, plans: Mapping[str, Plan]) -> dict[str, Tensor]:
    """The source network with the anchor's widths, neurons in the anchor's order; dtypes of the source.

    Tensors without axes are taken over as they are.
    """
    found = {}
    for key, tensor in source.items():
        laid = tensor
        for place, (name, is_written) in enumerate(directions(axes.get(key, ()))):
            if name in plans:
                laid = along(laid.double(), place, plans[name].out_map if is_written else plans[name].in_map.T)
        found[key] = laid.to(tensor.dtype)
    return found


def directions(names: Sequence[str | None]) -> list[tuple[str, bool]]:
    """Stream of each axis ("" for none), and whether the tensor writes it."""
    given = [name or "" for name in names]
    return [(name.removeprefix(WRITES), place == 0 or name.startswith(WRITES)) for place, name in enumerate(given)]


def along(tensor: Tensor, place: int, turn: Tensor) -> Tensor:
    """A matrix (new, old) applied along one axis."""
    return torch.tensordot(turn, tensor, dims=([1], [place])).movedim(0, place)


def fused(anchor: Weights, laid: Sequence[Weights], anchor_share: float | None = None) -> dict[str, Tensor]:
    """(1 - share) * mean of the laid networks + share * anchor; None: every network counts the same.

    Convention: share 1 is the anchor to the bit.

    Raises:
        MergeError: shapes differ, or a share outside 0 to 1.
    """
    share = 1 / (1 + len(laid)) if anchor_share is None else anchor_share
    if not 0 <= share <= 1:
        raise MergeError(f"the anchor's share is {share}, it must lie between 0 and 1")
    merged = {}
    for key, own in anchor.items():
        for one in laid:
            if one[key].shape != own.shape:
                raise MergeError(f"{key} has {tuple(one[key].shape)} after matching, the anchor has {tuple(own.shape)}")
        if share == 1 or not own.is_floating_point():
            merged[key] = own.clone()
        else:
            mean = torch.stack([one[key].double() for one in laid]).mean(0)
            merged[key] = ((1 - share) * mean + share * own.double()).to(own.dtype)
    return merged
