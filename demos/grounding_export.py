"""Answers as files, and what can stand in a figure of the grounding tab."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from demos.export_view import CHECKPOINT, ExportView
from demos.figure_layout import Panel, title_text
from demos.grounding_drawing import Scenery, answer_picture, cut_out
from demos.grounding_words import clipped, numbers_of
from demos.merge_words import describe
from demos.sight import Values
from pipelines.merging.recipe_form import recipe_hash, recipe_to_dict
from pipelines.shared.images import to_bytes

if TYPE_CHECKING:
    from demos.grounding_bench import GroundingBench, Job
    from pipelines.grounding.results import GroundingResult

FIGURE = (("Picture", "picture"), ("Answer", "answer"), ("Centre heat", "heat"), ("Anchor", "anchor"))
FIGURE_START = ("picture", "answer")


class GroundingExport(ExportView):
    """The answer as it is looked at, and as data."""

    EXTRAS = (("triplets (JSON)", "json"), ("COCO with masks (JSON)", "coco"), ("YOLO boxes", "yolo"),
              ("masks (PNG)", "masks"), ("cut-out (PNG)", "cutout"), CHECKPOINT)  # fmt: skip

    def picture_of(self, result: GroundingResult, values: Values) -> np.ndarray:
        """The picture with the layers that are on."""
        tab: Any = self._tab
        picture: np.ndarray = tab.answer.seen(tab.sight.job(values), result, values)
        return picture

    def more(self, asked: Any, job: Job, result: GroundingResult, text: str, start: Path) -> list[str]:
        """Files of the objects that were found."""
        image = self._tab.bench.image(job)
        return write_files(asked, result, image.name, to_bytes(image.pixels), made_with(job), text, start)

    def missing(self, asked: Any, job: Job, result: GroundingResult) -> list[str]:
        """Masks of nothing, or that nobody asks for."""
        if not {"masks", "cutout"} & set(asked) or any(one.has_mask for one in result.objects):
            return []
        why = "No phrase asks for a mask" if result.objects else "Nothing was found"
        return [f"{why}, so there is no mask to export."]


def made_with(job: Job) -> dict[str, Any]:
    """What an answer was made with, for files and answers."""
    by_hand = {"corrected_by_hand": job.by_hand} if job.corrections else {}
    if job.network:
        return {"network": job.network} | by_hand
    return {"recipe": recipe_to_dict(job.recipe), "recipe_hash": recipe_hash(job.recipe)} | by_hand


def write_files(
    asked: Sequence[str], result: GroundingResult, name: str, pixels: np.ndarray, about: dict[str, Any], text: str,
    start: Path,
) -> list[str]:  # fmt: skip
    """The files that were ticked; `pixels` is the picture (H, W, 3) uint8, `text` the recipe that pictures carry."""
    from pipelines.grounding.formats import Coco, json_text, phrases_of, yolo
    from pipelines.shared.figures import save_png

    written: dict[str, str] = {}
    if "json" in asked:
        written[".json"] = json_text(result, about)
    if "coco" in asked:
        document = Coco()
        document.add(name, result)
        written["-coco.json"] = json.dumps(document.document(about))
    if "yolo" in asked:
        classes = phrases_of(result)
        written |= {"-yolo.txt": yolo(result, classes), "-classes.txt": "".join(f"{one}\n" for one in classes)}
    paths = [start.with_name(start.name + ending) for ending in written]
    for path, content in zip(paths, written.values(), strict=True):
        path.write_text(content, encoding="utf-8")
    pictures: dict[str, np.ndarray] = {}
    masks = {one.id: one.mask for one in result.objects if one.has_mask}
    if "masks" in asked:
        pictures = {f"-mask-{number}.png": mask.astype(np.uint8) * 255 for number, mask in masks.items()}
    if "cutout" in asked and masks:
        pictures["-cutout.png"] = cut_out(pixels, list(masks.values()))
    return [*map(str, paths), *(str(save_png(one, text, start.with_name(start.name + ending)))
                                for ending, one in pictures.items())]  # fmt: skip


def panels(bench: GroundingBench, answer: Any, job: Job, result: GroundingResult, values: Values,
           names: Sequence[str]) -> list[Panel]:  # fmt: skip
    """The pictures that are ticked, all of one size; the answer where nothing is."""
    pixels = to_bytes(bench.image(job).pixels)
    looked = answer.looked(job, result, values)
    one = looked.phrase_of(result)
    found = {
        "picture": Panel("picture", answer_picture(pixels, Scenery())),
        "answer": Panel("answer", answer.seen(job, result, values)),
    }
    for name, title in (("heat", "centre"), ("anchor", "anchor")):
        if one is not None:
            plane = Scenery(heats=(getattr(one, name),), opacity=0.8)
            found[name] = Panel(f"{title} of “{clipped(one.phrase, 30)}”", answer_picture(pixels, plane))
    return [panel for name, panel in found.items() if name in names] or [found["answer"]]


def figure_caption(bench: GroundingBench, job: Job) -> str:
    """What was asked of which picture, the mix, each fader, and the start of the recipe's hash."""
    phrases = ", ".join(f"“{clipped(phrase)}”" for phrase in job.phrases)
    faders = ", ".join(f"{task} {job.recipe.coefficient(task):.2f}" for task, _ in job.recipe.coefficients)
    mark = f"Recipe #{recipe_hash(job.recipe)[:8]}"
    by_hand = f"Corrected by hand: mask of {numbers_of(job)}" if job.corrections else ""
    return title_text((f"{phrases} in {bench.image(job).name}", describe(job.recipe), faders, by_hand, mark))
