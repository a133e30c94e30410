"""What igtr says of itself, measured: confidence, boxes of characters, turned words, scripts that it does not know.

    python -m benchmarks.bench_text_claims [--crops 300] [--data DIR] [--json FILE]

Read with the mix that the page opens with. Confidence: expected calibration error of the word confidence on test crops
before and after the temperature, which was fitted on validation crops, of parallel reading and, on plain words, of what
reads by other evidence. Boxes: of words that were read exactly. Turned:
wide crops of "clean", a quarter to either side, read three ways and read as they lie. Scripts: random letters of each,
in one face, and how many of these readings are said to be doubtful; Latin ones are not to be.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.report import markdown, store

if TYPE_CHECKING:
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily
    from pipelines.text_recognition.datasets import Word

SCRIPTS = {
    "latin": ((0x41, 0x5A), (0x61, 0x7A)), "cyrillic": ((0x410, 0x44F),), "greek": ((0x391, 0x3A9), (0x3B1, 0x3C9)),
    "armenian": ((0x531, 0x556), (0x561, 0x587)), "georgian": ((0x10D0, 0x10F0),), "hebrew": ((0x5D0, 0x5EA),),
    "arabic": ((0x621, 0x64A),), "tifinagh": ((0x2D30, 0x2D65),),
}  # fmt: skip
LETTERS = (4, 7)  # in a drawn word
SIZE_PX, MARGIN_PX = 40, 8
PLAIN = ("iiit5k", "base")  # where every procedure's confidence is held against what is right
BOXED = ("clean", "base", "curved")
Scores = dict[str, float]


def measure(family: ModelFamily, cache: ModelCache, crops: int, data: Path | None = None) -> dict[str, Any]:
    """Every claim on `crops` crops of each set, and as many drawn words of each script."""
    from pipelines.text_recognition.calibration import OWN_EVIDENCE, temperatures_of
    from pipelines.text_recognition.crops import read_crops
    from pipelines.text_recognition.evaluate import calibration_scores, scored_sets
    from pipelines.text_recognition.options import ReadingOptions
    from pipelines.text_recognition.question_scores import localisation_scores

    began, temperatures = time.perf_counter(), temperatures_of(cache.assets, family.name)
    confidence: dict[str, Scores] = {}
    boxes: dict[str, Scores] = {}
    turned: Scores = {}
    with cache.lease(family, family.default) as lease:
        network: Any = lease.model
        for one in scored_sets("test", data):
            words = list(one.words(crops))
            looks = read_crops(network, [word.image for word in words], ReadingOptions())
            confidence[one.name] = calibration_scores(looks, words, temperatures.character)
            for name in OWN_EVIDENCE if one.name in PLAIN else ():
                own = read_crops(network, [word.image for word in words], ReadingOptions(name))
                confidence[f"{one.name}, {name}"] = calibration_scores(own, words, temperatures.of_own(name))
            if one.name in BOXED:
                boxes[one.name] = localisation_scores(network, looks, words)
            if one.name == "clean":
                turned = turned_scores(network, words)
    return {
        "bench": "text_claims", "family": family.name, "device": cache.device, "crops_per_set": crops,
        "confidence": confidence, "boxes": boxes, "turned": turned,
        "doubted": doubted_scripts(family, cache, min(crops, 100)),
        "seconds": round(time.perf_counter() - began),
    }  # fmt: skip


def turned_scores(network: Any, words: Sequence[Word]) -> Scores:
    """Accuracy on wide crops: upright, turned by a quarter and read three ways, turned and read as they lie."""
    from pipelines.text_recognition.crops import encode, read_crops
    from pipelines.text_recognition.fit import fit
    from pipelines.text_recognition.metrics import is_right
    from pipelines.text_recognition.options import ReadingOptions
    from pipelines.text_recognition.reader import Reader
    from pipelines.text_recognition.reading import read
    from pipelines.text_recognition.views import TALL, turned

    wide = [word for word in words if word.image.shape[1] > TALL * word.image.shape[0]]
    upright = [word.image for word in wide]
    lying = [turned(image, (90, -90)[index % 2]) for index, image in enumerate(upright)]

    def accuracy(texts: Sequence[str]) -> float:
        return sum(is_right(text, word.label) for text, word in zip(texts, wide, strict=True)) / len(wide)

    def three_ways(images: Sequence[np.ndarray]) -> list[str]:
        return [look.reading.texts()[0] for look in read_crops(network, images, ReadingOptions())]

    reader = Reader(network, encode(network, np.stack([fit(image) for image in lying])))
    return {"n": len(wide), "upright": accuracy(three_ways(upright)), "three_ways": accuracy(three_ways(lying)),
            "as_they_lie": accuracy(read(reader, ReadingOptions()).texts())}  # fmt: skip


def doubted_scripts(
    family: ModelFamily, cache: ModelCache, count: int, scripts: Sequence[str] = tuple(SCRIPTS)
) -> dict[str, float]:
    """Script -> share of drawn words whose reading is said to be doubtful."""
    from pipelines.text_recognition.photograph import as_picture
    from pipelines.text_recognition.pipeline import TextRecognitionPipeline

    pipeline = TextRecognitionPipeline(cache, family)
    found = {}
    for script in scripts:
        words = [as_picture(word.image, word.label) for word in drawn_words(script, count)]
        found[script] = float(np.mean([result.is_doubtful for result in pipeline.batch(words)]))
    return found


def drawn_words(script: str, count: int) -> Iterator[Word]:
    """Random letters of a script, dark on light, with their boxes; the same ones every time."""
    rng = np.random.default_rng(list(SCRIPTS).index(script))
    letters = [chr(code) for first, last in SCRIPTS[script] for code in range(first, last + 1)]
    for _ in range(count):
        text = "".join(rng.choice(letters, rng.integers(*LETTERS, endpoint=True)))
        yield drawn(text, tuple(rng.integers(0, 90, 3)), tuple(rng.integers(170, 256, 3)))


def drawn(text: str, ink: Sequence[int] = (20, 20, 60), ground: Sequence[int] = (235, 235, 225)) -> Word:
    """A word in the face that comes with matplotlib, letter after letter, with a box for each."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    from pipelines.text_recognition.datasets import Word

    font = ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", SIZE_PX)
    lefts = np.cumsum([0.0, *(font.getlength(letter) for letter in text)])
    size = int(lefts[-1]) + 2 * MARGIN_PX, SIZE_PX + 2 * MARGIN_PX
    picture = Image.new("RGB", size, tuple(map(int, ground)))
    draw, boxes = ImageDraw.Draw(picture), []
    for letter, left in zip(text, lefts, strict=False):
        place = (MARGIN_PX + float(left), MARGIN_PX + 0.8 * SIZE_PX)
        draw.text(place, letter, fill=tuple(map(int, ink)), font=font, anchor="ls")
        boxes.append(draw.textbbox(place, letter, font=font, anchor="ls"))
    return Word(np.asarray(picture), text, np.array(boxes, np.float32))


def tables(report: Mapping[str, Any]) -> str:
    """The claims as Markdown."""
    turned = report["turned"]
    return "\n\n".join([
        f"{report['crops_per_set']} crops of each set, the mix that the page opens with.",
        _table(report["confidence"], ("ece_raw", "ece", "accuracy_at_0.5", "accuracy_at_0.8", "accuracy_at_0.95")),
        _table(report["boxes"], ("n", "iou_50", "mean_iou", "centre_error")),
        f"Turned by a quarter, {turned['n']} words: upright {turned['upright']:.3f}, turned and read three ways "
        f"{turned['three_ways']:.3f}, turned and read as they lie {turned['as_they_lie']:.3f}.",
        "Said to be doubtful: " + ", ".join(f"{name} {share:.0%}" for name, share in report["doubted"].items()) + ".",
    ])  # fmt: skip


def _table(rows: Mapping[str, Scores], names: Sequence[str]) -> str:
    cells = [[name, *(f"{row[one]:.3f}" if one != "n" else f"{row[one]:.0f}" for one in names)]
             for name, row in rows.items() if row]  # fmt: skip
    return markdown(["set", *names], cells)


def main(json_path: Path | None = None, crops: int = 300, data: Path | None = None) -> dict[str, Any]:
    """Measure the shipped family, print, and write JSON and Markdown where a path is given."""
    from pipelines.commands.loading import open_cache
    from pipelines.registry import family

    report = measure(family("igtr"), open_cache("cpu"), crops, data)
    print(tables(report))
    store(json_path, report, tables(report))
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--crops", type=int, default=300)
    parser.add_argument("--data", type=Path, help="folder of IIIT5K")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    main(asked.json, asked.crops, asked.data)
