"""How fast a merge is, as ratios inside one run: against a copy, a triad, and the plain full merge of the same arena.

Candidates take turns, the order reversed every other round; each ratio is the median of the rounds' ratios. Absolute
times say little on a shared machine and are printed for orientation only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

PARAMETERS = 10_000_000
EXPERTS = 4
ROUNDS = 9
SLACK = 1.25  # the goals are stated for 86 million parameters; small arenas may be this much slower

# row -> (numerator, denominator, largest ratio allowed before slack, what is compared)
RATIOS = {
    "full_merge_vs_triad_bandwidth": ("full", "triad", 6 / 3 / 0.65, "(K + 2) streams against 3, at 65 % of its speed"),
    "fader_vs_copy": ("fader", "copy", 1.6, "one fader over the held rest"),
    "tall_threshold_vs_full": ("tall", "full", 4.0, "new lambda for all tasks, exact masks and merge"),
    "ties_density_vs_full": ("ties", "full", 2.0, "new density: thresholds, trim, elect, merge"),
    "consensus_votes_vs_copy": ("consensus", "copy", 1.7, "new k: masks, votes and merge"),
}


def make_arena(parameters: int, experts: int) -> Any:
    """An arena like a small transformer's: square matrices with biases, task vectors with heavy tails."""
    import torch

    from pipelines.merging.arena import Arena

    generator = torch.Generator().manual_seed(0)
    width = 512
    layers = parameters // (width * width + width)
    shapes = {
        f"layer{i}.{name}": shape for i in range(layers) for name, shape in (("w", (width, width)), ("b", (width,)))
    }
    base = {key: 0.02 * torch.randn(shape, generator=generator) for key, shape in shapes.items()}

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        steps, tail = (torch.randn(tensor.shape, generator=generator) for _ in range(2))
        return tensor + 3e-4 * steps * tail.exp()

    return Arena.from_checkpoints(
        base, {f"task{i}": {key: moved(tensor) for key, tensor in base.items()} for i in range(experts)}
    )


def candidates(arena: Any) -> dict[str, Callable[[int], object]]:
    """Name -> operation of round number; a round asks for numbers that no earlier round has asked for."""
    import torch

    from pipelines.merging.recipe import MaskChoice, MergeRecipe

    live, other, third = arena.new_buffer(), arena.new_buffer().zero_(), arena.new_buffer().zero_()
    faders = tuple((task, 0.5 + 0.1 * place) for place, task in enumerate(arena.tasks))
    plain = MergeRecipe(coefficients=faders, scale=0.3)
    held = arena.residual(plain, arena.tasks[0])

    def tall(number: int) -> object:
        masks = MaskChoice("union", thresholds=tuple((task, 0.3 + 0.01 * number) for task in arena.tasks))
        return arena.merge(MergeRecipe("tall_masks", faders, masks=masks), live)

    def ties(number: int) -> object:
        return arena.merge(MergeRecipe("ties", faders, settings=(("density", 0.2 + 0.01 * number),)), live)

    def consensus(number: int) -> object:
        masks = MaskChoice("consensus", votes=1 + number % EXPERTS)
        return arena.merge(MergeRecipe("consensus", faders, masks=masks), live)

    return {
        "copy": lambda number: live.copy_(other),
        "triad": lambda number: torch.add(other, third, alpha=0.3, out=live),
        "full": lambda number: arena.merge(plain, live),
        "fader": lambda number: held.move(0.01 * number, live),
        "tall": tall,
        "ties": ties,
        "consensus": consensus,
    }


def measure(operations: dict[str, Callable[[int], object]]) -> dict[str, list[float]]:
    """Seconds of every operation in every round, one warm-up round first and not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in operations}
    for number in range(ROUNDS + 1):
        for name in list(operations)[:: 1 if number % 2 else -1]:
            start = time.perf_counter()
            operations[name](number)
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio_rows(seconds: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
    """Row -> median ratio, the goal with its slack, and whether it is met."""
    rows = {}
    for name, (numerator, denominator, goal, meaning) in RATIOS.items():
        ratio = median(a / b for a, b in zip(seconds[numerator], seconds[denominator], strict=True))
        limit = goal * SLACK
        rows[name] = {"ratio": round(ratio, 3), "limit": round(limit, 3), "is_met": ratio <= limit, "meaning": meaning}
    return rows


def main(json_path: Path | None = None) -> None:
    """Print the table; with a path, write it as JSON too."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # one core draws most of the memory's bandwidth, and times scatter less
    try:
        seconds = measure(candidates(make_arena(PARAMETERS, EXPERTS)))
    finally:
        torch.set_num_threads(threads)
    rows = ratio_rows(seconds)
    for name, row in rows.items():
        mark = "met" if row["is_met"] else "not met"
        print(f"{name:32} {row['ratio']:8.2f}  limit {row['limit']:6.2f}  {mark:8} {row['meaning']}")
    for name, times in seconds.items():
        print(f"{name:32} {1000 * median(times):8.2f} ms")
    if json_path is not None:
        milliseconds = {name: round(1000 * median(times), 3) for name, times in seconds.items()}
        document = {"parameters": PARAMETERS, "experts": EXPERTS, "rounds": ROUNDS, "threads": 1, "device": "cpu"}
        document |= {"goals_met": all(row["is_met"] for row in rows.values()), "ratios": rows}
        json_path.write_text(json.dumps(document | {"milliseconds": milliseconds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
