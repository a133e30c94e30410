"""A configuration of mergekit taken apart: what a parameter is for each checkpoint, slice and tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.merging.errors import MergeError
from pipelines.merging.mergekit_values import ValueRule, glob_of, layers_of, name_glob, positions, rules_from, value_at


@dataclass(frozen=True)
class Reading:
    """A configuration taken apart: `outer` are the parameters of the module and of the whole, in this order."""

    base: str
    experts: Mapping[str, str]
    slices: Sequence[Mapping[str, Any]]
    outer: Sequence[Mapping[str, Any]]
    keys: Sequence[str] | None
    has_base: bool

    def levels(self, piece: Mapping[str, Any], path: str | None) -> list[Mapping[str, Any]]:
        """Parameters from the innermost to the outermost that concern one slice and one checkpoint."""
        own = [source.get("parameters") or {} for source in piece["sources"] if source["model"] == path]
        return [*own, piece.get("parameters") or {}, *self.outer]

    def rules(self, name: str, path: str | None = None) -> list[ValueRule]:
        """Value of a parameter for every key; ends with "*" if it is given for all. Empty: it is not given."""
        if len(self.slices) > 1:
            return self._sliced(name, path)
        found: list[ValueRule] = []
        for level in self.levels(self.slices[0], path):
            if name in level:
                found += rules_from(level[name], name, self.keys)
            if any(glob == "*" for glob, _ in found):
                break
        ends = [place for place, (glob, _) in enumerate(found) if glob == "*"]
        return found[: ends[0] + 1] if ends else found

    def flag(self, name: str, default: bool) -> bool:
        """A yes or no for the whole merge."""
        values = [level[name] for level in self.levels(self.slices[0], None) if name in level]
        return bool(values[0]) if values else default

    def _sliced(self, name: str, path: str | None) -> list[ValueRule]:
        if self.keys is None:
            raise MergeError(f"{name} differs between slices: the base checkpoint must be at hand to know its layers")
        layers = layers_of(self.keys)
        rules: list[ValueRule] = []
        for piece in self.slices:
            numbers = [number for number in sorted(set(layers.values())) if number in range(*piece["layers"])]
            place = positions(numbers)
            for prefix in (prefix for prefix, number in layers.items() if number in place):
                within = [key for key in self.keys if key.startswith(prefix)]
                values = {key: self._value(piece, path, name, key, place[layers[prefix]]) for key in within}
                rules += _shortest(prefix, values, self.keys)
        return rules + self._outside(layers, name, path)

    def _outside(self, layers: Mapping[str, int], name: str, path: str | None) -> list[ValueRule]:
        """Keys of no layer: before the layers the first slice decides, behind them the last, both at its start."""
        keys = self.keys or ()
        inside = [place for place, key in enumerate(keys) if any(key.startswith(prefix) for prefix in layers)]
        outside = {key: self.slices[0 if place < inside[0] else -1] for place, key in enumerate(keys)
                   if place not in set(inside)}  # fmt: skip
        values = {key: self._value(piece, path, name, key, 0.0) for key, piece in outside.items()}
        return [(name_glob(key, keys), value) for key, value in values.items() if value is not None]

    def _value(self, piece: Mapping[str, Any], path: str | None, name: str, key: str, position: float) -> float | None:
        for level in self.levels(piece, path):
            if name in level and (value := value_at(level[name], key, position, name)) is not None:
                return value
        return None


def _shortest(prefix: str, values: Mapping[str, float | None], keys: Sequence[str]) -> list[ValueRule]:
    given = {key: value for key, value in values.items() if value is not None}
    if len(set(given.values())) == 1 and len(given) == len(values):
        return [(glob_of(prefix), next(iter(given.values())))]
    return [(name_glob(key, keys), value) for key, value in given.items()]
