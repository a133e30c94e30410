"""Recipes of mergekit (arXiv:2403.13257), read and written, with a report of what is kept exactly and what is not.

A configuration and a result are plain mappings: reading and writing YAML is the caller's part.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.merging.errors import MergeError
from pipelines.merging.mergekit_export import write_method
from pipelines.merging.mergekit_methods import DROPPED, EXACT, FROM_MERGEKIT, LOSSY, ULP, read_method
from pipelines.merging.mergekit_reading import Reading
from pipelines.merging.mergekit_values import layers_of
from pipelines.merging.recipe import MergeRecipe, check_recipe

KNOWN = ("models", "slices", "modules", "merge_method", "base_model", "parameters", "dtype", "out_dtype", "tokenizer",
         "tokenizer_source", "chat_template", "name")  # fmt: skip
WITHOUT_BASE = ("linear", "karcher")
WITHOUT_EFFECT = {"int8_mask": "only saves memory there", "chat_template": "text, not weights"}
ROUNDING = {"float64": 2**-53, "float32": 2**-24, "float16": 2**-11, "bfloat16": 2**-8}  # half an ulp of 1
ADAPTER = "+"  # base+adapter_folder is the base with an adapter folded in
FOLDED = "there the adapter is folded into the base first, and rounded to its dtype"
ONCE = "sums are float32 here and rounded once"


@dataclass(frozen=True)
class Fidelity:
    """What became of one field: grade is "exact", "≤1 ulp", "lossy" or "dropped"."""

    field: str
    grade: str
    note: str = ""


@dataclass(frozen=True)
class Imported:
    """A configuration as a recipe.

    Attributes:
        base: path or Hub id of the base checkpoint.
        experts: name -> path or Hub id, in the order of the configuration; "base+folder" is an adapter of the base.
        report: a line for each field.
    """

    base: str
    experts: Mapping[str, str]
    recipe: MergeRecipe
    report: tuple[Fidelity, ...]


def is_mergekit(document: Any) -> bool:
    """Whether a document is one of mergekit's."""
    return isinstance(document, Mapping) and "merge_method" in document


def import_mergekit(
    config: Mapping[str, Any], keys: Sequence[str] | None = None, dtypes: Collection[str] = ()
) -> Imported:
    """Read a configuration.

    Args:
        config: one document.
        keys: names of the base's tensors in order; needed for gradients and for slices only.
        dtypes: those of the base's floats, such as "bfloat16"; empty where they are not known.

    Raises:
        MergeError: a field or method that cannot be expressed, such as stacked layers; says which and why.
    """
    if unknown := [str(key) for key in config if key not in KNOWN]:
        raise MergeError(f"unknown fields {', '.join(unknown)}; known are {', '.join(KNOWN)}")
    name = str(config.get("merge_method"))
    if name not in FROM_MERGEKIT:
        hint = "it changes the depth of the network" if name == "passthrough" else f"{', '.join(FROM_MERGEKIT)} are"
        raise MergeError(f'merge_method "{name}" cannot be imported: {hint}')
    reading = _reading(config, keys)
    recipe, notes = read_method(name, reading)
    check_recipe(recipe, tuple(reading.experts))
    report = tuple(Fidelity(field, grade, note) for field, (grade, note) in notes.items())
    experts = {task: reading.experts[task] for task, _ in recipe.coefficients}
    report = (*report, *_adapters(experts))
    return Imported(reading.base, experts, recipe, (*report, *_dtype_fields(config, dtypes), *_other_fields(config)))


def export_mergekit(
    recipe: MergeRecipe, base: str, experts: Mapping[str, str], keys: Sequence[str], dtypes: Collection[str] = ()
) -> tuple[dict[str, Any], tuple[Fidelity, ...]]:
    """Write a configuration.

    Args:
        base, experts: paths or Hub ids; name -> path, "base+folder" for an adapter of the base.
        keys: names of the tensors that are merged; filters are made so that each has its own value.
        dtypes: those of the base's floats, which the merge has here. Where it is one, it is asked for; else float32.

    Raises:
        MergeError: masks, or a method without a counterpart: store the network instead and use `frozen`.
    """
    if recipe.masks.mode != "off":
        raise MergeError("masks have no counterpart in mergekit: merge to a checkpoint, and pass that one through "
                         "(merge --freeze)")  # fmt: skip
    heard = {task: path for task, path in experts.items() if recipe.coefficient(task) != 0}
    if not heard:
        raise MergeError("no expert is raised: there is nothing to export")
    body, notes = write_method(recipe, base, heard, keys)
    report = [Fidelity(field, grade, note) for field, (grade, note) in notes.items()]
    report += [
        Fidelity(f"experts.{task}", EXACT, "its coefficient is 0: left out, since there 0 counts as missing")
        for task in experts
        if task not in heard
    ]
    report += _adapters(heard)
    if recipe.muted or recipe.soloed or recipe.negated:
        report.append(Fidelity("muted, soloed, negated", EXACT, "worked into the weights"))
    several = f"{', '.join(sorted(dtypes))} here, as in the base; there one for all: float32"
    report.append(Fidelity("dtype", LOSSY, several) if len(dtypes) > 1 else Fidelity("dtype", ULP, ONCE))
    only = next(iter(dtypes)) if len(dtypes) == 1 else "float32"
    out = {"out_dtype": only} if only in ("float16", "bfloat16") else {}
    return {**body, "dtype": "float32", **out}, tuple(report)


def frozen(path: str) -> dict[str, Any]:
    """The configuration that passes one finished checkpoint through, in its own dtypes."""
    return {"merge_method": "passthrough", "models": [{"model": path}]}


def base_of(config: Mapping[str, Any]) -> str:
    """Path or Hub id of the base; where none is named, what an adapter changes, or the first model, stands in for it.

    Raises:
        MergeError: an adapter is added to it.
    """
    if config.get("base_model"):
        base = _path(config["base_model"])
        if ADAPTER in base:
            raise MergeError(f"base_model {base} adds an adapter: fold it into a checkpoint first")
        return base
    paths: list[str] = [source["model"] for source in _slices(_module(config))[0]["sources"]]
    return next((path for path in paths if ADAPTER in path), paths[0]).partition(ADAPTER)[0]


def _reading(config: Mapping[str, Any], keys: Sequence[str] | None) -> Reading:
    module = _module(config)
    outer = [_parameters(module)] + ([_parameters(config)] if module is not config else [])
    slices = _slices(module)
    _check_depth(slices, keys)
    base = base_of(config)
    paths = [source["model"] for one in slices for source in one["sources"]]
    for path in paths:
        if ADAPTER in path and path.partition(ADAPTER)[0] != base:
            raise MergeError(f"model {path} adds an adapter to another model than the base {base}: only adapters of "
                             "the base are merged; fold this one into a checkpoint first")  # fmt: skip
    if config.get("base_model") and config.get("merge_method") in WITHOUT_BASE:
        paths.append(base)  # there a base is one more model
    return Reading(base, _named(dict.fromkeys(paths)), slices, outer, keys, bool(config.get("base_model")))


def _module(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The level that holds models or slices."""
    forms = [form for form in ("models", "slices", "modules") if config.get(form)]
    if len(forms) != 1:
        raise MergeError(f"exactly one of models, slices and modules is expected, got {', '.join(forms) or 'none'}")
    if forms != ["modules"]:
        return config
    modules = config["modules"]
    if not isinstance(modules, Mapping) or len(modules) != 1:
        raise MergeError(f"{len(modules)} modules: only configurations of one module are imported")
    return _mapping("the module", next(iter(modules.values())))


def _slices(module: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Slices in order; a list of models is one slice of every layer."""
    if module.get("models"):
        return [{"sources": _sources(module["models"]), "layers": None}]
    slices: list[Mapping[str, Any]] = []
    at = 0
    for one in _list("slices", module.get("slices")):
        sources = _sources(_mapping("a slice", one).get("sources"))
        ranges = {_layers(source) for source in sources}
        if len(ranges) != 1 or min(ranges)[0] != at:
            raise MergeError(
                f"slices with layers {sorted(ranges)} after layer {at}: layers are stacked, left out or mixed with "
                "others, which changes the network; only slices that follow one another from layer 0 are imported"
            )
        layers = min(ranges)
        at = layers[1]
        slices.append({"parameters": _parameters(one), "sources": sources, "layers": layers})
    return slices


def _check_depth(slices: Sequence[Mapping[str, Any]], keys: Sequence[str] | None) -> None:
    """Refuse slices that do not end where the base does."""
    layers = slices[-1]["layers"]
    if layers is None:
        return
    if keys is None:
        raise MergeError("slices: the base checkpoint must be at hand to see whether they hold all of its layers")
    count = 1 + max(layers_of(keys).values(), default=-1)
    if layers[1] != count:
        raise MergeError(
            f"slices end at layer {layers[1]}, the base has {count} layers: that changes the network; only slices that "
            f"together have the layer_range [0, {count}] are imported"
        )


def _sources(value: Any) -> list[Mapping[str, Any]]:
    sources = [_mapping("a model", one) for one in _list("models", value)]
    return [{**one, "model": _path(one.get("model")), "parameters": _parameters(one)} for one in sources]


def _layers(source: Mapping[str, Any]) -> tuple[int, int]:
    found = source.get("layer_range")
    if not isinstance(found, list | tuple) or len(found) != 2 or not all(isinstance(one, int) for one in found):
        raise MergeError(f"layer_range is {found!r}: two whole numbers are expected")
    return found[0], found[1]


def _parameters(level: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping("parameters", level.get("parameters") or {})


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise MergeError(f"{name} should be a mapping of names to values, got {value!r}")
    return value


def _list(name: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple) or not value:
        raise MergeError(f"{name} should be a list that is not empty, got {value!r}")
    return value


def _path(model: Any) -> str:
    if not isinstance(model, str):
        raise MergeError(f"a model is {model!r}: the path of a checkpoint is expected")
    if model.count(ADAPTER) > 1 or not all(model.split(ADAPTER)):
        raise MergeError(f"a model is {model!r}: a model, or a model, + and the folder of one adapter, is expected")
    return model


def _named(paths: Mapping[str, None]) -> dict[str, str]:
    """A short name for every path: the end of it, with a number where two end alike."""
    named: dict[str, str] = {}
    for path in paths:
        own = path.rpartition(ADAPTER)[2].split("@")[0]
        short = own.rstrip("/").rsplit("/", 1)[-1].removesuffix(".safetensors") or "model"
        name, count = short, 2
        while name in named:
            name, count = f"{short}-{count}", count + 1
        named[name] = path
    return named


def _adapters(experts: Mapping[str, str]) -> list[Fidelity]:
    return [Fidelity(f"experts.{task}", ULP, FOLDED) for task, path in experts.items() if ADAPTER in path]


def _dtype_fields(config: Mapping[str, Any], dtypes: Collection[str]) -> list[Fidelity]:
    """There dtype is that of every step, out_dtype that of the file; without it, dtype is."""
    report = []
    for field in (field for field in ("dtype", "out_dtype") if config.get(field)):
        name, notes = str(config[field]).removeprefix("torch."), []
        if name not in ROUNDING:
            raise MergeError(f"{field} is {config[field]!r}: {', '.join(ROUNDING)} are known")
        if field == "dtype" and ROUNDING[name] > ROUNDING["float32"]:
            notes.append(
                f"there each step is rounded, by up to {ROUNDING[name]:.1g} of the value; here one float32 sum"
            )
        if (field == "out_dtype" or not config.get("out_dtype")) and set(dtypes) != {name}:
            most = max(ROUNDING[one] for one in (name, *dtypes))
            ours = f"{', '.join(sorted(dtypes))}: off by up to {most:.1g} of a weight" if dtypes else "not at hand"
            notes.append(f"the file is {name} there and has the dtypes of the base here, {ours}")
        report.append(Fidelity(field, LOSSY if notes else ULP, "; ".join(notes) or ONCE))
    return report


def _other_fields(config: Mapping[str, Any]) -> list[Fidelity]:
    report = []
    for field in ("tokenizer", "tokenizer_source"):
        if config.get(field):
            grade = EXACT if config[field] == "base" else DROPPED
            report.append(Fidelity(field, grade, "vocabularies are not merged: all must have that of the base"))
    for field, note in WITHOUT_EFFECT.items():
        if field in config or field in _parameters(config):
            report.append(Fidelity(field, DROPPED, note))
    return report
