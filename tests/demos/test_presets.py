"""Presets as a file: out and in again, and what of a stranger's file is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from demos import presets
from demos.presets import joined, of_network, read, with_network, written
from demos.starting_mixes import shipped_presets
from pipelines.merging.recipe_form import recipe_to_dict
from pipelines.registry import family
from pipelines.shared.errors import UserError

FAMILY = family("fusenet")
SHIPPED = shipped_presets(FAMILY)
MIX = recipe_to_dict(FAMILY.default)


def file_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "presets.json"
    path.write_text(text)
    return path


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    own = {"evening": MIX, "Ümlaut <b>": {**MIX, "scale": 0.25}}
    path = file_of(tmp_path, written(own, FAMILY))
    together, told = joined({"mine": MIX}, read(path, FAMILY), SHIPPED, FAMILY)
    assert together == {"mine": MIX, **own} and told == ("2 of 2 presets came.",)


def test_entries_that_are_no_recipes_of_this_family_are_refused_by_name(tmp_path: Path) -> None:
    bad: dict[str, Any] = {
        "huge": {**MIX, "scale": 10**400},
        "strange": {**MIX, "weights": {"nobody": 1.0}},
        "list": [1],
        "base": MIX,
        "x" * 61: MIX,
        " ": MIX,
    }
    path = file_of(tmp_path, written({**bad, "good": MIX}, FAMILY))
    together, told = joined({}, read(path, FAMILY), SHIPPED, FAMILY)
    assert together == {"good": MIX} and told[0] == "1 of 7 presets came."
    why = ["must be a finite number", "nobody", "must be a mapping", "is shipped", "1 to 60", "1 to 60"]
    assert len(told) == 7 and all(text in line for text, line in zip(why, told[1:], strict=True))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 100_000, "not JSON"),
        ('{"presets": {}', "not JSON"),
        ('{"presets": []}', "has none"),
        ('{"family": "igtr", "presets": {}}', "are of igtr; here is fusenet"),
        (" " * 200_001, "at most 200,000 bytes; this one has 200,001"),
    ],
)
def test_a_file_that_is_none_says_why(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        read(file_of(tmp_path, text), FAMILY)


def test_there_is_room_for_so_many_and_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    together, told = joined({}, {str(number): MIX for number in range(65)}, SHIPPED, FAMILY)
    assert len(together) == 50 and len(told) == 12 and "room for 50" in told[1] and told[-1].startswith("And 5 more")
    monkeypatch.setattr(presets, "MOST_BYTES", len(written({"a": MIX}, FAMILY)))
    together, told = joined({}, {"a": MIX, "b": MIX}, SHIPPED, FAMILY)
    assert list(together) == ["a"] and "“b” did not come: Your presets would have" in told[1]


def test_the_desk_writes_its_presets_and_takes_a_file(built: Any, tmp_path: Path) -> None:
    desk = built.tab.desk
    assert desk.when_found({})[1]["interactive"] is False
    menu, export = desk.when_found({"evening": MIX})
    assert "evening" in menu["choices"] and json.loads(Path(export["value"]).read_text())["presets"] == {"evening": MIX}
    together, told = desk.when_imported({"mine": MIX}, export["value"])
    assert list(together) == ["mine", "evening"] and "1 of 1 presets came" in told


def test_each_network_of_a_tab_has_its_own_presets() -> None:
    own = with_network({"evening": MIX}, "trocr-small", {"night": MIX})
    assert of_network(own, "") == {"evening": MIX} and of_network(own, "trocr-small") == {"night": MIX}
    assert of_network(own, "trocr-base") == {}
    kept = with_network(with_network(own, "", {"dawn": MIX}), "trocr-base", {"noon": MIX})
    assert [of_network(kept, name) for name in ("", "trocr-small", "trocr-base")] == [
        {"dawn": MIX}, {"night": MIX}, {"noon": MIX}
    ]  # fmt: skip


@pytest.mark.parametrize("strange", [None, [1], {"": 3}, {"": {"trocr-small": "x"}}])
def test_what_a_browser_keeps_that_is_no_presets_is_none(strange: Any) -> None:
    assert of_network(strange, "trocr-small") == {} == of_network(strange, "")
    assert of_network(with_network(strange, "trocr-small", {"night": MIX}), "trocr-small") == {"night": MIX}


def test_the_secret_of_the_browser_comes_from_the_environment(built: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import gradio as gr

    from demos.desk import Desk

    assert built.tab.desk.own.secret == "mixdeck"
    monkeypatch.setenv("MIXDECK_BROWSER_SECRET", "another")
    with gr.Blocks():
        assert Desk(built.tab.panel, built.workshop, lambda mix: iter(())).own.secret == "another"
