"""Presets of one's own as one JSON file, out of the page and back: what comes in is checked entry by entry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from demos.networks import OWN
from pipelines.merging.errors import MergeError
from pipelines.merging.recipe_form import recipe_from_dict, recipe_to_dict
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily

MOST_PRESETS = 50
MOST_BYTES = 200_000  # of all presets of one's own, in the browser and as a file
LONGEST_NAME = 60
MOST_LINES, LONGEST_LINE = 10, 200  # of what is told of a file
Own = Mapping[str, Any]
OTHERS = ""  # no preset has this name: under it stand those of a tab's other networks, by network


def of_network(own: Any, network: str) -> Own:
    """The presets of one network among all that a browser keeps for a tab; nothing where it keeps no such thing."""
    kept = _mapping(own)
    if network == OWN:
        return {name: form for name, form in kept.items() if name != OTHERS}
    return _mapping(_mapping(kept.get(OTHERS)).get(network))


def with_network(own: Any, network: str, presets: Own) -> dict[str, Any]:
    """What a browser is to keep for a tab once one network has these presets."""
    others = _mapping(_mapping(own).get(OTHERS))
    if network == OWN:
        return {**presets, **({OTHERS: others} if others else {})}
    return {**of_network(own, OWN), OTHERS: {**others, network: presets}}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def written(own: Own, family: ModelFamily) -> str:
    """The text of a file with all of them."""
    return json.dumps({"family": family.name, "presets": own}, indent=1, ensure_ascii=False)


def check_room(own: Own, family: ModelFamily) -> None:
    """UserError where a browser would have to keep too many presets, or too many bytes of them."""
    if len(own) > MOST_PRESETS:
        raise UserError(f"There is room for {MOST_PRESETS} presets of your own. Delete one first.", "No room")
    size_bytes = len(written(own, family).encode())
    if size_bytes > MOST_BYTES:
        text = f"Your presets would have {size_bytes:,} bytes; there is room for {MOST_BYTES:,}. Delete one first."
        raise UserError(text, "No room")


def read(path: Path, family: ModelFamily) -> Own:
    """The entries of a file, name -> what stands under it, not yet checked.

    Raises:
        UserError: the file is too large, is none of presets, or of another family.
    """
    size_bytes = path.stat().st_size
    if size_bytes > MOST_BYTES:
        raise UserError(
            f"A file of presets has at most {MOST_BYTES:,} bytes; this one has {size_bytes:,}.", "Too large"
        )
    try:
        # Numbers of any length as floats: the largest are infinite, and refused as such.
        document = json.loads(path.read_text(encoding="utf-8"), parse_int=float)
    except (ValueError, RecursionError) as error:
        raise UserError(f"This file is not JSON: {str(error)[:LONGEST_LINE]}", "Not read") from error
    if not isinstance(document, dict) or not isinstance(document.get("presets"), dict):
        raise UserError('A file of presets has an object "presets"; this one has none.', "No presets found")
    if document.get("family") != family.name:
        there = str(document.get("family"))[:LONGEST_NAME]
        raise UserError(f"These presets are of {there}; here is {family.name}.", "Of another network")
    entries: Own = document["presets"]
    return entries


def joined(own: Own, entries: Own, shipped: Own, family: ModelFamily) -> tuple[dict[str, Any], tuple[str, ...]]:
    """One's own presets with those of a file, and what there is to say: how many came, and why others did not."""
    together = dict(own)
    refused: list[str] = []
    for name, form in entries.items():
        try:
            checked = _checked(name, form, shipped, family)
            check_room({**together, name: checked}, family)
            together[name] = checked
        except (UserError, MergeError) as error:
            refused.append(f"“{name[:LONGEST_NAME]}” did not come: {error}"[:LONGEST_LINE])
    count = len(entries) - len(refused)
    return together, (f"{count} of {len(entries)} presets came.", *_first(refused))


def _checked(name: str, form: Any, shipped: Own, family: ModelFamily) -> dict[str, Any]:
    """A recipe of this family in its usual form; a name that a preset of one's own can have."""
    if not name.strip() or len(name) > LONGEST_NAME:
        raise UserError(f"a name has 1 to {LONGEST_NAME} characters")
    if name in shipped:
        raise UserError("a preset of that name is shipped and stays as it is")
    return recipe_to_dict(recipe_from_dict(form, family.tasks))


def _first(lines: list[str]) -> Iterator[str]:
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"And {len(lines) - MOST_LINES} more did not come."
