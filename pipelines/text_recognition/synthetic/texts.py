"""What is written: words, names, numbers, codes and strings of no meaning, in the proportions of signs and posters."""

from __future__ import annotations

import hashlib
import string
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import CHARACTERS, MAX_LENGTH

DICTIONARIES = Path("/usr/share/dict")
ENGLISH = ("american-english-large", "american-english", "british-english-large", "words")
OTHERS = ("french", "ngerman", "italian", "spanish")
ENGLISH_SHARE = 0.75  # of the words from a dictionary
PACKAGES = "wamerican-large wbritish-large wfrench wngerman witalian wspanish"
HELD_OUT_SHARE = 10  # one word in ten
LENGTHS = {
    1: 0.04,
    2: 0.10,
    3: 0.16,
    4: 0.18,
    5: 0.15,
    6: 0.12,
    7: 0.09,
    8: 0.06,
    9: 0.04,
    10: 0.03,
    11: 0.015,
    12: 0.015,
}
CASES = (("upper", 0.47), ("title", 0.25), ("lower", 0.20), ("mixed", 0.05), ("as it is", 0.03))
EVERYDAY = (
    "the", "of", "and", "to", "in", "for", "is", "on", "that", "by", "this", "with", "you", "it", "not", "or", "be",
    "are", "from", "at", "as", "your", "all", "have", "new", "more", "an", "was", "we", "will", "home", "can", "us",
    "about", "if", "page", "my", "has", "search", "free", "but", "our", "one", "other", "do", "no", "time", "they",
    "site", "he", "up", "may", "what", "which", "their", "news", "out", "use", "any", "there", "see", "only", "so",
    "his", "when", "here", "who", "web", "also", "now", "help", "get", "pm", "view", "first", "am", "been", "would",
    "how", "were", "services", "some", "these", "click", "its", "like", "service", "than", "find", "price", "date",
    "back", "top", "people", "had", "list", "name", "just", "over", "state", "year", "day", "into", "email", "two",
    "health", "world", "next", "used", "go", "work", "last", "most", "music", "buy", "make", "them", "should",
    "product", "system", "post", "her", "city", "add", "policy", "number", "such", "please", "available",
    "copyright", "support", "message", "after", "best", "open", "sale", "shop", "street", "road", "hotel",
    "restaurant", "bar", "cafe", "coffee", "pizza", "beer", "wine", "food", "fresh", "bank", "park", "parking",
    "exit", "enter", "push", "pull", "stop", "closed", "private", "property", "school", "house", "room", "film",
    "movie", "love", "life", "man", "girl", "boy", "king", "star", "night", "blood", "dead", "dark", "black",
    "white", "red", "blue", "green", "gold", "big", "little", "old", "great", "good", "john", "david", "michael",
    "james", "paul",
)  # fmt: skip


@dataclass(frozen=True)
class Words:
    """Words by language group and length, everyday ones apart; those held out are for validation and test sets only."""

    english: dict[int, tuple[str, ...]]
    others: dict[int, tuple[str, ...]]
    everyday: tuple[str, ...]
    names: tuple[str, ...]
    held_out: bool


@lru_cache(maxsize=2)
def word_lists(held_out: bool = False) -> Words:
    """The installed word lists; UserError with the packages to install where there is none."""
    english, others = (_listed(names, held_out) for names in (ENGLISH, OTHERS))
    if not english and not others:
        raise UserError(
            f"No word list in {DICTIONARIES}. Install one (Debian: apt-get install {PACKAGES}).", "No words"
        )
    english, others = english or others, others or english
    names = tuple(word for words in english.values() for word in words if word[0].isupper() and len(word) > 2)
    everyday = tuple(word for word in EVERYDAY if is_held_out(word) == held_out)
    return Words(english, others, everyday, names or everyday, held_out)


def _listed(names: tuple[str, ...], held_out: bool) -> dict[int, tuple[str, ...]]:
    """Words of the lists that are installed, by length."""
    files = [DICTIONARIES / name for name in names if (DICTIONARIES / name).exists()]
    found = {plain(line) for file in files for line in file.read_text(encoding="utf-8", errors="ignore").splitlines()}
    by_length: dict[int, list[str]] = {}
    for word in sorted(found):
        if 0 < len(word) <= MAX_LENGTH - 4 and is_held_out(word) == held_out:
            by_length.setdefault(len(word), []).append(word)
    return {length: tuple(words) for length, words in by_length.items()}


def is_held_out(word: str) -> bool:
    """Whether a word is kept from training, whatever its case."""
    return int(hashlib.sha256(word.lower().encode()).hexdigest(), 16) % HELD_OUT_SHARE == 0


def plain(word: str) -> str:
    """Letters without their accents; empty where others than ASCII letters, apostrophe and hyphen are in it."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", word.strip()) if not unicodedata.combining(c))
    return letters if letters.isascii() and letters.replace("'", "").replace("-", "").isalpha() else ""


def sample_text(rng: np.random.Generator, kinds: dict[str, float], words: Words) -> str:
    """One text of 1 to 25 printable characters."""
    shares = np.array(list(kinds.values()), float)
    kind = list(kinds)[rng.choice(len(shares), p=shares / shares.sum())]
    text = MAKERS[kind](rng, words)
    if kind in ("word", "name", "pseudo"):
        text = dressed(rng, cased(rng, text))
    return "".join(c for c in text if c in CHARACTERS)[:MAX_LENGTH] or "A"


def cased(rng: np.random.Generator, text: str) -> str:
    """Upper, title, lower, mixed or as it is."""
    case = CASES[rng.choice(len(CASES), p=[share for _, share in CASES])][0]
    if case == "mixed":
        return "".join(c.upper() if rng.random() < 0.5 else c.lower() for c in text)
    return {"upper": text.upper(), "title": text.capitalize(), "lower": text.lower()}.get(case, text)


def dressed(rng: np.random.Generator, text: str) -> str:
    """Punctuation around or inside some words."""
    chance = rng.random()
    if chance < 0.10:
        return text + _one(rng, ".,!?:;'\"-)")
    if chance < 0.13:
        return _one(rng, "\"'(#&-") + text
    if chance < 0.15:
        return {0: f'"{text}"', 1: f"({text})", 2: f"{text}'s"}[int(rng.integers(3))]
    if chance < 0.19 and len(text) > 4:
        cut = int(rng.integers(2, len(text) - 1))
        return text[:cut] + _one(rng, "'-&/.") + text[cut:]
    return text


def _word(rng: np.random.Generator, words: Words) -> str:
    if words.everyday and rng.random() < 0.3:
        return words.everyday[int(rng.integers(len(words.everyday)))]
    by_length = words.english if rng.random() < ENGLISH_SHARE else words.others
    lengths = [n for n in LENGTHS if n in by_length and n > 1]
    if rng.random() < 0.03:
        lengths = [n for n in by_length if n > 12] or lengths
    shares = np.array([LENGTHS.get(n, 1.0 / n) for n in lengths])
    choice = by_length[lengths[rng.choice(len(lengths), p=shares / shares.sum())]]
    return choice[int(rng.integers(len(choice)))]


def _name(rng: np.random.Generator, words: Words) -> str:
    return words.names[int(rng.integers(len(words.names)))]


def _number(rng: np.random.Generator, words: Words) -> str:
    def digits(count: int) -> str:
        return "".join(map(str, rng.integers(0, 10, count)))

    forms = (
        lambda: str(rng.integers(1, 1000)), lambda: str(rng.integers(1850, 2030)),
        lambda: f"{_one(rng, '$')}{rng.integers(1, 999)}.{digits(2)}", lambda: f"{rng.integers(0, 24)}:{digits(2)}",
        lambda: f"{digits(3)}-{digits(4)}", lambda: f"{digits(3)}.{digits(3)}.{digits(4)}",
        lambda: f"{rng.integers(1, 13)}/{rng.integers(1, 32)}/{digits(2)}", lambda: f"{rng.integers(1, 101)}%",
        lambda: digits(int(rng.integers(2, 8))), lambda: f"{rng.integers(1, 32)}{_one(rng, ['st', 'nd', 'rd', 'th'])}",
        lambda: f"{rng.integers(1, 100)},{digits(3)}", lambda: f"{rng.integers(1, 300)}{_one(rng, 'ABCabc')}",
        lambda: f"{rng.integers(1, 13)}{_one(rng, ['am', 'pm', 'AM', 'PM'])}",
    )  # fmt: skip
    return forms[int(rng.integers(len(forms)))]()


def _code(rng: np.random.Generator, words: Words) -> str:
    pattern = _one(
        rng, ["AA00AAA", "A000AAA", "AAA-000", "00-AA-00", "AA 000 AA", "A0", "AA000", "0AAA000", "A-00", "AA0 0AA"]
    )
    return "".join(
        _one(rng, string.ascii_uppercase if c == "A" else string.digits) if c in "A0" else c for c in pattern
    )


def _pseudo(rng: np.random.Generator, words: Words) -> str:
    """Syllables of two words grown together: pronounceable, in no dictionary."""
    first, second = _word(rng, words), _word(rng, words)
    return (first[: max(1, len(first) * 2 // 3)] + second[len(second) // 3 :])[:12]


def _random(rng: np.random.Generator, words: Words) -> str:
    alphabet = CHARACTERS if rng.random() < 0.3 else string.ascii_letters + string.digits
    return "".join(_one(rng, alphabet) for _ in range(int(rng.integers(1, 9))))


def _token(rng: np.random.Generator, words: Words) -> str:
    if rng.random() < 0.3:
        return "".join(_one(rng, string.ascii_uppercase) + "." for _ in range(int(rng.integers(2, 4))))
    return "".join(_one(rng, string.ascii_letters + string.digits) for _ in range(int(rng.integers(1, 3))))


def _one(rng: np.random.Generator, choices: str | list[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


MAKERS = {
    "word": _word, "name": _name, "number": _number, "code": _code, "pseudo": _pseudo, "random": _random,
    "token": _token,
}  # fmt: skip
