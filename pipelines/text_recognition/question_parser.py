"""A small parser of questions put in English; what it does not know, it says it does not know."""

from __future__ import annotations

import re

from pipelines.shared.errors import UserError
from pipelines.text_recognition.questions import ARGUMENTS, KINDS, NUMBERS, Question

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_THING = "(?:character|letter|symbol|digit)"
_NUMBER = rf"(?:\d+(?:st|nd|rd|th)?|{'|'.join(ORDINALS)})"
_PARTS = {  # what {…} stands for in a rule
    "thing": _THING,
    "place": rf"(?:(?:{_THING}|position|place) (?:number )?(?P<number>{_NUMBER})|(?:the )?(?P<nth>{_NUMBER}) {_THING})",
    "nth": rf"(?:the )?(?P<nth>{_NUMBER})",
    "one": rf"(?:an? |the )?(?:{_THING} )?(?:[\"'“‘](?P<quoted>[!-~])[\"'”’]|(?P<text>[!-~]))",
    "word": r"(?:the )?(?:text |word |letters? |characters? )?[\"'“‘]?(?P<text>[!-~]+?)[\"'”’]?",
    "many": r"(?P<many>.+?)",
    "there": r"(?: (?:are|is) there(?: in it)?| (?:are|is) in it| occurs?| there| in it| does it have| has it)?",
}
# Tried in this order: a later rule may be wider.
_RULES = (
    ("length", "how many characters{there}"),
    ("length", "how long(?: is it)?|(?:what is )?(?:the )?length"),
    ("count_kind", "how many (?P<text>letters|digits){there}"),
    ("is_char_at", "is {place} {one}"),
    ("char_at", "(?:(?:what|which)(?: character)?(?: is| stands)?(?: at)? )?{place}"),
    ("find_nth", "where (?:is|stands) {nth} {one}"),
    ("find_nth", "where (?:is|stands) {one}"),
    ("starts_with", "(?:does it )?(?:start|begin)s? with (?:an? )?{word}"),
    ("contains", "(?:does it )?(?:contain|include)s? (?:an? )?{word}"),
    ("count", "how (?:many|often)(?: times)? (?:does |is )?{one}(?:'?e?s)?{there}"),
    ("exists", "(?:is|are) there {many}"),
)


def _compiled(rule: str) -> re.Pattern[str]:
    for name, part in _PARTS.items():
        rule = rule.replace(f"{{{name}}}", part)
    return re.compile(rf"(?:{rule}) ?\??", re.IGNORECASE)


_COMPILED = tuple((kind, _compiled(rule)) for kind, rule in _RULES)


def parse_question(text: str) -> Question:
    """A question put in English, like the templates of KINDS.

    Raises:
        UserError: it is none of those that are known; the message lists them.
    """
    wanted = re.sub("[‹›]", "", " ".join(text.split()))
    for kind, rule in _COMPILED:
        if match := rule.fullmatch(wanted):
            found = match.groupdict()
            return Question(kind, tuple(_argument(name, found) for name in ARGUMENTS[kind]))
    templates = re.sub("[‹›]", "", " ".join(KINDS.values()))
    raise UserError(f"{wanted!r} is no question that can be asked here. Try: {templates}", title="Not understood")


def _argument(name: str, found: dict[str, str | None]) -> int | str:
    if name in NUMBERS:
        return _number(found.get("number") or found.get("nth") or "1")
    if name == "characters":
        return _characters(found["many"] or "")
    text = found.get("quoted") or found["text"] or ""
    return text.lower() if name == "group" else text


def _number(text: str) -> int:
    return ORDINALS.index(text.lower()) + 1 if text.lower() in ORDINALS else int(re.sub(r"\D", "", text))


def _characters(text: str) -> str:
    """The characters of "a 0 or an O", "any x, y"."""
    one = re.compile(rf"(?:any )?{_PARTS['one']}", re.IGNORECASE)
    found = [one.fullmatch(part.strip()) for part in re.split(r",\s+|\bor\b|\band\b", text) if part.strip()]
    if not found or not all(found):
        raise UserError(f"Which characters are meant by {text!r}? Write: Is there a 0 or an O?", title="Not understood")
    return "".join(dict.fromkeys(match.group("quoted") or match.group("text") for match in found if match))
