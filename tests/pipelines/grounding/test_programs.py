"""Predicates, programs and their margins on scenes laid out by hand."""

from __future__ import annotations

import pytest

from pipelines.grounding.synthetic.describe import describe
from pipelines.grounding.synthetic.predicates import Facts
from pipelines.grounding.synthetic.programs import Program, execute, references, run
from pipelines.grounding.synthetic.things import Look, Thing

SIDE = 0.1


def facts_of(*rows: tuple[str, str, float, float], sides: tuple[float, ...] = (), angle: float = 0.0) -> Facts:
    """Things (category, colour, x, y), in painter's order; boxes are squares."""
    sides = sides or (SIDE,) * len(rows)
    things = [
        Thing(Look(category, colour), x, y, side, angle_deg=angle if category == "arrow" else 0.0)
        for (category, colour, x, y), side in zip(rows, sides, strict=True)
    ]
    return Facts(things, [(t.x - t.side / 2, t.y - t.side / 2, t.x + t.side / 2, t.y + t.side / 2) for t in things])


def a(category: str, *steps: list) -> Program:
    return [["has", "category", category], *steps]


ROW = facts_of(
    ("star", "red", 0.1, 0.5), ("star", "blue", 0.3, 0.5), ("star", "red", 0.5, 0.52), ("heart", "red", 0.8, 0.5)
)


@pytest.mark.parametrize(
    ("program", "targets"),
    [
        (a("star", ["has", "colour", "blue"]), (1,)),
        (a("star", ["not", "colour", "blue"]), (0, 2)),
        (a("star", ["pick", "rightmost"]), (2,)),
        (a("star", ["nth", 2, "left"]), (1,)),
        (a("star", ["nth", 3, "right"]), (0,)),
        (a("star", ["nth", 4, "left"]), ()),
        ([["has", "colour", "red"], ["rel", "right of", a("star", ["has", "colour", "blue"])]], (2, 3)),
        (a("star", ["pick", "closest to", a("heart")]), (2,)),
        (a("star", ["rel", "between", a("star", ["nth", 1, "left"]), a("star", ["nth", 3, "left"])]), (1,)),
        (a("star", ["rel", "same colour as", a("heart")], ["count", 2]), (0, 2)),
        ([["or", a("heart"), a("star", ["has", "colour", "blue"])]], (1, 3)),
        (a("star", ["at", "left"], ["has", "colour", "red"]), (0,)),
        (a("mug"), ()),
        (a("star", ["rel", "left of", a("mug")]), ()),
    ],
)
def test_programs_select_what_they_say(program: Program, targets: tuple[int, ...]) -> None:
    assert execute(program, ROW) == targets


def test_things_referred_to_are_found_at_every_depth() -> None:
    inner = a("star", ["rel", "left of", a("heart")], ["pick", "leftmost"])
    assert references(a("star", ["rel", "right of", inner]), ROW) == (0, 3)


@pytest.mark.parametrize(
    ("x", "y", "answer"), [(0.37, 0.5, True), (0.43, 0.5, None), (0.3, 0.2, False), (0.6, 0.5, False)]
)
def test_sides_need_12_percent_and_a_flat_direction(x: float, y: float, answer: bool | None) -> None:
    facts = facts_of(("star", "red", x, y), ("heart", "red", 0.5, 0.5))
    sure, possible = run(a("star", ["rel", "left of", a("heart")]), facts)
    assert (sure == 1, possible == 1) == (answer is True, answer is not False)


@pytest.mark.parametrize(
    ("rows", "program"),
    [
        ((("star", "red", 0.3, 0.2), ("star", "red", 0.35, 0.8)), a("star", ["pick", "leftmost"])),
        ((("star", "red", 0.3, 0.2), ("star", "red", 0.35, 0.8)), a("star", ["nth", 2, "left"])),
        ((("star", "red", 0.3, 0.5), ("star", "red", 0.7, 0.53), ("key", "red", 0.5, 0.5)),
         a("star", ["rel", "near", a("key")])),
        ((("star", "red", 0.4, 0.5), ("star", "red", 0.1, 0.5)), a("star", ["at", "left"])),
        ((("star", "red", 0.3, 0.5), ("key", "red", 0.6, 0.5), ("key", "blue", 0.8, 0.5)),
         a("star", ["rel", "left of", a("key")])),
        ((("star", "red", 0.3, 0.5), ("star", "red", 0.7, 0.5)), a("star", ["pick", "biggest"])),
    ],
)  # fmt: skip
def test_what_lies_within_the_margins_is_not_clear(rows: tuple, program: Program) -> None:
    with pytest.raises(ValueError, match="not clear"):
        execute(program, facts_of(*rows))


def test_an_arrow_points_at_the_first_thing_on_its_line() -> None:
    facts = facts_of(("arrow", "red", 0.2, 0.5), ("star", "red", 0.5, 0.5), ("star", "blue", 0.8, 0.5))
    assert execute(a("star", ["rel", "pointed at by", a("arrow")]), facts) == (1,)
    turned = facts_of(("arrow", "red", 0.2, 0.5), ("star", "red", 0.5, 0.5), angle=90.0)
    assert execute(a("star", ["rel", "pointed at by", a("arrow")]), turned) == ()


def test_what_overlaps_is_in_front_by_the_order_of_painting() -> None:
    facts = facts_of(("square", "red", 0.5, 0.5), ("square", "blue", 0.57, 0.5))
    assert execute([["rel", "in front of", a("square", ["has", "colour", "red"])]], facts) == (1,)
    assert execute([["rel", "behind", a("square", ["has", "colour", "blue"])]], facts) == (0,)


@pytest.mark.parametrize(("outer", "name"), [("ring", "inside"), ("square", "on")])
def test_things_lie_in_rings_and_on_solid_things(outer: str, name: str) -> None:
    facts = facts_of((outer, "red", 0.5, 0.5), ("star", "blue", 0.5, 0.5), sides=(0.3, 0.1))
    other = {"inside": "on", "on": "inside"}[name]
    assert execute(a("star", ["rel", name, a(outer)]), facts) == (1,)
    assert execute(a("star", ["rel", other, a(outer)]), facts) == ()


def test_sizes_compare_by_area() -> None:
    facts = facts_of(
        ("star", "red", 0.2, 0.5), ("star", "red", 0.5, 0.5), ("key", "red", 0.8, 0.5), sides=(0.2, 0.1, 0.1)
    )
    assert execute(a("star", ["pick", "bigger than", a("key")]), facts) == (0,)
    assert execute(a("star", ["pick", "smallest"]), facts) == (1,)


def test_every_thing_of_a_row_is_described_by_few_words_and_by_nothing_that_fits_another() -> None:
    for index in range(len(ROW.things)):
        text, program = describe(ROW, index)
        assert execute(program, ROW) == (index,)
        assert len(text.split()) <= 5
    assert describe(ROW, 3)[0] == "the heart"
    assert describe(ROW, 3) == describe(ROW, 3)


def test_twins_on_one_spot_cannot_be_described() -> None:
    assert describe(facts_of(("star", "red", 0.5, 0.5), ("star", "red", 0.51, 0.5)), 0) is None
