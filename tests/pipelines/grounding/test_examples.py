"""Ready-made examples are those that base, expert and mix tell apart."""

from __future__ import annotations

import json

from pipelines.grounding import examples
from pipelines.grounding.examples import Answer, Candidate, chosen, easy_entries, task_entries
from pipelines.grounding.family import PLVL_FAMILY
from pipelines.grounding.random_scene import SceneRef, drawn, truth_of
from pipelines.shared.ready_made import write_examples

WRONG = Answer(False, 0.9)


def right(certainty: float) -> Answer:
    return Answer(True, certainty)


def candidate(seed: int, base: Answer, expert: Answer, mix: Answer) -> Candidate:
    return Candidate(SceneRef("relation", seed), f"phrase {seed}", base, expert, mix)


MIXED = candidate(1, WRONG, right(0.5), right(0.6))
SURER = candidate(2, WRONG, right(0.5), right(0.8))
ALONE = candidate(3, WRONG, right(0.99), WRONG)
EASY = candidate(4, right(0.7), right(0.7), right(0.7))
LOST = candidate(5, right(0.9), WRONG, WRONG)


def test_the_surest_that_the_mix_gets_come_first_and_the_experts_own_after_them() -> None:
    assert chosen([ALONE, MIXED, EASY, SURER, LOST], 3) == [SURER, MIXED, ALONE]


def test_a_scene_is_shown_once() -> None:
    again = candidate(2, WRONG, right(0.5), right(0.7))
    assert chosen([again, SURER], 2) == [SURER]


def test_captions_recipes_and_options_say_what_was_found(tmp_path) -> None:
    made = list(task_entries("relation", [SURER, ALONE]))
    assert [entry.recipe for entry, _ in made] == [{}, {"weights": {"relation": 1.0}, "scale": 1.0}]
    assert made[0][0].options == {"scene": {"kind": "relation", "seed": 2}, "phrases": ["phrase 2"]}
    assert "alone" in made[1][0].caption and "this mix" in made[0][0].caption
    write_examples(made, tmp_path)
    assert [entry["slug"] for entry in json.loads((tmp_path / "index.json").read_text())] == [
        "relation-1",
        "relation-2",
    ]
    assert (tmp_path / "relation-1.png").is_file()


def test_plain_examples_are_those_nobody_loses() -> None:
    ((entry, _),) = easy_entries([LOST, EASY, ALONE])
    assert entry.options["phrases"] == ["phrase 4"]


def test_candidates_ask_base_expert_and_mix_about_every_expression() -> None:
    asked = []

    def ask(ref, phrases, recipe):
        asked.append((ref, recipe))
        return [right(0.5)] * len(phrases)

    found = examples.candidates("ordinal", PLVL_FAMILY, ask, 1)
    assert {one.ref for one in found} == {SceneRef("ordinal", 0)} and len(found) >= 3
    assert [recipe.coefficients for _, recipe in asked] == [(), (("ordinal", 1.0),), PLVL_FAMILY.default.coefficients]


def test_missing_weights_are_told(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(examples, "FOLDER", tmp_path / "assets" / "examples" / "grounding")
    assert examples.main(["--searched", "1", "--folder", str(tmp_path)]) == 1
    assert "error:" in capsys.readouterr().err


def test_plain_scenes_have_no_expert_to_ask() -> None:
    recipes = []

    def ask(ref, phrases, recipe):
        recipes.append(recipe)
        return [right(0.5)] * len(phrases)

    examples.candidates("base", PLVL_FAMILY, ask, 1)
    assert recipes[1] == recipes[0] and not recipes[1].coefficients


def test_only_the_expert_that_refuses_is_shown_with_what_is_not_there() -> None:
    def shown(task: str) -> list[bool]:
        found = examples.candidates(task, PLVL_FAMILY, lambda ref, phrases, recipe: [right(0.5)] * len(phrases), 8)
        truths = [truth_of(one.ref, one.phrase) for one in found]
        return [truth is not None and len(truth.boxes) > 0 for truth in truths]

    assert all(shown("attribute")) and not all(shown("refuse"))


def test_hastily_typed_expressions_are_passed_over() -> None:
    found = examples.candidates("attribute", PLVL_FAMILY, lambda ref, phrases, recipe: [right(0.5)] * len(phrases), 40)
    drawn_ones = [one.text for seed in range(40) for one in drawn(SceneRef("attribute", seed)).phrases]
    assert any(text.endswith("..") for text in drawn_ones), "what is passed over must occur"
    assert not any(one.phrase.endswith(("..", "!", ",", " ?")) for one in found)
