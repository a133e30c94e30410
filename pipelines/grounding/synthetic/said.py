"""The words that training says: those of the lexicon and of the templates, without the held ones."""

from __future__ import annotations

import re
from functools import lru_cache

from pipelines.grounding.synthetic import lexicon, wording
from pipelines.grounding.synthetic.recipes import TRAINING
from pipelines.grounding.synthetic.things import VALUES

TABLES = (
    lexicon.LOOKS, lexicon.BEHIND_NOUN, lexicon.WITHOUT, lexicon.BRIEF_PLACES, lexicon.PLACES,
    lexicon.BRIEF_RELATIONS, lexicon.RELATIONS, lexicon.PICKS,
)  # fmt: skip
GRAMMAR = "the a an both all each of and or not that which is are from counting pointing points at to"


@lru_cache(maxsize=1)
def words_said() -> frozenset[str]:
    """Every word that an expression for training may have, in lower case."""
    nouns = [noun for some in lexicon.NOUNS.values() for noun in some]
    most = max(recipe.ordinals[1] for recipe in TRAINING)
    said = [
        *nouns, *map(lexicon.plural_of, nouns), *lexicon.ORDINALS[:most], *lexicon.COUNTS[2:], *lexicon.PICTURES,
        *(way for table in TABLES for ways in table.values() for way in ways),
        *(value for field, values in VALUES.items() if field != "category" for value in values),
        *wording.FRAMES, *wording.FRAMES_MANY, *wording.JOINS, GRAMMAR,
    ]  # fmt: skip
    plain = " ".join(said).replace("{picture}", "").lower()
    return frozenset(re.findall(r"[^\W_]+", plain))
