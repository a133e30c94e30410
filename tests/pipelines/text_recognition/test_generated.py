"""Held-out sets: rendered where the fonts are, shipped where they are not."""

from __future__ import annotations

import pytest

from pipelines.shared.errors import UserError
from pipelines.text_recognition import generated
from pipelines.text_recognition.generated import GeneratedSet, generated_sets, has_fonts
from pipelines.text_recognition.probe import SETS
from pipelines.text_recognition.shipped_words import ShippedSet


def test_crops_are_the_same_every_time_and_differ_by_set_split_and_place() -> None:
    if not has_fonts():
        pytest.skip("the fonts of the renderer are not installed")
    first, again = (next(GeneratedSet("base").words(1)) for _ in range(2))
    assert (first.image == again.image).all() and first.label == again.label
    others = [next(GeneratedSet(*one).words(1)) for one in (("clean",), ("base", "validation"))]
    others.append(list(GeneratedSet("base").words(2))[1])
    assert all(one.image.shape != first.image.shape or (one.image != first.image).any() for one in others)
    assert first.boxes_xyxy is not None and first.boxes_xyxy.shape == (len(first.label), 4)


@pytest.mark.parametrize(("fonts", "kind"), [(True, GeneratedSet), (False, ShippedSet)])
def test_without_fonts_the_shipped_crops_stand_in(monkeypatch: pytest.MonkeyPatch, fonts: bool, kind: type) -> None:
    monkeypatch.setattr(generated, "has_fonts", lambda: fonts)
    sets = generated_sets("validation")
    assert [type(one) for one in sets] == [kind] * len(SETS) and {one.split for one in sets} == {"validation"}


def test_a_machine_without_fonts_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise UserError("too few fonts")

    monkeypatch.setattr(generated, "rendered", refuse)
    assert has_fonts.__wrapped__() is False
