"""Which looks tell a thing from the others: the filters that come before a program's other steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from random import Random

from pipelines.grounding.synthetic.predicates import Facts, Span
from pipelines.grounding.synthetic.programs import Program, Step, anchors_of, apply, is_filter
from pipelines.grounding.synthetic.things import HELD_COLOURS, HELD_PATTERNS, Thing

USUAL = {"pattern": "plain", "finish": "matte", "tilt": "upright", "size": "medium"}  # seldom worth a word
SAID_FIRST = {"colour": 3.0, "pattern": 1.6, "finish": 1.2, "size": 1.1, "tilt": 1.0, "direction": 1.2}
UNNAMED = 0.12  # share of phrases that say "thing"
MOST_WORDS = 3  # beside the noun


def head_for(
    rng: Random,
    facts: Facts,
    targets: int,
    tail: Sequence[Step] = (),
    is_needed: bool = True,
    forced: Sequence[str] = (),
    barred: Sequence[str] = (),
) -> Program | None:
    """The fewest filters with which a program selects just the targets.

    Args:
        targets: set of one or more that share the values used.
        tail: steps behind the filters.
        is_needed: the tail must change something.
        forced: fields that are said in any case. barred: fields that are not.

    Returns:
        steps ["has", field, value], or None if there are no such filters.
    """
    values = shared_values(facts, targets)
    first = [field for field in dict.fromkeys(("category", *forced)) if field in values and field not in barred]
    if not forced and rng.random() < UNNAMED:
        first = []
    optional = [field for field in in_order(rng, values) if field not in (*first, *barred, "category")]
    fixed = _common(facts, values, first)
    spans = [facts.has(field, values[field]) for field in optional]
    if not tail and _both(fixed, _common(facts, values, optional)) != (targets, targets):
        return None
    narrowed = _narrowing(tail, facts)
    for count in range(MOST_WORDS + 1):
        for extra in combinations(range(len(optional)), count):
            sure, possible = fixed
            for at in extra:
                sure, possible = sure & spans[at][0], possible & spans[at][1]
            if is_needed and possible == targets:
                continue
            if narrowed((sure, possible)) == (targets, targets) and (first or extra or tail):
                return [["has", field, values[field]] for field in (*first, *(optional[at] for at in extra))]
    return None


def _narrowing(tail: Sequence[Step], facts: Facts) -> Callable[[Span], Span]:
    """What the steps of a tail make of a set; what they refer to is looked up once."""
    every = (facts.every, facts.every)
    if all(is_filter(step) for step in tail):
        kept = every
        for step in tail:
            kept = apply(step, kept, facts, anchors_of(step, facts))
        return lambda span: _both(span, kept)
    resolved = [(step, anchors_of(step, facts)) for step in tail]

    def narrowed(span: Span) -> Span:
        for step, anchors in resolved:
            span = apply(step, span, facts, anchors)
        return span

    return narrowed


def _common(facts: Facts, values: dict[str, str], fields: Sequence[str]) -> Span:
    span = (facts.every, facts.every)
    for field in fields:
        span = _both(span, facts.has(field, values[field]))
    return span


def _both(span: Span, other: Span) -> Span:
    return span[0] & other[0], span[1] & other[1]


def shared_values(facts: Facts, targets: int) -> dict[str, str]:
    """Field -> value that all targets have."""
    some = [thing for i, thing in enumerate(facts.things) if targets >> i & 1]
    values = {field: some[0].value(field) for field in ("category", *SAID_FIRST)}
    return {
        field: value
        for field, value in values.items()
        if value is not None and all(thing.value(field) == value for thing in some[1:])
    }


def in_order(rng: Random, values: dict[str, str]) -> list[str]:
    """Fields, those that one would rather say mostly first."""

    def rank(field: str) -> float:
        weight = SAID_FIRST.get(field, 1.0) * (0.15 if USUAL.get(field) == values[field] else 1.0)
        return rng.random() ** (1 / weight)

    return sorted(values, key=rank, reverse=True)


def novel_fields(thing: Thing) -> tuple[str, ...]:
    """Fields that together with the category make the pair that no training shows."""
    look = thing.look
    is_pattern = look.pattern in HELD_PATTERNS.get(look.category, ())
    return ("colour",) * look.has_novel_colour + ("pattern",) * is_pattern


def says_novel(program: Program) -> bool:
    """Whether some noun of a program goes with a colour or pattern that training does not show on it."""
    said = {(step[1], step[2]) for step in program if step[0] in ("has", "not")}
    for field, held in (("colour", HELD_COLOURS), ("pattern", HELD_PATTERNS)):
        for name, category in said:
            if name == "category" and any((field, value) in said for value in held.get(category, ())):
                return True
    inner = [each for step in program for each in (step[1:] if step[0] == "or" else step[2:]) if isinstance(each, list)]
    return any(says_novel(each) for each in inner)
