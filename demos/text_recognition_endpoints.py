"""The public endpoints of the text tab: read_text, ask_text, detect_text, read_batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import gradio as gr

from demos.limits import in_time
from demos.networks import OWN
from demos.stills import OriginalImage
from demos.tab import told
from demos.text_recognition_batch import FILE_SUFFIXES, made_with, written
from demos.text_recognition_bench import Job, Sheet, TextBench
from pipelines.merging.recipe_form import recipe_from_dict
from pipelines.shared.archives import gathered
from pipelines.text_recognition.abilities import check_options
from pipelines.text_recognition.batch import crops_and_labels, read_batch, score_of
from pipelines.text_recognition.options import CROP, PHOTO, ReadingOptions
from pipelines.text_recognition.question_parser import parse_question

Answers = dict[str, Any]


def add_text(bench: TextBench) -> None:
    """The endpoints need file components for uploads; they are not on the page."""
    device: dict[str, Any] = {"concurrency_id": "device", "concurrency_limit": 1}
    with gr.Column(visible=False):
        image = OriginalImage(label="image", type="filepath", format="png")
        files = gr.File(label="files", file_count="multiple", file_types=["image", *FILE_SUFFIXES, ".zip"])
        question = gr.Textbox("", label="question")
        options, recipe = gr.JSON(label="options"), gr.JSON(label="recipe")
        network = gr.Textbox(OWN, label="network")
        asked = [options, recipe, network]
        about, out = gr.JSON(label="about"), gr.File(label="out", file_count="multiple")
        gr.Button("read_text").click(
            told(read_text_endpoint(bench)), [image, *asked], [about], api_name="read_text", **device
        )
        gr.Button("ask_text").click(
            told(ask_text_endpoint(bench)), [image, question, *asked], [about], api_name="ask_text", **device
        )
        gr.Button("detect_text").click(
            told(detect_text_endpoint(bench)), [image, *asked], [about], api_name="detect_text", **device
        )
        gr.Button("read_batch").click(told(read_batch_endpoint(bench)), [files, *asked], [out, about],
                                      api_name="read_batch", concurrency_id="batch", concurrency_limit=1)  # fmt: skip


def asked_job(
    bench: TextBench, path: str | None, mode: str, options: Mapping[str, Any] | None, recipe: Mapping[str, Any] | None,
    network: str = OWN,
) -> Job:  # fmt: skip
    """What a client asks for. Raises UserError and MergeError that list the known names."""
    family = bench.family_of(network)
    mix = family.default if recipe is None else recipe_from_dict(recipe, family.tasks)
    asked = ReadingOptions.from_dict(options or {})
    check_options(family, asked)
    return Job(path or "", mode, asked, mix, network)


def read_text_endpoint(bench: TextBench) -> Callable[..., Answers]:
    """The endpoint `read_text` of one page."""

    def read_text(
        image: str, options: dict[str, Any] | None = None, recipe: dict[str, Any] | None = None, network: str = OWN
    ) -> dict[str, Any]:
        """Read one word, and say how sure the network is of each character and where it stands.

        Args:
            image: a crop of one word.
            options: by the names that a recipe of the page has: procedure ("parallel", "autoregressive", "ctc",
                "verification" or "assembly"; default "parallel"), refinements (0 to 3), pattern ("C?FF??"), charset,
                lexicon (a list of words), doubt_threshold, lookalikes.
            recipe: the `merge:` part of a recipe; nothing is the family's own mix.
            network: a published network that reads instead, mixed by the recipe, for example "trocr-small", which takes
                no options; default "", the tab's own.

        Returns:
            text, confidence, characters (character, probability, alternatives, verified, box_xyxy), trace, ranking,
            notices, network where it is not the tab's own, recipe, recipe_hash, weights_version, seconds.
        """
        job = asked_job(bench, image, CROP, options, recipe, network)
        sheet, is_cached = bench.result(job)
        reading = sheet.words[0].reading
        told_of = {key: value for key, value in reading.to_dict().items() if key != "run"}
        return {**told_of, **made_by(sheet, job), "is_cached": is_cached}

    return read_text


def ask_text_endpoint(bench: TextBench) -> Callable[..., Answers]:
    """The endpoint `ask_text` of one page."""

    def ask_text(
        image: str, question: str, options: dict[str, Any] | None = None, recipe: dict[str, Any] | None = None,
        network: str = OWN,
    ) -> dict[str, Any]:  # fmt: skip
        """Ask the network a question about one word; its answer need not be what its reading says.

        Args:
            image: a crop of one word.
            question: in English, for example "How many e?", "What is character 3?", "Is character 2 a B?", "Is there a
                0 or an O?", "Where is the 2nd o?", "How many characters?", "Does it start with CO?".
            options: as for `read_text`.
            recipe: the `merge:` part of a recipe; nothing is the family's own mix.
            network: as for `read_text`; of the published ones "igtr-authors" alone can be asked.

        Returns:
            answer, probability, agrees (whether the reading says the same), reading, recipe, recipe_hash, seconds.
        """
        job = asked_job(bench, image, CROP, options, recipe, network)
        sheet, _ = bench.result(job)
        answer = bench.ask(job, sheet.words[0], parse_question(question))
        return {"answer": answer.text, "probability": answer.probability, "agrees": answer.agrees,
                "reading": answer.reading, **made_by(sheet, job), "seconds": dict(answer.run.seconds)}  # fmt: skip

    return ask_text


def detect_text_endpoint(bench: TextBench) -> Callable[..., Answers]:
    """The endpoint `detect_text` of one page."""

    def detect_text(
        image: str, options: dict[str, Any] | None = None, recipe: dict[str, Any] | None = None, network: str = OWN
    ) -> dict[str, Any]:
        """Find the words of a photograph and read them in reading order.

        Args:
            image: a photograph.
            options: as for `read_text`; they count for every word.
            recipe: the `merge:` part of a recipe; nothing is the family's own mix.
            network: as for `read_text`.

        Returns:
            text (a line for each line of the photograph), words (number, line, text, confidence, is_doubtful, score of
            the detector, turned, corners in pixels, clockwise from the top left, notices), detector, notices, recipe,
            recipe_hash, weights_version, seconds.
        """
        job = asked_job(bench, image, PHOTO, options, recipe, network)
        sheet, is_cached = bench.result(job)
        assert sheet.photograph is not None
        words = [{**row, "notices": [asdict(notice) for notice in word.reading.notices]}
                 for row, word in zip(sheet.photograph.rows(), sheet.words, strict=True)]  # fmt: skip
        return {"text": sheet.text, "words": words, "detector": sheet.photograph.detector,
                "notices": [asdict(notice) for notice in sheet.notices],
                **made_by(sheet, job), "is_cached": is_cached}  # fmt: skip

    return detect_text


def read_batch_endpoint(bench: TextBench) -> Callable[..., tuple[list[str], Answers]]:
    """The endpoint `read_batch` of one page."""

    def read_batch_(
        files: list[str],
        options: dict[str, Any] | None = None,
        recipe: dict[str, Any] | None = None,
        network: str = OWN,
    ) -> tuple[list[str], dict[str, Any]]:
        """Read many word crops; with a label file among them, also tell the word accuracy.

        Args:
            files: word crops or a zip of them, and if need be a label file (file name, a tab, the text per line).
            options: as for `read_text`.
            recipe: the `merge:` part of a recipe; nothing is the family's own mix.
            network: as for `read_text`.

        Returns:
            A CSV and a JSON file, and a description: crops, accuracy, right, labelled, recipe, recipe_hash, seconds.
        """
        began, job = time.perf_counter(), asked_job(bench, "", CROP, options, recipe, network)
        crops, labels = crops_and_labels(gathered(files or (), FILE_SUFFIXES))
        *_, last = in_time(read_batch(bench.reader(network), crops, labels, job.options, job.recipe))
        score = score_of(last.rows)
        return written(last.rows, job), {
            "crops": [row.to_dict() for row in last.rows],
            **({} if score is None else {"accuracy": score.accuracy, **asdict(score)}),
            **made_with(job), "seconds": {"total": time.perf_counter() - began},
        }  # fmt: skip

    read_batch_.__name__ = "read_batch"
    return read_batch_


def made_by(sheet: Sheet, job: Job) -> Answers:
    """What every answer carries: what it was made with, and how long it took."""
    runs = [word.reading.run for word in sheet.words[:1]]
    told_of = {"weights_version": runs[0].weights_version, "device": runs[0].device} if runs else {}
    return {**made_with(job), **told_of, "seconds": dict(sheet.seconds)}
