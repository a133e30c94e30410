"""What a family's network can do beside reading, known from its record before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.shared.errors import UserError
from pipelines.text_recognition.igtr_authors_family import IGTR_AUTHORS
from pipelines.text_recognition.options import PROCEDURES, ReadingOptions
from pipelines.text_recognition.trocr import TrOCR

if TYPE_CHECKING:
    from pipelines.shared.family import ModelFamily

ONLY_READS = "{name} only reads, a piece of a word at a time: it takes no procedure, no hints and no questions."
NO_COLUMNS = "{name} has no CTC head: it reads by every procedure but that."


@dataclass(frozen=True)
class Abilities:
    """What may be asked of a network.

    Attributes:
        procedures: names of PROCEDURES that it can follow; none where it reads in a way of its own, and then nothing
            can be told or asked beforehand either.
        reads_lines: several words with the blanks between them.
        why: what it lacks, in a sentence; empty where it lacks nothing.
    """

    procedures: tuple[str, ...] = tuple(PROCEDURES)
    reads_lines: bool = False
    why: str = ""

    @property
    def can_be_asked(self) -> bool:
        """Whether it takes options and questions."""
        return bool(self.procedures)


def abilities_of(family: ModelFamily) -> Abilities:
    """What the networks of a family can do."""
    if isinstance(family.build, TrOCR):
        return Abilities((), reads_lines=True, why=ONLY_READS.format(name=family.name))
    if family.name == IGTR_AUTHORS.name:
        return Abilities(tuple(one for one in PROCEDURES if one != "ctc"), why=NO_COLUMNS.format(name=family.name))
    return Abilities()


def check_options(family: ModelFamily, options: ReadingOptions | None) -> None:
    """Refuse what the family's network cannot follow.

    Raises:
        UserError: names the options, or the procedure and those that there are.
    """
    able, asked = abilities_of(family), options or ReadingOptions()
    if not able.can_be_asked and (stated := asked.to_dict()):
        raise UserError(f"{able.why} Leave out {', '.join(stated)}.", "Not of this network")
    if able.can_be_asked and asked.procedure not in able.procedures:
        known = ", ".join(able.procedures)
        raise UserError(f"procedure is {asked.procedure!r}; {family.name} knows {known}.", "Not of this network")


def check_questions(family: ModelFamily) -> None:
    """Raises UserError where the family's network answers none."""
    able = abilities_of(family)
    if not able.can_be_asked:
        raise UserError(f"{able.why} Choose the embedded network to ask.", "Not of this network")
