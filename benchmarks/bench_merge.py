"""How fast a merge is, as ratios inside one run: against a copy, a triad, and the plain full merge of the same arena.

Candidates take turns, the order reversed every other round; each ratio is the median of the rounds' ratios, in process
time on one thread. Absolute times say little on a shared machine and are printed for orientation only. Every engine
that this machine has is measured; the native one, where present, decides whether a goal is met.

    python -m pipelines bench merge [--json FILE]
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import store

PARAMETERS = 10_000_000
EXPERTS = 8
WIDTH = 512
TOKENS = 50  # of one picture in a ViT-B/32
ROUNDS = 9
SLACK = 1.25  # the goals are stated for 86 million parameters; small arenas may be this much slower
LARGE_BYTES = 1_000_000
MOST_FAULTS = 100

Operation = Callable[[int], object]


@dataclass(frozen=True)
class Goal:
    """A ratio of two operations and the most it may be; operations with engines are named "operation engine"."""

    number: str
    operation: str
    reference: str
    most: float
    meaning: str
    most_eager: float | None = None  # where the tensor operations alone have a goal of their own


GOALS = (
    Goal("G1", "full", "triad", (EXPERTS + 2) / 3 / 0.65, "full merge: K + 2 streams against 3, at 65 % of its speed"),
    Goal("G3", "fader", "copy", 1.6, "one fader over the held rest"),
    Goal("G5", "tall", "full", 1.25, "new lambda for all tasks, exact masks and merge", most_eager=4.0),
    Goal("G6", "votes", "copy", 1.7, "new k over remembered votes"),
    Goal("G7", "planes", "copy", 3.5, "new lambda for all tasks over their planes"),
    Goal("G8", "ties", "full", 2.0, "new density: trim, elect, merge"),
    Goal("G11", "swap", "forward", 0.01, "finished merge into the network, against a forward of one picture"),
)
MOVES = ("fader", "votes", "planes", "ties")  # what a person drags: no large allocation, hardly a page fault (G12)


def make_arena(parameters: int, experts: int) -> Any:
    """An arena of square layers with biases; task vectors have heavy tails."""
    import torch

    from pipelines.merging.arena import Arena

    generator = torch.Generator().manual_seed(0)
    layers = parameters // (WIDTH * WIDTH + WIDTH)
    shapes = {
        f"{i}.{name}": shape for i in range(layers) for name, shape in (("weight", (WIDTH, WIDTH)), ("bias", (WIDTH,)))
    }
    base = {key: 0.02 * torch.randn(shape, generator=generator) for key, shape in shapes.items()}

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        steps, tail = (torch.randn(tensor.shape, generator=generator) for _ in range(2))
        return tensor + 3e-4 * steps * tail.exp()

    return Arena.from_checkpoints(
        base, {f"task{i}": {key: moved(tensor) for key, tensor in base.items()} for i in range(experts)}
    )


def engines() -> dict[str, Any]:
    """Name -> kernels, None for tensor operations."""
    from pipelines.merging.native import ENGINE

    native = ENGINE.wait()
    return {"eager": None} | ({"native": native} if native is not None else {})


def plain_operations(arena: Any, live: Any) -> dict[str, Operation]:
    """References, and the moves that need no engine."""
    import torch

    from pipelines.merging.recipe import MergeRecipe

    other, third = arena.new_buffer().zero_(), arena.new_buffer().zero_()
    plain = MergeRecipe(coefficients=faders(arena), scale=0.3)
    held = arena.residual(plain, arena.tasks[0])
    return {
        "copy": lambda number: live.copy_(other),
        "triad": lambda number: torch.add(other, third, alpha=0.3, out=live),
        "full": lambda number: arena.merge(plain, live),
        "fader": lambda number: held.move(0.01 * number, live),
        **network_operations(arena, live),
    }


def network_operations(arena: Any, live: Any) -> dict[str, Operation]:
    """A forward of the merged network, and the exchange of its parameters."""
    import torch

    from pipelines.shared.shells import Shell

    def build() -> torch.nn.Module:
        return torch.nn.Sequential(*(torch.nn.Linear(WIDTH, WIDTH) for _ in range(len(arena.layout.slots) // 2)))

    tokens, views = torch.zeros(TOKENS, WIDTH), arena.views(live)
    network = Shell(build).filled(views)
    shells = [Shell(build) for _ in range(1 + ROUNDS)]  # the cache makes them ahead, in the background
    return {"forward": lambda number: network(tokens), "swap": lambda number: shells[number].filled(views)}


def faders(arena: Any) -> tuple[tuple[str, float], ...]:
    """Both signs, all at different heights."""
    return tuple((task, (-1) ** place * (0.5 + 0.05 * place)) for place, task in enumerate(arena.tasks))


def engine_operations(arena: Any, live: Any, name: str, kernels: Any) -> dict[str, Operation]:
    """What depends on the engine; every number asks for a setting that the numbers around it did not ask for."""
    from pipelines.merging.recipe import MaskChoice, MergeRecipe

    consensus = MergeRecipe("consensus", faders(arena), 0.4, masks=MaskChoice("consensus"))

    def at(limit: float, votes: int = 2) -> MergeRecipe:
        masks = MaskChoice("consensus", thresholds=tuple((task, limit) for task in arena.tasks), votes=votes)
        return replace(consensus, masks=masks)

    def ties(number: int) -> MergeRecipe:
        return MergeRecipe("ties", faders(arena), settings=(("density", (20 + number % 60) / 100),))

    def merged(recipe_of: Callable[[int], MergeRecipe]) -> Operation:
        def merge(number: int) -> object:
            arena.engine = lambda: kernels
            return arena.merge(recipe_of(number), live)

        return merge

    return {
        f"tall {name}": merged(lambda number: at(0.3005 + number / 100)),  # between the stops of the planes
        f"votes {name}": merged(lambda number: at(0.4, 1 + number % EXPERTS)),
        f"planes {name}": merged(lambda number: at(0.41 + number / 100)),
        f"ties {name}": merged(ties),
    }


def warm(arena: Any, operations: dict[str, Operation]) -> None:
    """Each once, and what is remembered after one move or made in the background."""
    for name, operation in operations.items():
        for number in (0, 1, 2) if name.startswith(("votes", "planes")) else (0,):
            operation(number)
            arena.store.wait()


def measure(operations: dict[str, Operation]) -> dict[str, list[float]]:
    """Process seconds of every operation in every round."""
    seconds: dict[str, list[float]] = {name: [] for name in operations}
    for number in range(1, ROUNDS + 1):
        for name in list(operations)[:: 1 if number % 2 else -1]:
            start = time.process_time()
            operations[name](number)
            seconds[name].append(time.process_time() - start)
    return seconds


def ratio_rows(seconds: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
    """ "goal operation" -> median ratio, the goal with its slack, and whether it is met."""
    rows = {}
    for goal in GOALS:
        for name in (name for name in seconds if name.split()[0] == goal.operation):
            ratio = median(a / b for a, b in zip(seconds[name], seconds[goal.reference], strict=True))
            is_eager = goal.most_eager is not None and name.endswith("eager")
            limit = SLACK * (goal.most_eager if is_eager and goal.most_eager else goal.most)
            about = {"against": goal.reference, "meaning": goal.meaning}
            rows[f"{goal.number} {name}"] = {"ratio": ratio, "limit": limit, "is_met": ratio <= limit, **about}
    return rows


def move_rows(operations: dict[str, Operation]) -> dict[str, dict[str, Any]]:
    """ "G12 operation" -> page faults and large allocations of one move in a steady drag."""
    import resource

    import torch

    rows = {}
    for name, move in operations.items():
        if name.split()[0] not in MOVES:
            continue
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for number in range(ROUNDS):
            move(number)
        faults = (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / ROUNDS
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
            move(ROUNDS)
        large = sum(event.self_cpu_memory_usage >= LARGE_BYTES for event in profile.events())
        is_met = large == 0 and faults < MOST_FAULTS
        rows[f"G12 {name}"] = {"faults": faults, "large_allocations": large, "is_met": is_met}
    return rows


def goals_met(rows: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """Goal and operation -> whether the native engine meets it, where it is present; else the tensor operations."""
    by_goal: dict[str, bool] = {}
    for name, row in rows.items():  # native rows follow the eager ones
        goal = name.removesuffix(" native").removesuffix(" eager")
        by_goal[goal] = row["is_met"]
    return by_goal


def main(json_path: Path | None = None) -> None:
    """Print the table; with a path, write it as JSON too."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # one core draws most of the memory's bandwidth, and times scatter less
    try:
        arena, present = make_arena(PARAMETERS, EXPERTS), engines()
        live = arena.new_buffer().zero_()
        operations = plain_operations(arena, live)
        for name, kernels in present.items():
            operations |= engine_operations(arena, live, name, kernels)
        warm(arena, operations)
        seconds = measure(operations)
        rows, moves = ratio_rows(seconds), move_rows(operations)
    finally:
        torch.set_num_threads(threads)
    show(rows, moves, seconds, tuple(present))
    if json_path is not None:
        milliseconds = {name: round(1000 * median(times), 3) for name, times in seconds.items()}
        document = {"parameters": PARAMETERS, "experts": EXPERTS, "rounds": ROUNDS, "threads": 1, "device": "cpu"}
        document |= {"engines": list(present), "goals": goals_met(rows | moves), "ratios": rows, "moves": moves}
        document |= {"goals_met": all(goals_met(rows | moves).values()), "milliseconds": milliseconds}
        store(json_path, document)


def show(
    rows: dict[str, dict[str, Any]], moves: dict[str, dict[str, Any]], seconds: dict[str, list[float]],
    present: tuple[str, ...],
) -> None:  # fmt: skip
    """One line for every operation and engine."""
    missing = "" if "native" in present else ", native missing: no C compiler"
    print(f"{PARAMETERS:,} weights, {EXPERTS} experts, one thread; engines: {', '.join(present)}{missing}")
    for name, row in rows.items():
        mark, against = "met" if row["is_met"] else "not met", row["against"]
        print(f"{name:22} {row['ratio']:7.3f} x {against:8} limit {row['limit']:6.3f}  {mark:8} {row['meaning']}")
    for name, row in moves.items():
        mark = "met" if row["is_met"] else "not met"
        print(f"{name:22} {row['faults']:7.1f} page faults, {row['large_allocations']} large allocations  {mark}")
    met = goals_met(rows | moves)
    print(f"goals met by the best engine: {sum(met.values())} of {len(met)}")
    print("  ".join(f"{name} {1000 * median(times):.2f} ms" for name, times in seconds.items()))


if __name__ == "__main__":
    main()
