"""Links that carry a tab's state: canonical JSON, deflated, as URL-safe base64; short, bounded, read strictly."""

from __future__ import annotations

import base64
import binascii
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from demos.examples import Example
    from pipelines.shared.recipe_file import RecipeDocument

MOST_CHARACTERS = 4000  # of the packed recipe; browsers and chats cut longer addresses
MOST_BYTES = 65_536  # of what it expands to


def pack(document: RecipeDocument) -> str:
    """The document as text for an address. Raises UserError where it is too long for one."""
    plain = json.dumps(document.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    packed = base64.urlsafe_b64encode(zlib.compress(plain.encode(), 9)).decode().rstrip("=")
    if len(packed) > MOST_CHARACTERS:
        raise UserError(
            f"This recipe takes {len(packed):,} characters, a link has room for {MOST_CHARACTERS:,}. Export the "
            "picture or the YAML instead: they carry it too.", "Too long for a link",
        )  # fmt: skip
    return packed


def unpack(text: str) -> str:
    """The JSON text of a packed document. Raises UserError: damaged, or larger than a recipe can be."""
    damaged = UserError("The recipe in this link is damaged; copy the whole link again.", "Cannot read this link")
    if len(text) > MOST_CHARACTERS:
        raise damaged
    reader = zlib.decompressobj()
    try:
        plain = reader.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), MOST_BYTES)
        if not reader.eof:
            raise damaged
        return plain.decode()
    except (binascii.Error, zlib.error, ValueError) as error:
        raise damaged from error


def address(query: Mapping[str, str]) -> str:
    """The query of a link; on a Space with the address of the Space's page, elsewhere the browser completes it."""
    space = os.environ.get("SPACE_ID")
    return (f"https://huggingface.co/spaces/{space}" if space else "") + "?" + urlencode(query)


def example_named(examples: Sequence[Example], name: str) -> Example:
    """An example by its slug, or by its place on the page counted from 1. Raises UserError that lists the slugs."""
    by_name = {one.slug: one for one in examples} | {str(place): one for place, one in enumerate(examples, 1)}
    if name not in by_name:
        raise UserError(f"There is no example {name!r}; known are {', '.join(one.slug for one in examples)}.")
    return by_name[name]
