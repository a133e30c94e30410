from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.shared.errors import UserError
from pipelines.text_recognition.options import CROP, PHOTO, PROCEDURES, ReadingOptions, split


@pytest.mark.parametrize(
    "options",
    [
        ReadingOptions(),
        ReadingOptions("autoregressive", 2, "C?FF*", "custom:CFEO", ("COFFEE", "TOFFEE"), 0.8, True),
    ],
)
def test_options_survive_json(options: ReadingOptions) -> None:
    assert ReadingOptions.from_dict(json.loads(json.dumps(options.to_dict()))) == options


def test_only_what_differs_is_stored() -> None:
    assert ReadingOptions().to_dict() == {}
    assert ReadingOptions(charset="digits").to_dict() == {"charset": "digits"}


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"procedure": "guess"}, "parallel, autoregressive"),
        ({"refinements": 4}, "0 to 3"),
        ({"doubt_threshold": 1.5}, "0 to 1"),
        ({"charset": "latin"}, "alphanumeric"),
        ({"charset": "custom:"}, "at least one"),
        ({"charset": "custom:aé"}, "é"),
        ({"lexicon": ["two words"]}, "two words"),
        ({"lexicon": ["x" * 26]}, "1 to 25"),
        ({"lexicon": "word"}, "list of words"),
        ({"lexicon": ["a"] * 5001}, "5,001"),
        ({"lexicon": None}, "lexicon is None; give a list of words"),
        ({"lexicon": {"tea": 1}}, "lexicon is .* list of words"),
        ({"lexicon": [800.0, "tea"]}, "lexicon has 800.0, which is no text"),
        ({"pattern": "*a"}, "end only"),
        ({"pattern": 800.0}, "pattern is 800.0, which is no text; put it in quotes"),
        ({"pattern": None}, "pattern is None"),
        ({"charset": ["digits"]}, "charset is .* which is no text"),
        ({"procedure": ["ctc"]}, "procedure is .* which is no text"),
        ({"lookalikes": "yes"}, "lookalikes is 'yes'; it is true or false"),
        ({"speed": 2}, "speed"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, Any], word: str) -> None:
    with pytest.raises(UserError, match=word):
        ReadingOptions.from_dict(values)


def test_a_recipe_also_says_what_its_picture_is() -> None:
    assert split({"charset": "digits"}) == (ReadingOptions(charset="digits"), CROP)
    assert split({"mode": "photo", "charset": "digits"}) == (ReadingOptions(charset="digits"), PHOTO)
    with pytest.raises(UserError, match="mode is 'page'; known are crop and photo"):
        split({"mode": "page"})


@pytest.mark.parametrize(("charset", "allowed"), [("digits", "0123456789"), ("custom:ba1", "1ab")])
def test_a_character_set_has_the_order_of_the_alphabet(charset: str, allowed: str) -> None:
    assert ReadingOptions(charset=charset).allowed == allowed


def test_every_procedure_has_a_reader() -> None:
    from pipelines.text_recognition.reading import READERS

    assert READERS.keys() == PROCEDURES.keys()
