from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_hash
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily
from pipelines.shared.recipe_file import InputRef, RecipeDocument, document_hash, dump_yaml, parse_document, parse_text

RECIPE = MergeRecipe(
    "ties", (("left", 0.5), ("right", -0.25)), scale=0.4, settings=(("density", 0.3),), muted=("left",)
)


@pytest.fixture
def document(toy_family: ModelFamily) -> RecipeDocument:
    return RecipeDocument("fusion", "toy", RECIPE, {"detail": 1.5}, (InputRef("a.png", "0" * 64),))


def test_a_document_survives_yaml(document: RecipeDocument, toy_family: ModelFamily) -> None:
    back, report = parse_document(dump_yaml(document), [toy_family])
    assert recipe_hash(back.recipe) == recipe_hash(RECIPE) and back.recipe.muted == ("left",)
    assert document_hash(back) == document_hash(document) and report == ()


def test_the_hashes_of_weights_come_back_and_may_be_absent(document: RecipeDocument, toy_family: ModelFamily) -> None:
    told = replace(document, weights={"toy": "0f" * 32})
    back, _ = parse_document(dump_yaml(told), [toy_family])
    assert back.weights == {"toy": "0f" * 32} and recipe_hash(back.recipe) == recipe_hash(document.recipe)
    assert "weights" not in document.to_dict() and parse_document(dump_yaml(document), [toy_family])[0].weights == {}


def test_an_expert_that_is_not_installed_is_reported(document: RecipeDocument, toy_family: ModelFamily) -> None:
    text = dump_yaml(document).replace("  weights:\n", "  weights:\n    street: 1.0\n")
    back, report = parse_document(text, [toy_family])
    assert "street" in report[0] and dict(back.recipe.coefficients)["left"] == 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "mapping"),
        ("hello: 1", "first key"),
        ("mixdeck_recipe: 2", "version 1"),
        ("mixdeck_recipe: 1\nfamily: toy\npipeline: fusion\nsize: 3", "Unknown keys in the recipe: size"),
        ("mixdeck_recipe: 1\nfamily: car\npipeline: fusion", "known are toy"),
        ("mixdeck_recipe: 1\nfamily: toy\npipeline: video", "belongs to"),
        ("mixdeck_recipe: 1\nfamily: toy\npipeline: fusion\nmerge: {vector: {method: blend}}", "blend"),
        ("mixdeck_recipe: 1\nfamily: toy\npipeline: fusion\nmerge: {weights: {left: 99}}", "left"),
        ("mixdeck_recipe: 1\nfamily: toy\npipeline: fusion\ninputs: [{name: 3}]", "input"),
        ("mixdeck_recipe: 1\nfamily: toy\npipeline: fusion\nweights: {toy: 12}", "`weights` of toy .* 64 hex"),
        ("mixdeck_recipe: 1\nfamily: toy\npipeline: fusion\nweights: [toy]", "weights should be a mapping"),
        ("a: [", "not YAML"),
        ("a: &b [1]\nc: *b", "anchors"),
        ("a: [&b 1, *b]", "anchors"),
        ("a: &", "not YAML"),
        ("&\x07", "not YAML"),
        ("name: one\n---\nname: two", r"one document; here a second one begins \(line 2\).*one after the other"),
        ("[" * 20 + "]" * 20, "nested"),
        ("!!python/object/apply:os.system [ls]", "not YAML"),
        ("x" * 1_000_001, "at most"),
    ],
)
def test_bad_text_is_refused_with_the_reason(text: str, words: str, toy_family: ModelFamily) -> None:
    with pytest.raises(UserError, match=words):
        parse_document(text, [toy_family])


def test_plain_words_stay_words_and_short_numbers_are_numbers() -> None:
    text = "{a: off, b: no, c: 1e-3, d: 2026-01-01, e: true, f: ~, g: -2, h: .5, i: '1', j: , k: 012}"
    values = parse_text(text)
    assert values == {
        "a": "off", "b": "no", "c": 0.001, "d": "2026-01-01", "e": True, "f": None, "g": -2, "h": 0.5, "i": "1",
        "j": None, "k": 12.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "word",
    ["0800", "08", "1e5", "-1", "+.5", "012", "0x1f", "1_000", "12:30", "2026-01-01", ".inf", ".NaN", "", "~", "null",
     "true", "off", "No", "custom:&abc", "custom:*09", "A,&B", "a:&b", "&a", "*a", "- &a", "[&a]", "C?FF*", "a: b",
     "#a", "<<", "=", "---", "...", "!a", "%a", "@a", "`a", "'", '"', "\\*", "{a}", "|", ">", "two words", "é",
     "a\n&b"],
)  # fmt: skip
def test_every_text_comes_back_as_it_was_written(word: str, document: RecipeDocument, toy_family: ModelFamily) -> None:
    told = replace(document, options={"pattern": word, "lexicon": (word, "tea"), word: 1e5})
    back, _ = parse_document(dump_yaml(told), [toy_family])
    assert back.options == {"pattern": word, "lexicon": [word, "tea"], word: 1e5}
    assert document_hash(back) == document_hash(told)


def test_numbers_come_back_as_numbers(document: RecipeDocument, toy_family: ModelFamily) -> None:
    told = {"small": 1e-7, "large": 1e22, "whole": 800, "half": -0.5, "yes": True, "none": None}
    text = dump_yaml(replace(document, options=told))
    assert parse_document(text, [toy_family])[0].options == told and "!!" not in text


@pytest.mark.parametrize("text", ["a: 'x &b *c'", "a: b&c*d", "a: custom:&abc # of &all", '{"a": "*&"}'])
def test_ampersands_and_stars_within_texts_are_no_anchors(text: str) -> None:
    assert set(parse_text(text)) == {"a"}


def test_no_python_object_is_made_from_a_recipe() -> None:
    with pytest.raises(UserError, match="not YAML"):
        parse_text("a: !!python/object/apply:os.getcwd []")
