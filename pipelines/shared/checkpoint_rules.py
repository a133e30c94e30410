"""Rules of a recipe of files as the engine takes them: excluded keys, weights in a block, gradients over depth.

    merge:
      weights: {street: 1.0, hand: 0.8}
      blocks:
        - {match: "encoder.blocks.*", expert: hand, weight: {gradient: [0.2, 1.0]}}   # in place of 0.8
        - {match: "decoder.*", factor: {gradient: [1, 0.5, 1]}}                       # of the merged vector
    exclude: ["logit_scale"]                                                          # the base's

The engine knows factors for globs. A weight takes the place of the expert's own, so that one becomes 1 and a last rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pipelines.merging.errors import MergeError
from pipelines.merging.mergekit_values import escaped, gradient_at, is_gradient, layers_of
from pipelines.merging.values import entries, mapping, number, texts

Keys = Callable[[], Sequence[str]]  # names of the base's tensors, asked for where a gradient needs them


def plain_merge(merge: Mapping[str, Any], exclude: Any, keys: Keys) -> Mapping[str, Any]:
    """The merge section in the form of `recipe_form`.

    Args:
        exclude: globs of keys that stay the base's. They still count in thresholds over whole vectors.

    Raises:
        MergeError: a rule with factor and weight, a weight of no expert, a gradient that is none or matches no key.
    """
    blocks = [mapping("a block rule", rule) for rule in entries("blocks", merge.get("blocks", []))]
    weights = dict(mapping("weights", merge.get("weights", {})))
    weighting = [rule for rule in blocks if "weight" in rule]
    if any(rule.get("expert") is None for rule in weighting):
        raise MergeError("a block rule has a weight and no expert: name the expert, or write factor for the whole mix")
    named = dict.fromkeys(str(rule["expert"]) for rule in weighting)
    own = {name: number(f"weights.{name}", weights.get(name, 0.0)) for name in named}
    rules = [{"match": glob, "factor": 0.0} for glob in texts("exclude", exclude)]
    rules += [plain for rule in blocks for plain in _plain(rule, own, keys)]
    rules += [{"match": "*", "factor": weight, "expert": name} for name, weight in own.items()]
    return {**merge, "weights": weights | dict.fromkeys(own, 1.0), "blocks": rules}


def _plain(rule: Mapping[str, Any], own: Mapping[str, float], keys: Keys) -> Iterator[dict[str, Any]]:
    """One rule as factors of the expert's coefficient, which is 1 for those of `own`."""
    if "weight" not in rule and rule.get("expert") not in own and not isinstance(rule.get("factor"), Mapping):
        yield dict(rule)
        return
    if "weight" in rule and "factor" in rule:
        raise MergeError(f"the block rule {rule.get('match')!r} has a factor and a weight: write one of them")
    name = "weight" if "weight" in rule else "factor"
    scale = 1.0 if name == "weight" else own.get(str(rule.get("expert")), 1.0)
    rest = {key: value for key, value in rule.items() if key != name}
    for glob, value in _values(str(rule.get("match")), f"{name} of {rule.get('match')!r}", rule.get(name), keys):
        yield {**rest, "match": glob, "factor": value * scale}


def _values(match: str, name: str, value: Any, keys: Keys) -> Iterator[tuple[str, float]]:
    """Globs and numbers; of a gradient, linear over the blocks that the rule matches, in order of depth."""
    if not isinstance(value, Mapping):
        yield match, number(name, value)
        return
    stops: Any = mapping(name, value, ("gradient",)).get("gradient")
    matched = [key for key in keys() if fnmatchcase(key, match)]
    if not is_gradient(stops) or not matched:
        raise MergeError(f"{name} is {value!r}: {{gradient: [numbers]}} over keys that it matches is expected")
    layers = layers_of(matched)
    stems = list(dict.fromkeys(prefix[: -len(f"{at}.")] for prefix, at in layers.items()))
    ordered = sorted(layers, key=lambda prefix: (stems.index(prefix[: -len(f"{layers[prefix]}.")]), layers[prefix]))
    for place, prefix in enumerate(ordered):
        inside = [key for key in matched if key.startswith(prefix)]
        is_whole = len(inside) == sum(key.startswith(prefix) for key in keys())
        found = gradient_at(stops, place / max(len(ordered) - 1, 1))
        yield from ((glob, found) for glob in ([f"{escaped(prefix)}*"] if is_whole else map(escaped, inside)))
    outside = [key for key in matched if not any(key.startswith(prefix) for prefix in layers)]
    yield from ((escaped(key), float(stops[0])) for key in outside)
