from __future__ import annotations

import pytest

from pipelines.grounding.full.expression import Clause, Reference, most_meant, parse


def told(reference: Reference) -> str:
    """A reading in short: looks and noun, then clauses."""
    return reference.phrase + "".join(f" [{_clause(clause)}]" for clause in reference.clauses)


def _clause(clause: Clause) -> str:
    inner = ", ".join(told(anchor) for anchor in clause.anchors)
    words = ("not" if clause.is_negated else "", clause.name, str(clause.rank or ""), inner)
    return " ".join(word for word in words if word)


READINGS = {
    "the left lion": "lion [left]",
    "Find the striped mug left of the lamp.": "striped mug [left of lamp]",
    "red ball on the left side of the picture": "red ball [left]",
    "cup on left side of the plate": "cup [left of plate]",
    "top right small circle": "small circle [top right]",
    "second guy from left": "guy [left 2]",
    "the third little blue car counting from the top": "little blue car [top 3]",
    "the last bus": "bus [left -1]",
    "glass most to the right": "glass [rightmost]",
    "the largest ring": "ring [biggest]",
    "straight tree nearest to tree little": "straight tree [closest to little tree]",
    "the square that is not blue": "square [not blue]",
    "the star that is not in the center of the picture": "star [not middle]",
    "the cup without stripes": "cup [not stripes]",
    "can you point to the box lying between the teal mushroom and the grey house?":
        "box [between teal mushroom, grey house]",
    "fish above the lamp that is next to a tree": "fish [above lamp [near tree]]",
    "the diamond which is over the pink mug and that has the same colour as the grey box":
        "diamond [above pink mug] [same colour as grey box]",
    "the tree over the mug that is stripy and of the same colour as the star":
        "tree [above stripy mug [same colour as star]]",
    "man in red shirt": "man [in red shirt]",
    "the arrow pointing to the left": "pointing left arrow",
    "please show me where the traffic light is": "traffic light",
    "leftmost": "object [leftmost]",
    "the dog without a collar": "dog [not collar]",
    "person without sun glasses on the left": "person [not sun glasses] [left]",
    "dog without a collar or a leash": "dog [not collar] [not leash]",
    "person with no hat": "person [not hat]",
    "person with no hat and no glasses": "person [not hat] [not glasses]",
    "the man who doesn't have a hat": "man [not hat]",
    "the man who hasn’t got a hat": "man [not hat]",
    "the cube that has no dots": "cube [not dots]",
    "the man's hat": "man hat",
    "the mug that's red": "red mug",
    "where's the boys' ball": "boys ball",
    "the black and white cow": "black white cow",
    "man with hat and jacket": "man [with hat] [with jacket]",
    "a man with a red and white hat and a bag": "man [with red white hat] [with bag]",
    "man with hat and on the left": "man [with hat] [left]",
    "cup with handle and striped": "striped cup [with handle]",
    "ball that is not red or blue": "ball [not red] [not blue]",
    "ball that is not red and not blue": "ball [not red] [not blue]",
    "ball that is neither red nor blue": "ball [not red] [not blue]",
    "the square that is not medium sized": "square [not medium]",
    "not the red one": "object [not red]",
    "the second to last car": "car [left -2]",
    "the third last car from the right": "car [right -3]",
}  # fmt: skip


@pytest.mark.parametrize(("text", "reading"), READINGS.items())
def test_an_expression_is_taken_apart(text: str, reading: str) -> None:
    (reference,) = parse(text).references
    assert told(reference) == reading


@pytest.mark.parametrize(
    ("text", "count"),
    [("the dog", 1), ("both yellow triangles", 2), ("all the keys", 0), ("the three stars", 3), ("glass", 1),
     ("people on the left", 0)],
)  # fmt: skip
def test_how_many_are_meant(text: str, count: int) -> None:
    assert parse(text).references[0].count == count


@pytest.mark.parametrize(
    ("text", "count"),
    [("the dog", 1), ("the black and white cow", 1), ("man with hat and jacket", 1), ("the bus with no stripes", 1),
     ("both yellow triangles", 2), ("the three stars", 3), ("the fish or the red disc", 2), ("all the keys", 12),
     ("people on the left", 12), ("the mugs and the lamp", 12)],
)  # fmt: skip
def test_how_many_answers_an_expression_means(text: str, count: int) -> None:
    assert most_meant(text) == count


@pytest.mark.parametrize(
    ("text", "readings"),
    [("cup without stripes or the red star", ["cup [not stripes]", "red star"]),
     ("cup without stripes or a red star", ["cup [not stripes]", "red star"]),
     ("ball that is not red or blue cube", ["ball [not red]", "blue cube"]),
     ("man with hat and woman with bag", ["man [with hat]", "woman [with bag]"]),
     ("the man with the hat and the woman", ["man [with hat]", "woman"])],
)  # fmt: skip
def test_another_thing_is_no_part_of_the_first(text: str, readings: list[str]) -> None:
    assert [told(one) for one in parse(text).references] == readings


def test_either_of_two_may_be_meant() -> None:
    assert [told(one) for one in parse("the fish or the red disc").references] == ["fish", "red disc"]
    assert [told(one) for one in parse("left mug and the right mug").references] == ["mug [left]", "mug [right]"]


def test_every_noun_phrase_is_looked_for_once() -> None:
    assert parse("the mug between the red mug and the lamp that is not red").phrases == (
        "mug", "red mug", "lamp", "red lamp",
    )  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "?!", "of the", "and and", "not", "left of", "between", "ein roter Ball", "x " * 900]
)
def test_every_text_has_a_reading(text: str) -> None:
    assert all(parse(text).phrases)
