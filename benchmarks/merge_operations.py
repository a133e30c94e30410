"""What bench_merge times: our moves and merges by engine, plain references, and what a script without us would do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

EXPERTS = 8
WIDTH = 512
MOST_SORTED = 20_000_000  # weights up to which a script's exact thresholds of all experts are timed
TOKENS = 50  # of one picture in a ViT-B/32

Operation = Callable[[int], object]
State = Mapping[str, Any]  # key -> tensor


def make_arena(parameters: int, experts: int) -> Any:
    """An arena of square layers with biases; task vectors have heavy tails."""
    import torch

    from pipelines.merging.arena import Arena

    generator = torch.Generator().manual_seed(0)
    base = make_base(parameters, generator)
    return Arena.from_checkpoints(
        base, {f"task{i}": {key: moved(tensor, generator) for key, tensor in base.items()} for i in range(experts)}
    )


def make_base(parameters: int, generator: Any) -> dict[str, Any]:
    """The base's state dict."""
    import torch

    layers = parameters // (WIDTH * WIDTH + WIDTH)
    shapes = {
        f"{i}.{name}": shape for i in range(layers) for name, shape in (("weight", (WIDTH, WIDTH)), ("bias", (WIDTH,)))
    }
    return {key: 0.02 * torch.randn(shape, generator=generator) for key, shape in shapes.items()}


def moved(tensor: Any, generator: Any) -> Any:
    """One of an expert's tensors."""
    import torch

    steps, tail = (torch.randn(tensor.shape, generator=generator) for _ in range(2))
    return tensor + 3e-4 * steps * tail.exp()


def make_compact_arena(parameters: int, experts: int) -> Any:
    """The same with task vectors in 16 bits from the start, one expert in memory at a time."""
    import torch

    from pipelines.merging.arena import Arena, expert_of, flatten
    from pipelines.merging.layout import Layout

    generator = torch.Generator().manual_seed(0)
    base = make_base(parameters, generator)
    layout = Layout.of((key, tuple(tensor.shape)) for key, tensor in base.items())
    flat, vectors = flatten(layout, base, 0), {}
    classes = dict.fromkeys(base, "MERGE")
    base.clear()
    for number in range(1, 1 + experts):
        whole = flatten(layout, {slot.key: moved(flat[slot.start : slot.stop], generator) for slot in layout.slots}, 0)
        vectors[f"task{number - 1}"] = expert_of(flat, whole, number, is_compact=True)
    return Arena(layout, flat, vectors, {}, classes, {})


def compact_of(arena: Any) -> Any:
    """The same family with task vectors in 16 bits."""
    from pipelines.merging.arena import Arena

    return Arena.from_checkpoints(arena.views(arena.base), experts_of(arena), is_compact=True)


def experts_of(arena: Any) -> dict[str, dict[str, Any]]:
    """State dicts of the experts, in memory of their own."""
    return {task: arena.views(arena.base + expert.vector) for task, expert in arena.experts.items()}


def engines() -> dict[str, Any]:
    """Name -> kernels, None for tensor operations."""
    from pipelines.merging.native import ENGINE

    native = ENGINE.wait()
    return {"eager": None} | ({"native": native} if native is not None else {})


def plain_operations(arena: Any, live: Any, spare: int) -> dict[str, Operation]:
    """References, and the moves that need no engine. `spare`: how often networks are filled."""
    from pipelines.merging.recipe import MergeRecipe

    other, third = arena.new_buffer().zero_(), arena.new_buffer().zero_()
    plain = MergeRecipe(coefficients=faders(arena), scale=0.3)
    held = arena.residual(plain, arena.tasks[0])
    return {
        **reference_operations(live, other, third),
        "fader": lambda number: held.move(0.01 * number, live),
        **network_operations(arena, live, held, spare),
        **plane_operations(arena, live),
        **scripted_operations(arena, plain),
    }


def reference_operations(live: Any, other: Any, third: Any) -> dict[str, Operation]:
    """What the memory can do: a copy and a triad."""
    import torch

    return {
        "copy": lambda number: live.copy_(other),
        "triad": lambda number: torch.add(other, third, alpha=0.3, out=live),
    }


def network_operations(arena: Any, live: Any, held: Any, spare: int) -> dict[str, Operation]:
    """A forward of the merged network, alone and after a fader, and the exchange of its parameters."""
    import torch

    from pipelines.shared.shells import Shell

    tokens, views = torch.zeros(TOKENS, WIDTH), arena.views(live)
    network = Shell(lambda: network_of(arena)).filled(views)
    shells = [Shell(lambda: network_of(arena)) for _ in range(spare)]  # the cache makes them ahead, in the background

    def fader_and_forward(number: int) -> object:
        held.move(0.01 * number, live)
        return network(tokens)

    return {"forward": lambda number: network(tokens), "shown": fader_and_forward,
            "swap": lambda number: shells[number].filled(views)}  # fmt: skip


def network_of(arena: Any) -> Any:
    """Square layers, as many as the arena has."""
    import torch

    return torch.nn.Sequential(*(torch.nn.Linear(WIDTH, WIDTH) for _ in range(len(arena.layout.slots) // 2)))


def scripted_operations(arena: Any, recipe: Any) -> dict[str, Operation]:
    """A script over state dicts: a task vector for every expert, their weighted sum, the network filled with it."""
    base, experts = arena.views(arena.base), experts_of(arena)
    network, weights = network_of(arena), dict(recipe.coefficients)

    def loop(number: int) -> dict[str, Any]:
        merged = {}
        for key, start in base.items():
            total = sum(weights[task] * (expert[key] - start) for task, expert in experts.items())
            merged[key] = start + recipe.scale * total
        return merged

    return {"loop": loop, "loaded": lambda number: network.load_state_dict(loop(number)),
            **published_operations(base, experts, loop(0))}  # fmt: skip


def published_operations(base: State, experts: Mapping[str, State], merged: State) -> dict[str, Operation]:
    """As the papers' formulas are scripted: flat vectors, one TALL-mask; TIES with a threshold found anew for each."""
    import torch

    start, multi = flat(base), flat(merged)
    vectors = torch.stack([flat(expert) - start for expert in experts.values()])
    first = flat(next(iter(experts.values())))

    def one_mask(number: int) -> list[Any]:
        mask = (first - start).abs() > (0.3 + number / 100) * (multi - first).abs()
        return mask.split([value.numel() for value in base.values()])

    def trimmed(number: int) -> Any:
        kept_from = int((0.8 - number % 60 / 100) * vectors.shape[1])
        edges = vectors.abs().kthvalue(kept_from, dim=1, keepdim=True).values
        kept = vectors * (vectors.abs() >= edges)
        agree = kept * (kept.sign() == kept.sum(0).sign())
        return start + 0.3 * agree.sum(0) / (agree != 0).sum(0).clamp(min=1)

    sorting = {"trimmed": trimmed} if vectors.shape[1] <= MOST_SORTED else {}
    return {"one_mask": one_mask} | sorting


def flat(state: State) -> Any:
    """All tensors of a state dict behind one another."""
    import torch

    return torch.cat([value.reshape(-1) for value in state.values()])


def file_operations(arena: Any, folder: Any) -> dict[str, Operation]:
    """A family opened from its bank, and the base alone into its network."""
    from safetensors.torch import load_file, save_file

    from pipelines.shared.bank import open_bank, write_bank

    write_bank(arena, folder / "bank")
    base = folder / "base.safetensors"
    save_file({key: value.contiguous() for key, value in arena.views(arena.base).items()}, base)
    return {
        "opened": lambda number: open_bank(folder / "bank"),
        "base": lambda number: network_of(arena).load_state_dict(load_file(base)),
    }


def private_bytes(folder: Any, live: Any) -> int:
    """Memory of its own that a process takes for a mapped family and a merge of it into `live`."""
    from benchmarks.measured import anonymous_bytes
    from pipelines.merging.recipe import MergeRecipe
    from pipelines.shared.bank import open_bank

    before = anonymous_bytes()
    arena = open_bank(folder / "bank")
    arena.merge(MergeRecipe(coefficients=faders(arena), scale=0.3), live)
    return anonymous_bytes() - before


def plane_operations(arena: Any, live: Any) -> dict[str, Operation]:
    """The byte plane of one vector, built tile by tile as the background does."""
    from pipelines.merging.planes import count_stops
    from pipelines.merging.recipe import MergeRecipe

    tiles = list(arena.mixture(MergeRecipe(coefficients=faders(arena), scale=0.3)).tiles())
    return {"built": lambda number: [count_stops(one.parts[0], live[one.start : one.stop], "gt") for one in tiles]}


def faders(arena: Any) -> tuple[tuple[str, float], ...]:
    """Both signs, all at different heights."""
    return tuple((task, (-1) ** place * (0.5 + 0.05 * place)) for place, task in enumerate(arena.tasks))


def sixteen_bit_operations(compact: Any, live: Any, present: dict[str, Any]) -> dict[str, Operation]:
    """References and the moves of vectors in 16 bits alone: what fits into memory where the others do not."""
    references = reference_operations(live, compact.base, compact.new_buffer().zero_())
    return references | compact_operations(compact, live, present)


def compact_operations(compact: Any, live: Any, present: dict[str, Any]) -> dict[str, Operation]:
    """A full merge and a fader of vectors in 16 bits, by every engine."""
    from pipelines.merging.recipe import MergeRecipe

    plain = MergeRecipe(coefficients=faders(compact), scale=0.3)
    held = compact.residual(plain, compact.tasks[0])

    def merge_by(kernels: Any) -> Operation:
        def merge(number: int) -> object:
            compact.engine = lambda: kernels
            return compact.merge(plain, live)

        return merge

    def move_by(kernels: Any) -> Operation:
        def move(number: int) -> object:
            compact.engine = lambda: kernels
            return held.move(0.01 * number, live)

        return move

    merges = {f"full16 {name}": merge_by(kernels) for name, kernels in present.items()}
    return merges | {f"fader16 {name}": move_by(kernels) for name, kernels in present.items()}


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

    plain = MergeRecipe(coefficients=faders(arena), scale=0.3)
    return {
        f"full {name}": merged(lambda number: plain),
        f"tall {name}": merged(lambda number: at(0.3005 + number / 100)),  # between the stops of the planes
        f"votes {name}": merged(lambda number: at(0.4, 1 + number % EXPERTS)),
        f"planes {name}": merged(lambda number: at(0.41 + number / 100)),
        f"ties {name}": merged(ties),
        **bit_operations(arena, name, kernels),
    }


def bit_operations(arena: Any, name: str, kernels: Any) -> dict[str, Operation]:
    """Bits of a byte plane without a merge, which densities are counted from; the native engine's."""
    import torch

    if kernels is None:
        return {}
    plane = torch.arange(arena.layout.length, dtype=torch.int32).to(torch.uint8)
    words = torch.zeros(arena.layout.length // 64, dtype=torch.int64)
    return {f"bits {name}": lambda number: kernels.plane_bits(plane, 1 + number, words)}
