"""How fast a merge is, as ratios inside one run: against a copy, a triad, and the plain full merge of the same arena.

Candidates take turns, the order reversed every other round; each ratio is the median of the rounds' ratios, in process
time on one thread, by the clock on more, which wants a quiet machine. Absolute times say little on a shared machine and
are printed for orientation only. Every engine that this machine has is measured; the native one, where present, decides
whether a goal is met.

    python -m benchmarks.bench_merge [--parameters 10000000] [--compact] [--threads 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.merge_operations import (
    EXPERTS,
    Operation,
    compact_of,
    compact_operations,
    engine_operations,
    engines,
    file_operations,
    make_arena,
    make_compact_arena,
    plain_operations,
    private_bytes,
    sixteen_bit_operations,
)
from benchmarks.report import store

Rows = dict[str, dict[str, Any]]
PARAMETERS = 10_000_000
ROUNDS = 9
STATED = 86_000_000  # parameters that the goals are stated for
SLACK = 1.25  # smaller arenas may be this much slower
STREAMS = EXPERTS + 2  # what a full merge reads and writes
HALF_BYTES = 2 * EXPERTS + 8  # the same of a weight, vectors in 16 bits
LARGE_BYTES = 1_000_000
MOST_FAULTS = 100
MOST_PRIVATE = 1.05


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
    Goal(
        "G1", "full", "triad", STREAMS / 3 / 0.9, "full merge: K + 2 streams against 3", most_eager=STREAMS / 3 / 0.65
    ),
    Goal("G2", "full16", "triad", HALF_BYTES / 12 / 0.8, "the same with vectors of 16 bits: 2 K + 8 bytes against 12"),
    Goal("G3", "fader", "copy", 1.6, "one fader over the held rest"),
    Goal("G4", "fader16", "copy", 1.4, "the same with a vector of 16 bits"),
    Goal("G5", "tall", "full", 1.25, "new lambda for all tasks, exact masks and merge", most_eager=4.0),
    Goal("G6", "votes", "copy", 1.7, "new k over remembered votes"),
    Goal("G7", "planes", "copy", 3.5, "new lambda for all tasks over their planes"),
    Goal("G8", "ties", "full", 2.0, "new density: trim, elect, merge"),
    Goal("G9", "bits", "copy", 0.2, "bits of a plane without the merge, for densities"),
    Goal("G10", "built", "copy", 50, "byte plane of one vector, once, in the background"),
    Goal("G11", "swap", "forward", 0.01, "finished merge into the network, against a forward of one picture"),
    Goal("G13", "shown", "forward", 1.5, "one fader and a forward of one picture, against the forward"),
    Goal("G14", "opened", "base", 0.1, "a family opened from its bank, against the base alone into its network"),
    Goal("P1", "full", "loop", 1 / 3, "full merge, against a script over state dicts"),
    Goal("P2", "fader", "loop", 1 / 10, "one fader, against the script, which begins anew"),
    Goal("P3", "full", "loaded", 1 / 5, "full merge, whose network needs no loading, against script and loading"),
    Goal("P4", "tall", "one_mask", 1 / 8, "masks of all tasks and merge, against a script that makes one task's mask"),
    Goal("P5", "ties", "trimmed", 1 / 100, "new density, against a script that finds every threshold anew"),
)
# What a person drags: no large allocation, hardly a page fault (G12).
MOVES = ("fader", "fader16", "votes", "planes", "ties")


def warm(arena: Any, operations: dict[str, Operation]) -> None:
    """Each once, and what is remembered after one move or made in the background."""
    for name, operation in operations.items():
        for number in (0, 1, 2) if name.startswith(("votes", "planes")) else (0,):
            operation(number)
            arena.store.wait()


def measure(operations: dict[str, Operation]) -> dict[str, list[float]]:
    """Seconds of every operation in every round: of the process on one thread, else of the clock."""
    import torch

    now = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in operations}
    for number in range(1, ROUNDS + 1):
        for name in list(operations)[:: 1 if number % 2 else -1]:
            start = now()
            operations[name](number)
            seconds[name].append(now() - start)
    return seconds


def ratio_rows(seconds: dict[str, list[float]], parameters: int = PARAMETERS) -> Rows:
    """ "goal operation" -> median ratio, the goal with its slack, and whether it is met."""
    rows, slack = {}, SLACK if parameters < STATED else 1.0
    for goal in GOALS:
        for name in (name for name in seconds if name.split()[0] == goal.operation):
            reference = goal.reference + name.removeprefix(goal.operation)  # of the same engine, where it has one
            against = seconds.get(reference) or seconds.get(goal.reference)
            if against is None:
                continue
            ratio = median(a / b for a, b in zip(seconds[name], against, strict=True))
            is_eager = goal.most_eager is not None and name.endswith("eager")
            limit = slack * (goal.most_eager if is_eager and goal.most_eager else goal.most)
            about = {"against": goal.reference, "meaning": goal.meaning}
            rows[f"{goal.number} {name}"] = {"ratio": ratio, "limit": limit, "is_met": ratio <= limit, **about}
    return rows


def move_rows(operations: dict[str, Operation]) -> Rows:
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


def memory_row(folder: Path, live: Any) -> Rows:
    """Memory of one's own beside the live buffer, for a mapped family and its merge; empty where nothing tells it."""
    if not Path("/proc/self/smaps_rollup").is_file():
        return {}
    ratio = 1 + private_bytes(folder, live) / live.nbytes
    meaning = "memory of one's own: the live buffer and what opening and merging add"
    return {"G14 private": {"ratio": ratio, "limit": MOST_PRIVATE, "is_met": ratio <= MOST_PRIVATE,
                            "against": "buffer", "meaning": meaning}}  # fmt: skip


def goals_met(rows: Rows) -> dict[str, bool]:
    """Goal and operation -> whether the native engine meets it, where it is present; else the tensor operations."""
    by_goal: dict[str, bool] = {}
    for name, row in rows.items():  # native rows follow the eager ones
        goal = name.removesuffix(" native").removesuffix(" eager")
        by_goal[goal] = row["is_met"]
    return by_goal


def main(
    json_path: Path | None = None, parameters: int = PARAMETERS, is_compact: bool = False, threads: int = 1
) -> None:
    """Print the table; with a path, write it as JSON too. `is_compact`: vectors in 16 bits alone."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)  # one core draws most of the memory's bandwidth, and times scatter less
    try:
        present = engines()
        rows, moves, seconds = (compact_results if is_compact else results)(parameters, present)
    finally:
        torch.set_num_threads(before)
    print(f"{parameters:,} weights, {EXPERTS} experts, {threads} thread(s); engines: {', '.join(present)}")
    show(rows, moves, seconds)
    milliseconds = {name: round(1000 * median(times), 3) for name, times in seconds.items()}
    store(json_path, {
        "parameters": parameters, "experts": EXPERTS, "rounds": ROUNDS, "threads": threads, "device": "cpu",
        "engines": list(present), "goals": goals_met(rows | moves), "ratios": rows, "moves": moves,
        "goals_met": all(goals_met(rows | moves).values()), "milliseconds": milliseconds,
    })  # fmt: skip


def results(parameters: int, present: dict[str, Any]) -> tuple[Rows, Rows, dict[str, list[float]]]:
    """Ratios, moves and seconds of every operation."""
    arena = make_arena(parameters, EXPERTS)
    compact, live = compact_of(arena), arena.new_buffer().zero_()
    with TemporaryDirectory() as folder:
        operations = plain_operations(arena, live, 1 + ROUNDS) | file_operations(arena, Path(folder))
        operations |= compact_operations(compact, live, present)
        for name, kernels in present.items():
            operations |= engine_operations(arena, live, name, kernels)
        warm(arena, operations)
        seconds = measure(operations)
        rows = ratio_rows(seconds, parameters) | memory_row(Path(folder), live)
    return rows, move_rows(operations), seconds


def compact_results(parameters: int, present: dict[str, Any]) -> tuple[Rows, Rows, dict[str, list[float]]]:
    """The same of vectors in 16 bits alone."""
    arena = make_compact_arena(parameters, EXPERTS)
    operations = sixteen_bit_operations(arena, arena.new_buffer().zero_(), present)
    warm(arena, operations)
    seconds = measure(operations)
    return ratio_rows(seconds, parameters), move_rows(operations), seconds


def show(rows: Rows, moves: Rows, seconds: dict[str, list[float]]) -> None:
    """One line for every operation and engine."""
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
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--parameters", type=int, default=PARAMETERS, help="of the network (default %(default)s)")
    parser.add_argument("--compact", action="store_true", help="task vectors in 16 bits alone: 400 M weights in 11 GB")
    parser.add_argument("--threads", type=int, default=1, help="of the tensor operations (default %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    flags = parser.parse_args()
    main(flags.json, flags.parameters, flags.compact, flags.threads)
