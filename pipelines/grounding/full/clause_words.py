"""The closed words of referring expressions: places, orders, relations. Nouns and looks are open and are not listed.

A pattern is tried at the start of what is left of an expression, in this order, longer sayings before shorter ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
SIDES = {"upper": "top", "lower": "bottom", "centre": "middle", "center": "middle"}
_PICTURE = "(?: of the (?:picture|image|photo|photograph|frame|scene))"
_PART = "(?: (?:hand side|side|part|edge|half|third|quarter|corner))"
# All of it or nothing, as a possessive quantifier would take it: those miss matches in Python 3.11.2.
_WHOLE_TAIL = f"(?=(?P<tail>{_PART}?{_PICTURE}?))(?P=tail)"
_THIS = "(?! the (?:picture|image|photo))"
_WHERE = "(?:(?:on|at|in|near|to|towards|within|around|close to|along) )?(?:the )?"
_NTH = rf"(?:{'|'.join(ORDINALS)}|\d{{1,2}}(?:st|nd|rd|th))"
_RANK = rf"(?P<rank>{_NTH} (?:(?:to|from) (?:the )?)?last|{_NTH}|last)"
_FROM = r"(?:counting )?from (?:the )?(?P<side>left|right|top|bottom)"


@dataclass(frozen=True)
class Saying:
    """A way to say something; `kind` is what it does to a set of things, `name` what it says."""

    kind: str
    name: str
    pattern: re.Pattern[str]


def _saying(kind: str, name: str, pattern: str) -> Saying:
    return Saying(kind, name, re.compile(rf"(?:{pattern})(?= |$)"))


def _pick(name: str, *words: str) -> Saying:
    return _saying("pick", name, "|".join(words))


def _relation(name: str, pattern: str) -> Saying:
    return _saying("relation", name, pattern)


SAYINGS = (
    _saying("look", "", r"pointing (?:to the )?(?:left|right|up|down)(?! of)|with (?:stripes|dots|checks|spots)"),
    _saying("lack", "", "without"),
    _pick("leftmost", "leftmost", "far left", "furthest left", "farthest left", "outermost left", "extreme left",
          "most (?:to|on) the left"),
    _pick("rightmost", "rightmost", "far right", "furthest right", "farthest right", "outermost right",
          "extreme right", "most (?:to|on) the right"),
    _pick("highest", "highest", "topmost", "uppermost", "very highest"),
    _pick("lowest", "lowest", "bottommost", "very lowest"),
    _pick("biggest", "biggest", "largest", "tallest", "widest"),
    _pick("smallest", "smallest", "littlest", "tiniest", "shortest"),
    _saying("picked", "closest to", "(?:closest|nearest) to"),
    _saying("picked", "farthest from", "(?:farthest|furthest) (?:from|away from)"),
    _saying("nth", "", rf"(?:the )?{_RANK} (?:one )?{_FROM}"),
    _saying("side", "", _FROM),
    _saying("rank", "", _RANK),
    _relation("on", "on top of|atop"),
    _relation("left of", rf"(?:off )?(?:(?:to|on) )?(?:the )?left (?:hand )?(?:side )?of{_THIS}"),
    _relation("right of", rf"(?:off )?(?:(?:to|on) )?(?:the )?right (?:hand )?(?:side )?of{_THIS}"),
    _saying("place", "", rf"{_WHERE}(?P<row>top|upper|bottom|lower) (?P<column>left|right)"
                         rf"{_WHOLE_TAIL}(?! of )"),
    _saying("place", "", rf"{_WHERE}(?P<one>left|right|top|bottom|upper|lower|middle|centre|center)"
                         rf"{_WHOLE_TAIL}(?! of )"),
    _saying("place", "top", "up (?:top|high)(?: in the (?:picture|image))?"),
    _saying("place", "bottom", "down low(?: in the (?:picture|image))?"),
    _relation("above", "(?:somewhere )?(?:above|over)|higher (?:up )?than"),
    _relation("below", "(?:somewhere )?(?:below|underneath|under|beneath)|lower (?:down )?than"),
    _relation("in front of", "in front of|covering"),
    _relation("behind", "(?:just )?behind"),
    _relation("between", "(?:halfway |somewhere |in )?between"),
    _relation("near", "next to|near(?: to)?|beside|close to|by|adjacent to|alongside"),
    _relation("touching", "touching"),
    _relation("pointing at", "pointing (?:at|to|towards?)"),
    _relation("pointed at by", "pointed at by"),
    _relation("same colour as", "(?:(?:of|with|has|have|in) )?(?:the )?same colou?r as|colou?red like"),
    _relation("bigger than", "(?:bigger|larger|taller) than"),
    _relation("smaller than", "(?:smaller|shorter) than"),
    _relation("inside", "inside(?: of)?|within"),
    _relation("in", "in"),
    _relation("on", "on"),
    _relation("with", "with|holding|wearing|carrying"),
)  # fmt: skip
# Applied in this order to lower-case text: "the man's hat" and "who hasn't got a hat" become words of this list.
PLAINER = tuple(
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"\b(where|that|who|which|it|there)['’]s\b", r"\1 is"),
        (r"['’]s\b|(?<=s)['’](?=\s)", ""),
        (r"\b(is|are|was|were|does|do|has|have)n['’]?t\b", r"\1 not"),
        (r"\b(?:(?:does|do) not have|(?:has|have) not(?: got)?|(?:with|has|have|having) no)\b", "without"),
        (r"\b(and|or|but) no\b", r"\1 without"),
        (r"\bneither\b", "not"),
        (r"\bnor\b", "and not"),
    )
)
FRAMES = re.compile(
    r"(?:please |can you |could you |would you |kindly )*"
    r"(?:(?:find|see|locate|show|click on|click|look for|select|point to|point at|pick|mark|highlight|give)(?: me)?"
    r"(?: where)?|where (?:is|are)|i (?:want|need)(?: you to find)?|tell me which one is|we are looking for) "
)
TAILS = re.compile(r" (?:is|are|for me|please)$")
WHOLE = re.compile(r"(?:all|both|each|every)(?: of)?(?: the)?(?: (?P<count>two|three|four|five|six))?(?: of the)?(?= )")
COUNTED = re.compile(r"(?:the )?(?P<count>two|three|four|five|six)(?= )")
ARTICLES = frozenset(("the", "a", "an", "this", "these", "those", "some"))
INDEFINITE = frozenset(("a", "an", "any"))
JOINS = frozenset(
    ("that", "which", "who", "is", "are", "was", "were", "has", "have", "located", "placed", "lying", "sitting",
     "standing", "positioned", "being", "one", "there")
)  # fmt: skip
_LOOKS = """
    red orange yellow green lime teal cyan turquoise blue purple violet pink brown black grey gray white scarlet
    plain solid striped stripy dotted spotted checkered patterned hollow outlined empty matte dull flat shiny glossy
    small little tiny medium sized mid large big huge upright straight tilted slanted rotated turned
"""
LATE_LOOKS = frozenset(_LOOKS.split())
