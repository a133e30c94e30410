"""The public endpoints that belong to no tab: merge_info, validate_recipe, status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from demos.status import status_of
from demos.tab import Workshop, told
from pipelines.merging.recipe_form import recipe_from_dict, recipe_hash, recipe_to_dict
from pipelines.merging.registry import METHODS, OFFLINE
from pipelines.registry import FAMILIES, family


def add_endpoints(workshop: Workshop) -> None:
    """Add them to the page that is being built."""
    beside: dict[str, Any] = {"queue": False}
    gr.api(told(merge_info), api_name="merge_info", **beside)
    gr.api(told(validate_recipe), api_name="validate_recipe", **beside)
    gr.api(status_endpoint(workshop), api_name="status", **beside)


def merge_info() -> dict[str, Any]:
    """List the families, their experts, and every merge method with its settings, ranges and defaults.

    Returns:
        {"families": [...], "methods": [...], "offline": [...]}, all plain values; the last need data, and say which.
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
        "offline": [{"name": one.name, "title": one.title, "paper": one.paper, "needs": one.needs} for one in OFFLINE],
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
        """Tell the device, the memory in use, and what the cache holds and has done.

        Returns:
            device, memory, models, merged (bytes held, in words) and budget (how many may be), hits, misses, loads,
            load_ms, merge_ms, run_ms (sums), evictions, queue (runs that wait).
        """
        return status_of(workshop)

    return status
