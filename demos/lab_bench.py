"""What the Lab computes with, without a widget: families by name, their arenas, scores and losses, made when asked for.

Own checkpoints are families without scores; they stay as long as few others come.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.commands.loading import named
from pipelines.merging.recipe import MergeRecipe
from pipelines.registry import FAMILIES
from pipelines.registry import family as family_named
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.lab.judge import Judge
    from pipelines.lab.own_checkpoints import Files, OwnFamily
    from pipelines.merging.arena import Arena
    from pipelines.merging.feed import Feed
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily

MOST_OWN = 3
OWN = "own: "


@dataclass(frozen=True)
class Subject:
    """What an experiment is about: a family by name, and the experts that take part, in family order."""

    name: str
    tasks: tuple[str, ...]
    split: str = "validation"


class LabBench:
    """Safe to use from several threads."""

    def __init__(self, cache: ModelCache) -> None:
        self._cache = cache
        self._judges: dict[str, Judge] = {}
        self._own: OrderedDict[str, OwnFamily] = OrderedDict()
        self._lock = threading.RLock()

    def forget(self) -> None:
        """Scores, networks and own checkpoints leave memory."""
        with self._lock:
            self._judges.clear()
            self._own.clear()

    def families(self) -> list[ModelFamily]:
        """Registered families with experts and a scorer, in order; the Lab's own first."""
        able = [one for one in FAMILIES if one.scorer and len(one.tasks) > 1 and one.tier == "embedded"]
        return sorted(able, key=lambda one: one.pipeline != "lab")

    def keep_own(self, files: Files) -> OwnFamily:
        """Read a person's checkpoints. Raises UserError and MergeError as the reader does."""
        from pipelines.lab.own_checkpoints import own_family

        own = own_family(files)
        with self._lock:
            self._own[own.name] = own
            self._own.move_to_end(own.name)
            while len(self._own) > MOST_OWN:
                self._own.popitem(last=False)
        return own

    def family(self, name: str) -> ModelFamily:
        """A family that has scores.

        Raises:
            UserError: own checkpoints, which no network of ours runs.
        """
        if name.startswith(OWN):
            raise UserError("Own checkpoints have no network here, so nothing scores them: masks, vectors and storage "
                            "are told from weights alone.", "No scores")  # fmt: skip
        return family_named(name)

    def tasks(self, name: str) -> tuple[str, ...]:
        """Experts of a family or of own checkpoints."""
        return self._kept(name).arena.tasks if name.startswith(OWN) else family_named(name).tasks

    def arena(self, name: str) -> Arena:
        """Base and task vectors."""
        return self._kept(name).arena if name.startswith(OWN) else self._cache.arena(family_named(name))

    def blocks(self, name: str) -> list[tuple[str, str]]:
        """(name, glob) of the stages; none for own checkpoints."""
        return [] if name.startswith(OWN) else [(one.name, one.match) for one in family_named(name).blocks]

    def _kept(self, name: str) -> OwnFamily:
        with self._lock:
            if name not in self._own:
                raise UserError("These checkpoints are not kept any more; read them again.", "Gone")
            self._own.move_to_end(name)
            return self._own[name]

    def judge(self, name: str) -> Judge:
        """Scores of a family; they are kept until memory is wanted."""
        from pipelines.lab.judge import Judge
        from pipelines.lab.trial import Trial

        family = self.family(name)
        with self._lock:
            if name not in self._judges:
                trial = Trial(self.arena(name), family.build().eval(), named(family.scorer), family.tasks)
                self._judges[name] = Judge(trial)
            return self._judges[name]

    def feed(self, name: str, tasks: Sequence[str]) -> Feed:
        """Samples, loss and neurons of a family, for methods that need more than checkpoints."""
        from pipelines.lab.feeding import feed_of

        return feed_of(self.family(name), self.arena(name), tasks)

    def loss(self, name: str) -> Any:
        """The family's surrogate: what coefficients are learned by, without labels.

        Raises:
            UserError: it has none.
        """
        family = self._with_measure(name)
        return named(family.surrogate)(family.build().eval())

    def _with_measure(self, name: str) -> ModelFamily:
        family = self.family(name)
        if not family.surrogate:
            able = ", ".join(one.name for one in self.families() if one.surrogate)
            raise UserError(f"{name} has no measure without labels to learn by. With one: {able or 'none'}.",
                            "Nothing to learn by")  # fmt: skip
        return family

    def why_not(self, name: str, needs: str) -> str:
        """Why an experiment cannot run on a family; empty where it can. `needs` is "weights", "scores" or "measure"."""
        try:
            if needs != "weights":
                self.family(name)
            if needs == "measure":
                self._with_measure(name)
        except UserError as error:
            return str(error)
        return ""

    def default_recipe(self, name: str) -> MergeRecipe:
        """What a family's desk starts with; of own checkpoints, their plain sum."""
        if not name.startswith(OWN):
            return family_named(name).default
        return MergeRecipe(coefficients=tuple((task, 1.0) for task in self.tasks(name)), scale=0.3)
