"""The text tab's ready-made examples, chosen by the shipped weights: `python -m pipelines.text_recognition.examples`.

Words are rendered with fonts and words that no training saw, from seeds of their own. Of each expert's recipe those are
kept that the base misreads while the expert and the page's mix read them; what the captions say was read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError
from pipelines.shared.ready_made import Entry, write_examples
from pipelines.text_recognition.datasets import Word
from pipelines.text_recognition.metrics import is_right

if TYPE_CHECKING:
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "examples" / "text_recognition"
SEED = 2028  # those of the held-out sets are others
SEARCHED, PER_TASK, EASY = 400, 4, 3
LONG = 6  # letters: words from here on are alike as examples
LENGTHS, LEAST_SIDE_PX = range(3, 12), 12  # of what is worth looking at
PHOTO_HW, PHOTO_WORDS, PHOTOS_TRIED = (360, 480), 6, 8


@dataclass(frozen=True)
class Reading:
    """What a network reads in a word, and how sure it is, 0 to 1."""

    text: str
    certainty: float


@dataclass(frozen=True)
class Candidate:
    """A word with its readings by base, expert and mix."""

    word: Word
    base: Reading
    expert: Reading
    mix: Reading

    @property
    def is_mixed(self) -> bool:
        """Whether the base fails, and the expert and the mix read it."""
        return not self._right(self.base) and self._right(self.expert) and self._right(self.mix)

    @property
    def is_experts(self) -> bool:
        """Whether the expert alone reads it."""
        return not self._right(self.base) and self._right(self.expert) and not self._right(self.mix)

    @property
    def rank(self) -> tuple[bool, int, float]:
        """Higher is a better example: case and marks as they stand, then more letters, then a surer reading."""
        reading = self.mix if self.is_mixed else self.expert
        return reading.text == self.word.label, min(len(self.word.label), LONG), reading.certainty

    def _right(self, reading: Reading) -> bool:
        return is_right(reading.text, self.word.label)


Read = Callable[[Sequence[Word], MergeRecipe], list[Reading]]


def chosen(candidates: Sequence[Candidate], count: int = PER_TASK) -> list[Candidate]:
    """The best words that base, expert and mix tell apart; where they are too few, some that only the expert reads."""
    mixed = sorted((one for one in candidates if one.is_mixed), key=lambda one: one.rank, reverse=True)
    alone = sorted((one for one in candidates if one.is_experts), key=lambda one: one.rank, reverse=True)
    return (mixed + alone)[:count]


def task_entries(task: str, words: Sequence[Word], family: ModelFamily, read: Read) -> Iterator[tuple[Entry, Word]]:
    """Entries of one expert with their pictures."""
    expert = MergeRecipe(coefficients=((task, 1.0),), scale=1.0)
    readings = (read(words, recipe) for recipe in (MergeRecipe(), expert, family.default))
    candidates = [Candidate(word, *three) for word, *three in zip(words, *readings, strict=True)]
    for number, one in enumerate(chosen(candidates), 1):
        said = f"The base reads “{one.base.text}”, the {task} expert and this mix “{one.mix.text}”."
        recipe: dict[str, Any] = {}
        if one.is_experts:
            said = f"The base reads “{one.base.text}”, the {task} expert alone “{one.expert.text}”."
            recipe = {"weights": {task: 1.0}, "scale": 1.0}
        yield Entry(f"{task}-{number}", _title(task, number), said, "crop", (f"{task}-{number}.png",), recipe), one.word


def easy_entries(words: Sequence[Word], family: ModelFamily, read: Read) -> Iterator[tuple[Entry, Word]]:
    """Plain words that base and mix both read: where the mix must not lose."""
    pairs = zip(words, read(words, MergeRecipe()), read(words, family.default), strict=True)
    right = [(word, mix) for word, base, mix in pairs if base.text == mix.text == word.label]
    right.sort(key=lambda pair: pair[1].certainty, reverse=True)
    for number, (word, _) in enumerate(right[:EASY], 1):
        said = "A plain word, which base and mix both read."
        yield Entry(f"plain-{number}", _title("plain", number), said, "crop", (f"plain-{number}.png",)), word


def _title(task: str, number: int) -> str:
    return f"{task.capitalize()} {number}"


def rendered(recipe: str, count: int) -> list[Word]:
    """Words of a recipe that are worth looking at; "clean" for plain ones."""
    from pipelines.text_recognition.synthetic.recipes import RECIPES
    from pipelines.text_recognition.synthetic.render import render

    place = list(RECIPES).index(recipe)
    crops = (render((SEED, place, index), RECIPES[recipe], held_out=True) for index in range(count))
    return [
        Word(crop.pixels, crop.label)
        for crop in crops
        if len(crop.label) in LENGTHS and crop.label.isalnum() and min(crop.pixels.shape[:2]) >= LEAST_SIDE_PX
    ]


def wall(words: Sequence[Word], rng: np.random.Generator) -> np.ndarray:
    """Signs on a wall, a word on each, uint8 (H, W, 3)."""
    from pipelines.shared.synthetic.textures import fractal_noise

    height, width = PHOTO_HW
    tone = 150 + 40 * fractal_noise(rng, PHOTO_HW, 4, 0.5)[..., None] + rng.uniform(-25, 25, 3)
    picture = np.clip(tone, 0, 255).astype(np.uint8)
    rows, columns = PHOTO_WORDS // 2, 2
    for place, word in enumerate(words[:PHOTO_WORDS]):
        row, column = divmod(place, columns)
        room_h, room_w = height // rows, width // columns
        scale = min(0.6 * room_h / word.image.shape[0], 0.8 * room_w / word.image.shape[1], 2.0)
        size = max(8, round(word.image.shape[1] * scale)), max(8, round(word.image.shape[0] * scale))
        sign = cv2.resize(word.image, size, interpolation=cv2.INTER_CUBIC)
        left = column * room_w + int(rng.integers(4, room_w - size[0] - 3))
        top = row * room_h + int(rng.integers(4, room_h - size[1] - 3))
        picture[top : top + size[1], left : left + size[0]] = sign
    return picture


def photo_entry(words: Sequence[Word], family: ModelFamily, read: Read) -> tuple[Entry, Word] | None:
    """The wall of which most words are found and read; None where none is."""
    from pipelines.text_recognition.detection import open_detector
    from pipelines.text_recognition.photograph import as_picture, find_words

    detector, best, most = open_detector(), None, 0
    for index in range(PHOTOS_TRIED):
        some = words[index * PHOTO_WORDS : (index + 1) * PHOTO_WORDS]
        picture = wall(some, np.random.default_rng([SEED, index]))
        found, _ = find_words(as_picture(picture, "wall"), detector)
        texts = [reading.text for reading in read([Word(one.pixels, "") for one in found], family.default)]
        count = sum(any(is_right(text, word.label) for text in texts) for word in some)
        if count > most:
            best, most = picture, count
    if best is None:
        return None
    entry = Entry("signs", "Signs", "Words are looked for first, then each is read.", "photo", ("signs.png",))
    return entry, Word(best, "")


def reader(family: ModelFamily, cache: ModelCache) -> Read:
    """Reads words by any mix, in parallel, as the page opens."""

    def read(words: Sequence[Word], recipe: MergeRecipe) -> list[Reading]:
        from pipelines.text_recognition.crops import read_crops
        from pipelines.text_recognition.igtr import IGTR
        from pipelines.text_recognition.options import ReadingOptions

        with cache.lease(family, recipe) as lease:
            assert isinstance(lease.model, IGTR)
            looks = read_crops(lease.model, [word.image for word in words], ReadingOptions())
        return [Reading(look.reading.texts()[0], look.certainty) for look in looks]

    return read


def main(arguments: Sequence[str] | None = None) -> int:
    """Choose and write the examples; exit code."""
    from pipelines.shared.cache import ModelCache
    from pipelines.text_recognition.family import IGTR_FAMILY as family

    parser = argparse.ArgumentParser(prog="python -m pipelines.text_recognition.examples", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write (default: %(default)s)")
    parser.add_argument("--searched", type=int, default=SEARCHED, help="words of each recipe (default %(default)s)")
    asked = parser.parse_args(arguments)
    cache = ModelCache(FOLDER.parents[1])
    read, entries = reader(family, cache), []
    try:
        with cache.lease(family):
            pass  # weights that are missing are told before anything is rendered
        plain = rendered("clean", asked.searched)
        for task in family.tasks:
            made = list(task_entries(task, rendered(task, asked.searched), family, read))
            entries += made
            alone = sum(bool(entry.recipe) for entry, _ in made)
            sys.stdout.write(f"{task}: {len(made) - alone} that the mix reads, {alone} that the expert alone reads\n")
        entries += easy_entries(plain, family, read)
        photo = photo_entry(plain, family, read)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    shown = [*entries, *([photo] if photo else [])]
    write_examples([(entry, word.image) for entry, word in shown], asked.folder)
    sys.stdout.write(f"{len(shown)} examples in {asked.folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
