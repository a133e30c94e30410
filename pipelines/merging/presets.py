"""Presets of the block equaliser, as formulas over depth instead of tables: any network, any number of blocks.

A position x goes from 0 (first block) to 1 (last). The names and the shapes are those of the widely used table of 25
diffusion blocks; where it steps, the nearest of its 25 positions decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pipelines.merging.errors import MergeError
from pipelines.merging.recipe import BlockRule

Curve = Callable[[float], float]  # position 0 to 1 -> weight

LAST = 24  # of the table's positions, 0 to 24


def smooth(x: float) -> float:
    """3x² - 2x³."""
    return 3 * x**2 - 2 * x**3


def fold(y: float) -> float:
    """A zigzag of slope 1 between 0 and 1."""
    y %= 2
    return 2 - y if y > 1 else y


def nearest(x: float) -> int:
    """The nearest of the table's positions."""
    return round(LAST * x)


def constant(value: float) -> Curve:
    """The same everywhere."""
    return lambda x: value


def within(full: Sequence[tuple[int, int]], half: Sequence[int] = ()) -> Curve:
    """1 on the table's positions first to last (both included), 0.5 on single ones, else 0."""

    def weight(x: float) -> float:
        place = nearest(x)
        return 1.0 if any(first <= place <= last for first, last in full) else 0.5 * (place in half)

    return weight


def wrapped(count: int) -> Curve:
    """1 on the first and on the last `count` positions."""
    return within([(0, count - 1), (LAST + 1 - count, LAST)])


def turned(curve: Curve) -> Curve:
    """1 - the curve."""
    return lambda x: 1.0 - curve(x)


def fake_hermite(x: float) -> float:
    """(19x³ - 28.5x² + 12.5x) / 3."""
    return (19 * x**3 - 28.5 * x**2 + 12.5 * x) / 3


def true_hermite(x: float) -> float:
    """The same plus (1 - smooth(x)) / 24 behind the first block."""
    return fake_hermite(x) + (1 - smooth(x)) / LAST if x > 0 else 0.0


def folded(count: int) -> Curve:
    """The smooth step, folded `count` times."""
    return lambda x: fold(count * smooth(x))


def repeated(count: int) -> Curve:
    """`count` smooth steps, up and down in turn."""
    return lambda x: smooth(fold(count * x))


def cosine(x: float) -> float:
    """(1 + cos πx) / 2."""
    return (1 + math.cos(math.pi * x)) / 2


_SMOOTH: dict[str, Curve] = {"SMOOTHSTEP": smooth}
_SMOOTH |= {f"SMOOTHSTEP*{count}": folded(count) for count in (2, 3, 4)}
_SMOOTH |= {f"SMOOTHSTEP/{count}": repeated(count) for count in (2, 3, 4)}
PRESETS: dict[str, Curve] = {
    "ALL_A": constant(0.0),
    "ALL_B": constant(1.0),
    "GRAD_V": lambda x: abs(2 * x - 1),
    "GRAD_A": lambda x: 1 - abs(2 * x - 1),
    "FLAT_25": constant(0.25),
    "FLAT_75": constant(0.75),
    "WRAP08": wrapped(4),
    "WRAP12": wrapped(6),
    "WRAP14": wrapped(7),
    "WRAP16": wrapped(8),
    "MID12_50": lambda x: 0.5 * (5 <= nearest(x) <= 18),
    "OUT07": within([(18, LAST)]),
    "OUT12": within([(13, LAST)]),
    "OUT12_5": within([(13, LAST)], [12]),
    "RING08_SOFT": within([(6, 8), (16, 18)], [5, 9, 15, 19]),
    "RING08_5": within([(6, 9), (15, 18)]),
    "RING10_5": within([(5, 9), (15, 19)]),
    "RING10_3": within([(6, 10), (14, 18)]),
    **_SMOOTH,
    **{f"R_{name}": turned(curve) for name, curve in _SMOOTH.items()},
    "COSINE": cosine,
    "REVERSE_COSINE": turned(cosine),
    "FAKE_CUBIC_HERMITE": fake_hermite,
    "REVERSE_FAKE_CUBIC_HERMITE": turned(fake_hermite),
    "TRUE_CUBIC_HERMITE": true_hermite,
    "REVERSE_TRUE_CUBIC_HERMITE": turned(true_hermite),
}


def block_weights(preset: str, count: int) -> tuple[float, ...]:
    """Weights of `count` blocks, first to last; a single block is at position 0.

    Raises:
        MergeError: there is no such preset.
    """
    if preset not in PRESETS:
        raise MergeError(f'unknown preset "{preset}"; known are {", ".join(PRESETS)}')
    return tuple(float(PRESETS[preset](place / max(count - 1, 1))) for place in range(count))


def preset_rules(preset: str, matches: Sequence[str], expert: str | None = None) -> tuple[BlockRule, ...]:
    """A rule for each block, in order of depth.

    Args:
        matches: globs over keys, a block each.
        expert: whose coefficient is multiplied; None: the merged vector.
    """
    weights = block_weights(preset, len(matches))
    return tuple(BlockRule(match, weight, expert) for match, weight in zip(matches, weights, strict=True))
