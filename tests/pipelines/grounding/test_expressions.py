"""Expressions about generated scenes: their answers, kinds, lengths, and what is kept from training."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from functools import cache
from random import Random

import numpy as np
import pytest

from pipelines.grounding.augmentation import mirrored
from pipelines.grounding.decode import box_iou
from pipelines.grounding.synthetic import lexicon
from pipelines.grounding.synthetic.describing import says_novel
from pipelines.grounding.synthetic.predicates import NOTHING, Facts
from pipelines.grounding.synthetic.programs import execute, references, run
from pipelines.grounding.synthetic.recipes import RECIPES, TRAINING
from pipelines.grounding.synthetic.said import words_said
from pipelines.grounding.synthetic.things import VALUES, Thing
from pipelines.grounding.synthetic.wording import ADJECTIVES, FRAMES, FRAMES_MANY, HELD_FRAMES, Speaker
from pipelines.grounding.synthetic.world import MOST_WORDS, Phrase, Sample, asked, drawn_kinds, sample
from pipelines.grounding.tokenizer import split, unknown
from pipelines.grounding.vocabulary import WORDS

SCENES, SEED = 12, 424_242
TAUGHT = tuple(recipe.name for recipe in TRAINING)


@cache
def samples(recipe: str, count: int = SCENES) -> tuple[Sample, ...]:
    """Scenes of a recipe with ten expressions each."""
    return tuple(sample((SEED, number), recipe, 10) for number in range(count))


def phrases_of(recipe: str) -> list[tuple[Sample, Phrase]]:
    return [(one, phrase) for one in samples(recipe) for phrase in one.phrases]


@pytest.mark.parametrize("recipe", ["base", "full", "comp", "long", "phrase"])
def test_stored_programs_give_the_stored_answers(recipe: str) -> None:
    for one, phrase in phrases_of(recipe):
        facts, program = Facts.of(one), json.loads(json.dumps(phrase.program))
        assert execute(program, facts) == phrase.targets
        assert references(program, facts) == phrase.anchors
        assert bool(phrase.targets) == (phrase.kind != "notarget")
        assert (len(phrase.targets) > 1) == (phrase.kind == "plural")


def test_seeds_make_scenes_again() -> None:
    first, again, other = sample((3, 1), "full", 4), sample((3, 1), "full", 4), sample((3, 2), "full", 4)
    assert first.phrases == again.phrases
    assert (first.pixels == again.pixels).all()
    assert first.phrases != other.phrases


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_every_recipe_has_as_many_expressions_as_asked_for(recipe: str) -> None:
    for count in (1, 5):
        one = sample(SEED, recipe, count)
        assert len(one.phrases) == count
        assert {phrase.kind for phrase in one.phrases} <= set(RECIPES[recipe].kinds)
        assert all(len(split(phrase.text)) <= MOST_WORDS + 1 for phrase in one.phrases)


def test_kinds_are_drawn_as_often_as_the_recipe_says() -> None:
    for name in ("base", "full"):
        recipe = RECIPES[name]
        drawn = Counter(kind for seed in range(400) for kind in drawn_kinds(Random(seed), recipe, 10))
        for kind, share in recipe.kinds.items():
            assert drawn[kind] == pytest.approx(4000 * share / sum(recipe.kinds.values()), rel=0.1)


def test_few_kinds_are_not_to_be_had_in_a_scene() -> None:
    recipe = RECIPES["base"]
    wanted, had = 0, 0
    for number, one in enumerate(samples("base")):
        kinds = drawn_kinds(Random(number), recipe, 10)
        wanted, had = wanted + 10, had + len(asked(Random(number), Facts.of(one), recipe, kinds))
    assert had >= 0.9 * wanted


@pytest.mark.parametrize("recipe", ["base", "relation", "ordinal"])
def test_a_mirrored_scene_answers_to_mirrored_words(recipe: str) -> None:
    for one, phrase in phrases_of(recipe):
        facts = Facts.of(one)
        boxes = [(1 - x1, y0, 1 - x0, y1) for x0, y0, x1, y1 in facts.boxes]
        turned = Facts([_mirrored(thing) for thing in facts.things], boxes)
        sure, possible = run(json.loads(mirrored(json.dumps(phrase.program))), turned)
        meant = sum(1 << number for number in phrase.targets)
        assert sure & ~meant == 0, phrase.text
        assert meant & ~possible == 0, phrase.text  # the drawn masks may differ by a pixel: then it is not clear


def _mirrored(thing: Thing) -> Thing:
    if thing.look.category == "arrow":
        return replace(thing, x=1 - thing.x, angle_deg=180 - thing.angle_deg)
    return replace(thing, x=1 - thing.x, angle_deg=-thing.angle_deg, is_mirrored=not thing.is_mirrored)


def test_false_premises_select_nothing_but_are_nearly_true() -> None:
    false = [(one, phrase) for one, phrase in phrases_of("refuse") if phrase.kind == "notarget"]
    assert len(false) >= 4 * SCENES
    for one, phrase in false:
        facts, program = Facts.of(one), phrase.program
        assert run(program, facts) == NOTHING
        without = [program[:at] + program[at + 1 :] for at in range(len(program))]
        assert any(run(fewer, facts)[1] for fewer in without), phrase.text


def test_relations_and_counts_are_mostly_needed() -> None:
    needed = [
        run([step for step in phrase.program if step[0] == "has"], Facts.of(one))
        != run(phrase.program, Facts.of(one))
        for one, phrase in phrases_of("full")
        if phrase.kind in ("place", "relation", "ordinal", "superlative", "negation", "hops")
    ]  # fmt: skip
    assert np.mean(needed) > 0.6


def test_lengths_are_those_of_short_and_of_full_expressions() -> None:
    lengths = np.array([len(split(phrase.text)) for _, phrase in phrases_of("base")])
    assert 6 < lengths.mean() < 8.5  # 30 % with 3.5 words, 70 % with 8.5
    assert (lengths <= 3).mean() > 0.1
    assert (lengths >= 9).mean() > 0.2


@pytest.mark.parametrize("recipe", TAUGHT)
def test_training_says_known_words_only(recipe: str) -> None:
    for _, phrase in phrases_of(recipe):
        assert not unknown(phrase.text), phrase.text
        assert not says_novel(phrase.program), phrase.text
        assert not _held_words(phrase.text), phrase.text
        assert not _is_held_frame(phrase.text), phrase.text


def test_every_word_of_the_lexicon_has_a_row() -> None:
    tables = (
        lexicon.LOOKS,
        lexicon.BEHIND_NOUN,
        lexicon.WITHOUT,
        lexicon.BRIEF_PLACES,
        lexicon.PLACES,
        lexicon.RELATIONS,
    )
    texts = [text for table in (*tables, lexicon.PICKS) for options in table.values() for text in options]
    nouns = [noun for options in lexicon.NOUNS.values() for noun in options]
    texts += [*nouns, *map(lexicon.plural_of, nouns), *lexicon.ORDINALS, *lexicon.COUNTS, *VALUES["colour"]]
    said = {word for text in (*texts, *FRAMES, *FRAMES_MANY) for word in split(text.replace("{picture}", ""))}
    assert said <= set(WORDS) and words_said() <= set(WORDS)


def test_the_phrase_set_says_what_training_does_not() -> None:
    for _, phrase in phrases_of("phrase"):
        assert _is_held_frame(phrase.text) or _held_words(phrase.text) or _is_noun_first(phrase.text), phrase.text
    held = [bool(_held_words(phrase.text)) for _, phrase in phrases_of("phrase")]
    assert 0.2 < np.mean(held) < 0.95


def _held_words(text: str) -> set[str]:
    tables = (lexicon.HELD_NOUNS, lexicon.HELD_LOOKS)
    return {word for table in tables for names in table.values() for word in names} & set(split(text))


def _is_noun_first(text: str) -> bool:
    """Whether a noun comes before every word for a look, which training never says in telegraphic style."""
    looks = {word for field in ADJECTIVES for value in VALUES[field]
             for name in lexicon.LOOKS.get(value, (value,)) for word in name.split()}  # fmt: skip
    nouns = {noun for names in lexicon.NOUNS.values() for noun in names}
    words = split(text)
    at = [number for number, word in enumerate(words) if word in looks]
    return bool(at) and any(word in nouns for word in words[: at[0]])


def _is_held_frame(text: str) -> bool:
    said = " ".join(split(text))
    return any(said.startswith(" ".join(split(frame.split("{}")[0]))) for frame in HELD_FRAMES)


def test_targets_of_the_comp_set_are_pairs_that_training_does_not_show() -> None:
    for one, phrase in phrases_of("comp"):
        assert says_novel(phrase.program), phrase.text
        assert all(one.things[number].look.is_novel for number in phrase.targets)


def test_neither_the_picture_nor_the_words_alone_give_the_answer() -> None:
    single = [(one, phrase) for one, phrase in phrases_of("base") if len(phrase.targets) == 1]
    biggest = [int(np.bincount(one.ids[one.ids > 0]).argmax()) - 1 == phrase.targets[0] for one, phrase in single]
    chance = [1.5 / len(one.things) for one, _ in single]
    assert np.mean(biggest) <= np.mean(chance)
    boxes = np.array([one.boxes_xyxy[phrase.targets[0]] / 224 for one, phrase in single])
    usual = boxes[: len(boxes) // 2].mean(0)
    assert np.mean([box_iou(usual, box) >= 0.5 for box in boxes[len(boxes) // 2 :]]) <= 0.08


def test_two_relations_of_one_thing_are_joined_by_and_whatever_the_articles() -> None:
    mug, tree = [["has", "category", "mug"]], [["has", "category", "tree"]]
    program = [["has", "category", "star"], ["rel", "above", mug], ["rel", "near", tree]]
    said = [way(program) for seed in range(100) for way in (Speaker(Random(seed)).phrase, Speaker(Random(seed)).brief)]
    assert [text for text in said if " and " not in text] == []
