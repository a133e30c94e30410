"""The page's public endpoints: fuse, merge_info, validate_recipe, status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from demos.fusion_bench import FusionBench, Job
from demos.fusion_export import document_of, write_export
from demos.status import status_of
from demos.tab import Workshop, told
from pipelines.fusion.options import FusionOptions
from pipelines.merging.recipe import recipe_from_dict, recipe_hash, recipe_to_dict
from pipelines.merging.registry import METHODS
from pipelines.registry import FAMILIES, family


def add_endpoints(workshop: Workshop, bench: FusionBench) -> None:
    """Add them to the page that is being built."""
    beside: dict[str, Any] = {"queue": False}
    gr.api(told(merge_info), api_name="merge_info", **beside)
    gr.api(told(validate_recipe), api_name="validate_recipe", **beside)
    gr.api(status_endpoint(workshop), api_name="status", **beside)
    add_fuse(fuse_endpoint(bench))


def merge_info() -> dict[str, Any]:
    """List the families, their experts, and every merge method with its settings, ranges and defaults.

    Returns:
        {"families": [...], "methods": [...]}, all plain values.
    """
    return {
        "families": [
            {"name": one.name, "pipeline": one.pipeline, "tier": one.tier, "paper": one.paper,
             "experts": {task: spec.task for task, spec in one.experts.items()},
             "stages": [block.name for block in one.blocks], "default": recipe_to_dict(one.default)}
            for one in FAMILIES
        ],
        "methods": [
            {"name": one.name, "title": one.title, "group": one.group, "paper": one.paper, "formula": one.formula,
             "default_scale": one.default_scale, "masks": list(one.masks),
             "settings": [{"name": item.name, "default": item.default, "minimum": item.minimum,
                           "maximum": item.maximum, "choices": list(item.choices), "meaning": item.meaning}
                          for item in one.settings]}
            for one in METHODS
        ],
    }  # fmt: skip


def validate_recipe(recipe: dict, family_name: str = "fusenet") -> dict:  # type: ignore[type-arg]
    """Check the `merge:` part of a recipe and give it back with all defaults filled in.

    Args:
        recipe: for example {"vector": {"method": "ties", "density": 0.2}, "weights": {"mef": 1.0}, "scale": 0.4}.
        family_name: which family it mixes; default "fusenet".

    Returns:
        {"recipe": the complete recipe, "recipe_hash": 64 hexadecimal digits}. Unknown names are errors that list the
        known ones.
    """
    checked = recipe_from_dict(recipe, family(family_name).tasks)
    return {"recipe": recipe_to_dict(checked), "recipe_hash": recipe_hash(checked)}


def status_endpoint(workshop: Workshop) -> Callable[[], dict[str, Any]]:
    """The endpoint `status` of one page."""

    def status() -> dict[str, Any]:
        """Tell the device, the memory in use, and the cache's hits and misses.

        Returns:
            device, memory, models, merged, hits, misses, evictions.
        """
        return status_of(workshop)

    return status


def fuse_endpoint(bench: FusionBench) -> Callable[..., tuple[str, dict[str, Any]]]:
    """The endpoint `fuse` of one page."""

    def fuse(
        first: str, second: str, third: str | None = None, task: str = "ivis", engine: str = "net",
        options: dict[str, Any] | None = None, recipe: dict[str, Any] | None = None,
    ) -> tuple[str, dict[str, Any]]:  # fmt: skip
        """Fuse two or three frames of one scene into one picture.

        Args:
            first: thermal frame, MRI slice, or any exposure or focus frame.
            second: visible frame, CT, PET or SPECT slice, or another exposure or focus frame.
            third: one more exposure or focus frame, or nothing.
            task: "ivis" (infrared and visible), "mef" (exposures), "mff" (focus) or "med" (medical); default "ivis".
            engine: "net", "lut", "average", "max", "laplacian", "gff" or "mertens"; default "net".
            options: further options by name: detail, residual, saturation, gains, deghost, polarity, operator.
            recipe: the `merge:` part of a recipe; nothing is the family's own mix.

        Returns:
            The fused picture, a PNG with its recipe inside, and a description: recipe, recipe_hash, weights_version,
            seconds, device.
        """
        fusenet = family("fusenet")
        mix = fusenet.default if recipe is None else recipe_from_dict(recipe, fusenet.tasks)
        chosen = replace(FusionOptions.from_dict(options or {}), task=task, engine=engine)
        job = Job(tuple(path for path in (first, second, third) if path), chosen, mix)
        return answer(bench, job, fusenet.name)

    return fuse


def answer(bench: FusionBench, job: Job, name: str) -> tuple[str, dict[str, Any]]:
    """A job's picture as a file, and what made it."""
    from pipelines.shared.recipe_file import dump_yaml

    result, is_cached = bench.result(job)
    folder = Path(get_upload_folder())
    picture, _ = write_export(result.fused, dump_yaml(document_of(job, bench.frames(job), name)), job.key[:8], folder)
    run = result.run
    return picture, {
        "recipe": run.recipe, "recipe_hash": run.recipe_hash, "weights_version": run.weights_version,
        "seconds": dict(run.seconds), "device": run.device, "is_cached": is_cached,
    }  # fmt: skip


def add_fuse(fuse: Callable[..., Any]) -> None:
    """`fuse` needs file components for uploads; they are not on the page."""
    with gr.Column(visible=False):
        files = [gr.File(label=name, file_types=["image"]) for name in ("first", "second", "third")]
        task, engine = gr.Textbox("ivis", label="task"), gr.Textbox("net", label="engine")
        options, recipe = gr.JSON(label="options"), gr.JSON(label="recipe")
        picture, about = gr.File(label="fused"), gr.JSON(label="about")
        gr.Button("fuse").click(told(fuse), [*files, task, engine, options, recipe], [picture, about], api_name="fuse",
                                concurrency_id="device", concurrency_limit=1)
