"""The public endpoints of the fusion tab: fuse, fuse_batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from demos.exports import write_export
from demos.fusion_batch import ARCHIVE, batch_steps
from demos.fusion_bench import FusionBench, Job
from demos.fusion_export import document_of
from demos.limits import in_time
from demos.steps import new_file
from demos.tab import told
from pipelines.fusion.registration import split
from pipelines.merging.recipe_form import recipe_from_dict, recipe_hash, recipe_to_dict
from pipelines.registry import family
from pipelines.shared.archives import gathered
from pipelines.shared.images import FOREIGN_SUFFIXES
from pipelines.shared.recipe_file import mapping


def fuse_endpoint(bench: FusionBench) -> Callable[..., tuple[str, dict[str, Any]]]:
    """The endpoint `fuse` of one page."""

    def fuse(
        first: str, second: str, third: str | None = None, fourth: str | None = None, fifth: str | None = None,
        sixth: str | None = None, task: str = "ivis", engine: str = "net", options: dict[str, Any] | None = None,
        recipe: dict[str, Any] | None = None,
    ) -> tuple[str, dict[str, Any]]:  # fmt: skip
        """Fuse two to six frames of one scene into one picture.

        Args:
            first: thermal frame, MRI slice, or any exposure or focus frame.
            second: visible frame, CT, PET or SPECT slice, or another exposure or focus frame.
            third: one more exposure or focus frame, or nothing.
            fourth: one more exposure, or nothing.
            fifth: one more exposure, or nothing.
            sixth: one more exposure, or nothing.
            task: "ivis" (infrared and visible), "mef" (exposures), "mff" (focus) or "med" (medical); default "ivis".
            engine: "net", "lut", "average", "max", "laplacian", "gff" or "mertens"; default "net".
            options: further options by the names that a recipe of the page has, for example detail, residual,
                saturation, gains, deghost, polarity, operator, align.
            recipe: the `merge:` part of a recipe; nothing is the family's own mix.

        Returns:
            The fused picture, a PNG with its recipe inside, and a description: notices (what was done to the frames,
            and warnings), recipe, recipe_hash, weights_version, seconds, device.
        """
        paths = tuple(path for path in (first, second, third, fourth, fifth, sixth) if path)
        return answer(bench, asked_job(paths, task, engine, options, recipe))

    return fuse


def fuse_batch_endpoint(bench: FusionBench) -> Callable[..., tuple[str, dict[str, Any]]]:
    """The endpoint `fuse_batch` of one page."""

    def fuse_batch(
        files: list[str], task: str = "ivis", engine: str = "net", options: dict[str, Any] | None = None,
        recipe: dict[str, Any] | None = None,
    ) -> tuple[str, dict[str, Any]]:  # fmt: skip
        """Fuse many scenes: frames are matched by name, and every name that fits no other is listed.

        Args:
            files: a zip, or pictures named like street_ir.png and street_vis.png, room_A.png and room_B.png, or with a
                number at the end.
            task: "ivis" (infrared and visible), "mef" (exposures), "mff" (focus) or "med" (medical); default "ivis".
            engine: "net", "lut", "average", "max", "laplacian", "gff" or "mertens"; default "net".
            options: further options by name, as for `fuse`.
            recipe: the `merge:` part of a recipe; nothing is the family's own mix.

        Returns:
            A zip with a PNG per scene and metrics.csv, and a description: scenes, unmatched, problems and notices by
            scene, recipe, recipe_hash, seconds.
        """
        job = asked_job((), task, engine, options, recipe)
        return batch_answer(bench, gathered(files or ()), job)

    return fuse_batch


def asked_job(
    paths: tuple[str, ...], task: str, engine: str, options: dict[str, Any] | None, recipe: dict[str, Any] | None
) -> Job:
    """What a client asks for. Raises UserError and MergeError that list the known names."""
    fusenet = family("fusenet")
    mix = fusenet.default if recipe is None else recipe_from_dict(recipe, fusenet.tasks)
    chosen, placement = split({**mapping("options", options or {}), "task": task, "engine": engine})
    return Job(paths, chosen, mix, placement)


def answer(bench: FusionBench, job: Job) -> tuple[str, dict[str, Any]]:
    """A job's picture as a file, and what made it."""
    from pipelines.shared.recipe_file import document_hash, dump_yaml

    result, is_cached = bench.result(job)
    document = document_of(job, bench.frames(job), "fusenet", bench.cache.assets)
    mark, folder = document_hash(document)[:8], Path(get_upload_folder())
    picture, _ = write_export("fusion", result.picture, dump_yaml(document), mark, folder)
    run = result.run  # of another caller's mix, where the engine takes none
    return picture, {
        "notices": [asdict(notice) for notice in result.notices],
        "recipe": recipe_to_dict(job.recipe), "recipe_hash": recipe_hash(job.recipe),
        "weights_version": run.weights_version, "seconds": dict(run.seconds), "device": run.device,
        "is_cached": is_cached,
    }  # fmt: skip


def batch_answer(bench: FusionBench, files: dict[str, bytes], job: Job) -> tuple[str, dict[str, Any]]:
    """The zip of a whole batch, and what is in it."""
    import time

    from pipelines.fusion.batch import match_pairs

    began, out = time.perf_counter(), new_file(ARCHIVE)
    steps = list(in_time(batch_steps(bench, files, job, out)))
    return str(out), {
        "scenes": [step.stem for step in steps], "unmatched": list(match_pairs(tuple(files)).unmatched),
        "problems": {step.stem: step.problem for step in steps if step.problem},
        "notices": {step.stem: [asdict(notice) for notice in step.notices] for step in steps if step.notices},
        "recipe": recipe_to_dict(job.recipe), "recipe_hash": recipe_hash(job.recipe),
        "seconds": {"total": time.perf_counter() - began},
    }  # fmt: skip


def add_fuse(fuse: Callable[..., Any], fuse_batch: Callable[..., Any]) -> None:
    """Both need file components for uploads; they are not on the page."""
    names = ("first", "second", "third", "fourth", "fifth", "sixth")
    with gr.Column(visible=False):
        frames = [gr.File(label=name, file_types=["image", *FOREIGN_SUFFIXES]) for name in names]
        files = gr.File(label="files", file_count="multiple", file_types=["image", ".zip"])
        task, engine = gr.Textbox("ivis", label="task"), gr.Textbox("net", label="engine")
        options, recipe = gr.JSON(label="options"), gr.JSON(label="recipe")
        output, about = gr.File(label="output"), gr.JSON(label="about")
        settings = [task, engine, options, recipe]
        gr.Button("fuse").click(
            told(fuse),
            [*frames, *settings],
            [output, about],
            api_name="fuse",
            concurrency_id="device",
            concurrency_limit=1,
        )
        gr.Button("fuse_batch").click(
            told(fuse_batch),
            [files, *settings],
            [output, about],
            api_name="fuse_batch",
            concurrency_id="batch",
            concurrency_limit=1,
        )
