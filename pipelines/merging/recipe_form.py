"""Recipes as plain lists, mappings, numbers and texts, for YAML and JSON, and back; and the hash of that form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pipelines.merging.errors import MergeError
from pipelines.merging.method import MergeMethod
from pipelines.merging.recipe import (
    DEFAULT_THRESHOLD,
    BlockRule,
    DensityRule,
    MaskChoice,
    MergeRecipe,
    check_recipe,
)
from pipelines.merging.registry import method as method_named
from pipelines.merging.values import entries, mapping, number, numbers, text, texts

DENSITY_KEYS = ("match", "expert", "density")


def recipe_to_dict(recipe: MergeRecipe) -> dict[str, Any]:
    """The recipe as plain lists, mappings, numbers and texts, for YAML and JSON; defaults filled in."""
    masks = recipe.masks
    return {
        "vector": {"method": recipe.method, **recipe.full_settings()},
        "weights": dict(recipe.coefficients),
        "scale": recipe.scale,
        "masks": {
            "mode": masks.mode,
            "tasks": list(masks.tasks),
            "lambda": dict(masks.thresholds),
            "k": masks.votes,
            "compare": masks.compare,
            "on_mute": masks.on_mute,
        },
        "blocks": [{"match": rule.match, "factor": rule.factor, "expert": rule.expert} for rule in recipe.blocks],
        "muted": list(recipe.muted),
        "soloed": list(recipe.soloed),
        "negated": list(recipe.negated),
        **({"densities": [asdict(rule) for rule in recipe.densities]} if recipe.densities else {}),
    }


def recipe_from_dict(document: Mapping[str, Any], tasks: Sequence[str] | None = None) -> MergeRecipe:
    """The inverse of recipe_to_dict; what is missing has its default.

    Args:
        document: form of recipe_to_dict, read from a file or a request.
        tasks: the experts there are; None leaves their names unchecked.

    Raises:
        MergeError: an unknown key, method, setting or expert (the message lists the known ones), a value of the wrong
            type or out of range.
    """
    known = ("vector", "weights", "scale", "masks", "blocks", "muted", "soloed", "negated", "densities")
    document = mapping("merge", document, known)
    vector = dict(mapping("vector", document.get("vector", {})))
    name = text("vector.method", vector.pop("method", MergeRecipe.method))
    method = method_named(name)
    recipe = MergeRecipe(
        method=name,
        coefficients=numbers("weights", document.get("weights", {})),
        scale=number("scale", document.get("scale", method.default_scale)),
        settings=tuple((key, _setting_value(key, value)) for key, value in vector.items()),
        masks=_masks_from(document.get("masks", {}), method),
        blocks=tuple(_rule_from(entry) for entry in entries("blocks", document.get("blocks", []))),
        **{key: texts(key, document.get(key, [])) for key in ("muted", "soloed", "negated")},
        densities=tuple(_density_from(entry) for entry in entries("densities", document.get("densities", []))),
    )
    check_recipe(recipe, tasks)
    return recipe


def recipe_hash(recipe: MergeRecipe) -> str:
    """SHA-256 of the canonical form, 64 hex digits: recipes that mean the same merge have the same one."""
    return hash_of(canonical(recipe))


def canonical(recipe: MergeRecipe) -> dict[str, Any]:
    """The form of recipe_to_dict that is the same for all recipes that mean the same merge.

    Defaults filled in, coefficients of 0 and thresholds at their default left out, sets of experts sorted. The order of
    block rules stays: the first that matches wins.
    """
    form = recipe_to_dict(recipe)
    form["weights"] = {task: value for task, value in form["weights"].items() if value != 0}
    masks = form["masks"]
    masks["lambda"] = {task: value for task, value in masks["lambda"].items() if value != DEFAULT_THRESHOLD}
    masks["tasks"] = sorted(set(masks["tasks"]))
    for key in ("muted", "soloed", "negated"):
        form[key] = sorted(set(form[key]))
    return form


def hash_of(form: Mapping[str, Any]) -> str:
    """SHA-256 of lists, mappings, numbers (as floats) and texts, 64 hex digits, whatever the order of keys."""
    written = json.dumps(_as_floats(form), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(written.encode()).hexdigest()


def _as_floats(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_floats(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_as_floats(entry) for entry in value]
    return float(value) + 0.0 if isinstance(value, int | float) else value  # + 0.0 turns -0.0 into 0.0


def _masks_from(entry: Any, method: MergeMethod) -> MaskChoice:
    entry = mapping("masks", entry, ("mode", "tasks", "lambda", "k", "compare", "on_mute"))
    votes = number("masks.k", entry.get("k", MaskChoice.votes))
    if votes != int(votes):
        raise MergeError(f"masks.k is {votes}, it must be a whole number of votes")
    return MaskChoice(
        mode=text("masks.mode", entry.get("mode", method.masks[0])),
        tasks=texts("masks.tasks", entry.get("tasks", [])),
        thresholds=numbers("masks.lambda", entry.get("lambda", {})),
        votes=int(votes),
        compare=text("masks.compare", entry.get("compare", MaskChoice.compare)),
        on_mute=text("masks.on_mute", entry.get("on_mute", MaskChoice.on_mute)),
    )


def _rule_from(entry: Any) -> BlockRule:
    entry = mapping("a block rule", entry, ("match", "factor", "expert"))
    for key in ("match", "factor"):
        if key not in entry:
            raise MergeError(f'a block rule lacks "{key}": write match, factor and, for one expert only, expert')
    expert = entry.get("expert")
    return BlockRule(
        match=text("blocks.match", entry["match"]),
        factor=number("blocks.factor", entry["factor"]),
        expert=None if expert is None else text("blocks.expert", expert),
    )


def _density_from(entry: Any) -> DensityRule:
    entry = mapping("a density rule", entry, DENSITY_KEYS)
    if lacking := [key for key in DENSITY_KEYS if key not in entry]:
        raise MergeError(f"a density rule lacks {', '.join(lacking)}: write {', '.join(DENSITY_KEYS)}")
    match, expert = (text(f"densities.{key}", entry[key]) for key in ("match", "expert"))
    return DensityRule(match, expert, number("densities.density", entry["density"]))


def _setting_value(name: str, value: Any) -> float | str:
    return value if isinstance(value, str) else number(f"vector.{name}", value)
