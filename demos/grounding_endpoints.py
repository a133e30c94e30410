"""The public endpoints of the grounding tab: ground, ground_batch, random_scene, describe_at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from PIL import Image

from demos.grounding_batch import ARCHIVE, batch_steps
from demos.grounding_bench import GroundingBench, Job
from demos.grounding_export import made_with
from demos.limits import in_time
from demos.steps import new_file
from demos.stills import OriginalImage
from demos.tab import told
from pipelines.grounding.query import parse_queries
from pipelines.grounding.random_scene import SceneRef, drawn, name_at
from pipelines.grounding.thresholds import Thresholds
from pipelines.merging.recipe_form import recipe_from_dict
from pipelines.shared.archives import gathered

Answers = dict[str, Any]


def add_grounding(bench: GroundingBench) -> None:
    """The endpoints need file components for uploads; they are not on the page."""
    device: dict[str, Any] = {"concurrency_id": "device", "concurrency_limit": 1}
    batch: dict[str, Any] = {"concurrency_id": "batch", "concurrency_limit": 1}
    with gr.Column(visible=False):
        image = OriginalImage(label="image", type="filepath", format="png")
        files = gr.File(label="files", file_count="multiple", file_types=["image", ".zip"])
        phrase, kind = gr.Textbox("", label="phrase"), gr.Textbox("base", label="kind")
        seed, x, y = gr.Number(0, label="seed", precision=0), gr.Number(0, label="x"), gr.Number(0, label="y")
        thresholds, recipe = gr.JSON(label="thresholds"), gr.JSON(label="recipe")
        network = gr.Textbox("", label="network")
        about, out = gr.JSON(label="about"), gr.File(label="out")
        asked = [phrase, thresholds, recipe, network]
        gr.Button("ground").click(told(ground_endpoint(bench)), [image, *asked], [about], api_name="ground", **device)
        gr.Button("ground_batch").click(told(ground_batch_endpoint(bench)), [files, *asked], [out, about],
                                        api_name="ground_batch", **batch)  # fmt: skip
        gr.Button("random_scene").click(told(random_scene), [kind, seed], [out, about], api_name="random_scene",
                                        **batch)  # fmt: skip
        gr.Button("describe_at").click(told(describe_at), [kind, seed, x, y], [about], api_name="describe_at",
                                       **batch)  # fmt: skip


def asked_job(
    bench: GroundingBench, path: str | None, phrase: str, thresholds: Mapping[str, Any] | None,
    recipe: Mapping[str, Any] | None, network: str = "",
) -> Job:  # fmt: skip
    """What a client asks for. Raises UserError and MergeError that list the known names."""
    family = bench.family
    mix = family.default if recipe is None else recipe_from_dict(recipe, family.tasks)
    bench.grounder(network)  # refused here where nobody knows it
    return Job(path or "", None, parse_queries(phrase or ""), Thresholds.from_dict(thresholds or {}), mix, network)


def ground_endpoint(bench: GroundingBench) -> Callable[..., Answers]:
    """The endpoint `ground` of one page."""

    def ground(
        image: str, phrase: str, thresholds: dict[str, Any] | None = None, recipe: dict[str, Any] | None = None,
        network: str = "",
    ) -> dict[str, Any]:  # fmt: skip
        """Find what a phrase refers to in a picture: boxes, masks, centres, and whether there is any such thing.

        Args:
            image: a picture.
            phrase: what to find, in English; several with a semicolon or a line between them. "the red mug | box mask"
                restricts what is decoded (box, mask, center, heatmap, anchor), "the red mug | none" only asks.
            thresholds: existence, centre, mask (0 to 1), most (objects per phrase, 1 to 12; default 1: one, or as
                many as the words say), overlap, least_area (0 to 1).
            recipe: the `merge:` part of a recipe; nothing is the family's own mix.
            network: a published network that is asked instead of the mix, for example "grounding-dino-tiny"; default
                "", the mix.

        Returns:
            size_wh, triplets (phrase, decode, targets), existence by phrase, objects (id, phrase, score, is_corrected
            by a person, which only the page does, and what is decoded: box_xyxy in pixels, center, mask_rle as COCO has
            it with area_share, and of box and mask consistency; none of phrases that are only asked), thresholds,
            notices, recipe, recipe_hash, weights_version, device, seconds.
        """
        job = asked_job(bench, image, phrase, thresholds, recipe, network)
        result, is_cached = bench.result(job)
        told_of = {key: value for key, value in result.to_dict().items() if key != "run"}
        run = result.run
        return {**told_of, **made_with(job), "weights_version": run.weights_version, "device": run.device,
                "seconds": dict(run.seconds), "is_cached": is_cached or run.is_cached}  # fmt: skip

    return ground


def ground_batch_endpoint(bench: GroundingBench) -> Callable[..., tuple[str, Answers]]:
    """The endpoint `ground_batch` of one page."""

    def ground_batch(
        files: list[str], phrase: str, thresholds: dict[str, Any] | None = None, recipe: dict[str, Any] | None = None,
        network: str = "",
    ) -> tuple[str, dict[str, Any]]:  # fmt: skip
        """Look for the same phrases in many pictures.

        Args:
            files: pictures, or a zip of them.
            phrase: as for `ground`.
            thresholds: as for `ground`.
            recipe: the `merge:` part of a recipe; nothing is the family's own mix.
            network: as for `ground`.

        Returns:
            A zip of masks, coco.json and objects.csv, and a description: rows (a row per object, per phrase of which
            nothing was found, and per picture that could not be read), recipe, recipe_hash, seconds.
        """
        began, out = time.perf_counter(), new_file(ARCHIVE)
        job = asked_job(bench, "", phrase, thresholds, recipe, network)
        *_, last = in_time(batch_steps(bench, gathered(files or ()), job, out))
        seconds = {"total": time.perf_counter() - began}
        return str(out), {"rows": [dict(row) for row in last.rows], **made_with(job), "seconds": seconds}

    return ground_batch


def random_scene(kind: str = "base", seed: int = 0) -> tuple[str, dict[str, Any]]:
    """Draw a generated scene, with expressions about it and their answers.

    Args:
        kind: which kind of scene, for example base, attribute, relation, ordinal, photo, refuse; default "base".
        seed: which one, a whole number; default 0. The same kind and seed give the same scene.

    Returns:
        The picture as PNG, and a description: kind, seed, size_wh, boxes_xyxy of all things in pixels, expressions
        (text, kind, targets and anchors as numbers of boxes from 0).
    """
    scene = SceneRef(kind, seed)
    found, out = drawn(scene), new_file(scene.name)
    Image.fromarray(found.pixels).save(out)
    height, width = found.pixels.shape[:2]
    return str(out), {
        "kind": kind, "seed": seed, "size_wh": [width, height], "boxes_xyxy": found.boxes_xyxy.tolist(),
        "expressions": [{"text": one.text, "kind": one.kind, "targets": list(one.targets),
                         "anchors": list(one.anchors)} for one in found.phrases],
    }  # fmt: skip


def describe_at(kind: str = "base", seed: int = 0, x: float = 0, y: float = 0) -> dict[str, Any]:
    """Name what stands at a point of a generated scene, in few words that mean it alone.

    Args:
        kind: as for `random_scene`; default "base".
        seed: as for `random_scene`; default 0.
        x: from the left, pixels; default 0.
        y: from the top, pixels; default 0.

    Returns:
        expression; null where there is only the ground, or a thing that nothing tells from the others in few words.
    """
    return {"expression": name_at(SceneRef(kind, seed), (int(x), int(y)))}
