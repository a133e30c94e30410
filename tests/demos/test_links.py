"""Links carry a recipe there and back, and are read strictly."""

from __future__ import annotations

import base64
import html
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from demos.examples import read_examples
from demos.header import chip_of
from demos.help import help_page
from demos.links import MOST_CHARACTERS, address, example_named, pack, unpack
from pipelines.merging.recipe import BlockRule, MergeRecipe
from pipelines.merging.registry import METHODS
from pipelines.shared.errors import UserError
from pipelines.shared.recipe_file import RecipeDocument

RECIPE = MergeRecipe(coefficients=(("ivis", 0.25), ("mef", -0.5)), scale=0.7)
DOCUMENT = RecipeDocument("fusion", "fusenet", RECIPE, {"detail": 1.5})


def test_a_document_comes_back() -> None:
    assert json.loads(unpack(pack(DOCUMENT))) == DOCUMENT.to_dict()


def test_a_link_is_short_and_needs_no_escaping() -> None:
    packed = pack(DOCUMENT)
    assert len(packed) < 500
    assert address({"recipe": packed}) == f"?recipe={packed}"


def test_equal_documents_have_equal_links() -> None:
    assert pack(DOCUMENT) == pack(RecipeDocument("fusion", "fusenet", RECIPE, {"detail": 1.5}))


def test_a_recipe_that_is_too_long_says_what_to_do() -> None:
    rules = tuple(BlockRule(f"block{k}.*.{(k * 7919) % 10007}", (k * 37 % 100) / 100) for k in range(1500))
    with pytest.raises(UserError, match="Export"):
        pack(RecipeDocument("fusion", "fusenet", MergeRecipe(blocks=rules)))


@pytest.mark.parametrize("text", ["", "%%%", "abc", "A" * (MOST_CHARACTERS + 1)])
def test_damaged_links_are_told(text: str) -> None:
    with pytest.raises(UserError, match="damaged"):
        unpack(text)


def test_a_link_cannot_expand_without_bound() -> None:
    bomb = base64.urlsafe_b64encode(zlib.compress(b"0" * 2_000_000, 9)).decode().rstrip("=")
    assert len(bomb) < MOST_CHARACTERS
    with pytest.raises(UserError, match="damaged"):
        unpack(bomb)


def test_on_a_space_the_link_is_the_spaces_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/mixdeck")
    assert address({"tab": "fusion"}) == "https://huggingface.co/spaces/someone/mixdeck?tab=fusion"


def test_examples_are_found_by_name_and_by_place(root: Path) -> None:
    examples = read_examples(root / "assets" / "examples" / "fusion")
    assert example_named(examples, "3") == example_named(examples, examples[2].slug) == examples[2]
    with pytest.raises(UserError, match=examples[0].slug):
        example_named(examples, "0")


def test_a_link_to_the_shown_picture_restores_example_and_desk(built: Any, visitor: Any) -> None:
    tab, panel = built.tab, built.tab.panel
    changes = {panel.strips[1].weight: -0.4, panel.scale: 1.25}
    shown = next(tab.force(visitor("anna"), built.values(changes)))[tab.shown]
    query = tab.links.query(built.values(changes | {tab.shown: shown}))
    updates = tab.links.opened_with(query)
    assert query["example"] == tab.source.examples[0].slug
    assert updates[panel.strips[1].weight] == -0.4 and updates[panel.scale] == 1.25
    assert updates[tab.source.files]["value"] == [str(path) for path in tab.source.examples[0].frames]


def test_own_frames_stay_out_of_a_link(built: Any, visitor: Any) -> None:
    tab = built.tab
    shown = next(tab.force(visitor("anna"), built.values()))[tab.shown]
    query = tab.links.query(built.values({tab.shown: shown, tab.source.example: ""}))
    assert set(query) == {"tab", "recipe"} and "/" not in unpack(query["recipe"])


def test_a_restore_runs_the_tab_that_it_is_for_alone(built: Any, tmp_path: Path) -> None:
    tabs, functions = built.page.tabs, built.page.blocks.fns.values()
    file = next(one for one in built.page.blocks.blocks.values() if getattr(one, "elem_id", "") == "restore")
    restore = next(one for one in functions if (file._id, "upload") in one.targets)
    assert not [one for one in functions if one.trigger_after == restore._id]
    runs = {one.targets[0][0]: one for one in functions if one.targets and one.targets[0][1] == "change"
            and one.concurrency_id == "device"}  # fmt: skip
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(DOCUMENT.to_dict()), encoding="utf-8")
    values = {one: 1 if one._id in runs else None for one in restore.inputs}
    updates = restore.fn(values | {file: str(path)})
    (asked,) = [one for one in updates if one._id in runs]
    assert updates[asked] == 2 and set(runs[asked._id].outputs) == set(tabs["fusion"].pictures)
    assert updates[tabs["fusion"].panel.scale] == 0.7


def test_the_chip_shows_words_not_markup() -> None:
    assert "<b>" not in chip_of("<b>mix</b>")


def test_help_explains_every_method() -> None:
    text = help_page()
    assert all(html.escape(one.formula) in text for one in METHODS)
    assert text.count('class="method"') == len(METHODS)
