"""Recipe documents: what goes into files, figures and links, as YAML or JSON; strict and bounded.

One document is one tab's state: pipeline and family, the merge, the tab's own options, the hashes of its inputs and of
the weights that were merged.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from pipelines.merging.errors import MergeError
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_from_dict, recipe_to_dict
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily

if TYPE_CHECKING:
    import yaml

VERSION = 1
MOST_CHARACTERS = 1_000_000
DEEPEST = 8
PLAIN_VALUES = (  # YAML 1.2, core schema: tag, pattern, first characters
    ("null", r"~|null|Null|NULL", "~nN"),
    ("null", r"", ""),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
)
KEYS = ("mixdeck_recipe", "pipeline", "family", "weights", "merge", "options", "inputs")
MOST_NETWORKS = 8  # whose weights one result may name


@dataclass(frozen=True)
class InputRef:
    """One input of a run: its file name (no folder) and the hash of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True)
class RecipeDocument:
    """Everything that makes a result again, apart from the inputs' pixels.

    Attributes:
        weights: family -> `weights_hash` of what made the result; empty where it is not told, as in documents of old.
    """

    pipeline: str
    family: str
    recipe: MergeRecipe
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[InputRef, ...] = ()
    weights: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "mixdeck_recipe": VERSION,
            "pipeline": self.pipeline,
            "family": self.family,
            **({"weights": dict(self.weights)} if self.weights else {}),
            "merge": recipe_to_dict(self.recipe),
            "options": _plain(self.options),
            "inputs": [{"name": one.name, "sha256": one.sha256} for one in self.inputs],
        }


def dump_yaml(document: RecipeDocument) -> str:
    """The document as YAML 1.2 text, keys in a fixed order; equal documents give equal text."""
    import yaml

    text = yaml.dump(document.to_dict(), Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=100)
    return str(text)


def document_hash(document: RecipeDocument) -> str:
    """SHA-256 of the canonical JSON form, 64 hex digits."""
    canonical = json.dumps(document.to_dict(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def parse_document(text: str, families: Iterable[ModelFamily]) -> tuple[RecipeDocument, tuple[str, ...]]:
    """Read YAML or JSON text.

    Returns:
        the document, and one line for each thing that could not be restored (an expert that is not installed).

    Raises:
        UserError: not a recipe, too long, too deep, another version, an unknown key, family or value.
    """
    values = mapping("the recipe", parse_text(text))
    if values.get("mixdeck_recipe") != VERSION:
        raise UserError(
            f"This is not a Mixdeck recipe of version {VERSION}: its first key must be `mixdeck_recipe: {VERSION}`.",
            title="Not a recipe",
        )
    if unknown := [str(key) for key in values if key not in KEYS]:
        raise UserError(f"Unknown keys in the recipe: {', '.join(unknown)}; known are {', '.join(KEYS)}.")
    family = _family(values.get("family"), families)
    if values.get("pipeline") != family.pipeline:
        raise UserError(f"Pipeline {values.get('pipeline')!r}; family {family.name} belongs to {family.pipeline!r}.")
    merge, report = _without_strangers(mapping("merge", values.get("merge", {})), family)
    try:
        recipe = recipe_from_dict(merge, family.tasks)
    except MergeError as error:
        raise UserError(str(error), title="The recipe does not fit") from error
    options = mapping("options", values.get("options") or {})
    inputs, weights = _inputs(values.get("inputs") or []), told_weights(values.get("weights") or {})
    return RecipeDocument(family.pipeline, family.name, recipe, options, inputs, weights), report


def parse_text(text: str) -> Any:
    """Values of a YAML or JSON text. Raises UserError: too long or deep, with anchors, two documents, or neither."""
    import yaml

    if len(text) > MOST_CHARACTERS:
        raise UserError(f"A recipe has at most {MOST_CHARACTERS:,} characters; this one has {len(text):,}.")
    try:
        has_anchors = _has_anchors(text)
        values = None if has_anchors else yaml.load(text, _yaml_1_2())  # a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(_unreadable(error), title="Cannot read this recipe") from error
    if has_anchors:
        raise UserError("A recipe uses no YAML anchors or aliases; write the values out.")
    _check_depth(values)
    return values


def _has_anchors(text: str) -> bool:
    """Before anything is built: a few aliases of aliases would fill the memory."""
    import yaml

    if "&" not in text and "*" not in text:  # most recipes; a word list is not scanned twice
        return False
    return any(isinstance(token, yaml.AnchorToken | yaml.AliasToken) for token in yaml.scan(text, yaml.SafeLoader))


def _unreadable(error: Exception) -> str:
    line = getattr(getattr(error, "problem_mark", None), "line", None)
    where = f" (line {line + 1})" if line is not None else ""
    if "single document" not in str(getattr(error, "context", "")):
        return f"The recipe is not YAML or JSON{where}."
    return (
        f"A recipe is one document; here a second one begins{where}. Put each into a file of its own: the stages of a "
        "merge are merged one after the other, and a later one names the file that an earlier one wrote."
    )


@cache
def _yaml_1_2() -> type[yaml.SafeLoader]:
    """A safe loader for which `off` and `no` are texts, `1e-3` is a number and dates are texts.

    PyYAML reads YAML 1.1, where `mode: off` is False.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}

    _resolve_plain_values(Loader)
    return Loader


@cache
def _dumper() -> type[yaml.SafeDumper]:
    """A safe dumper that quotes every text that YAML 1.1 or 1.2 would read as something else: "off", "0800", "1e5"."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    _resolve_plain_values(Dumper)
    return Dumper


def _resolve_plain_values(kind: type[yaml.SafeLoader] | type[yaml.SafeDumper]) -> None:
    for tag, pattern, first in PLAIN_VALUES:
        kind.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), list(first) or [""])


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise UserError(f"The recipe is nested deeper than {DEEPEST} levels.")
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for one in inner:
        _check_depth(one, depth + 1)


def _family(name: Any, families: Iterable[ModelFamily]) -> ModelFamily:
    known = {family.name: family for family in families}
    if name not in known:
        raise UserError(f"Family {name!r} is not known here; known are {', '.join(known)}.")
    return known[name]


def _without_strangers(merge: Mapping[str, Any], family: ModelFamily) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The merge without faders of experts that are not installed, and a line about each."""
    weights = mapping("weights", merge.get("weights") or {})
    strangers = [str(task) for task in weights if task not in family.experts]
    kept = {task: value for task, value in weights.items() if task in family.experts}
    report = tuple(f"Expert “{task}” is not installed: its fader is left out." for task in strangers)
    return dict(merge) | ({"weights": kept} if "weights" in merge else {}), report


def _inputs(values: Any) -> tuple[InputRef, ...]:
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) > 64:
        raise UserError("`inputs` of a recipe is a list of at most 64 {name, sha256}.")
    refs = []
    for value in values:
        entry = mapping("an input", value)
        name, sha256 = entry.get("name"), entry.get("sha256")
        if not isinstance(name, str) or not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}|", sha256):
            raise UserError("An input of a recipe has a name and a sha256 of 64 hex digits.")
        refs.append(InputRef(name[:200], sha256))
    return tuple(refs)


def told_weights(values: Any) -> dict[str, str]:
    """Family -> hash of its weights, as a recipe has it under `weights`. Raises UserError: anything else."""
    told = {str(name): str(sha256) for name, sha256 in mapping("weights", values).items()}
    if len(told) > MOST_NETWORKS:
        raise UserError(f"`weights` of a recipe names at most {MOST_NETWORKS} families; these are {len(told)}.")
    for name, sha256 in told.items():
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise UserError(f"`weights` of {name[:200]} should be a sha256 of 64 hex digits; it is {sha256[:200]!r}.")
    return told


def mapping(name: str, value: Any) -> Mapping[str, Any]:
    """The value, if it is a mapping. Raises UserError that names it."""
    if not isinstance(value, Mapping):
        raise UserError(f"{name} should be a mapping of names to values; it is {type(value).__name__}.")
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
