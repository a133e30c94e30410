"""FAMILIES: a line per family; for the tabs' menus, the commands and the tests."""

from __future__ import annotations

from pipelines.fusion.family import FUSENET
from pipelines.fusion.meflut import FAMILY as MEFLUT
from pipelines.grounding.family import PLVL_FAMILY
from pipelines.grounding.full.families import GROUNDING_FAMILIES
from pipelines.lab.family import SHAPES_VIT
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily
from pipelines.text_recognition.family import IGTR_FAMILY
from pipelines.text_recognition.igtr_authors_family import IGTR_AUTHORS
from pipelines.text_recognition.trocr import TROCR_FAMILIES

FAMILIES: tuple[ModelFamily, ...] = (
    FUSENET,
    MEFLUT,
    SHAPES_VIT,
    IGTR_FAMILY,
    PLVL_FAMILY,
    IGTR_AUTHORS,
    *TROCR_FAMILIES,
    *GROUNDING_FAMILIES,
)


def family(name: str) -> ModelFamily:
    """The family of that name. Raises UserError naming the known ones."""
    for known in FAMILIES:
        if known.name == name:
            return known
    raise UserError(f"No family {name!r}; known are {', '.join(known.name for known in FAMILIES)}.")
