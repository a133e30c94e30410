"""What every tab's bench does: one pipeline made when first used, its threads, and what was made lately."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from demos.shelf import Shelf

if TYPE_CHECKING:
    from pipelines.merging.recipe import MergeRecipe
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily

Asked = TypeVar("Asked", bound="Keyed")
Made = TypeVar("Made")  # the result of a job
Pipeline = TypeVar("Pipeline")
Kept = TypeVar("Kept")


class Keyed(Protocol):
    """A job."""

    @property
    def key(self) -> str:
        """Equal for equal jobs."""
        ...


class Bench(ABC, Generic[Asked, Made, Pipeline]):
    """Runs jobs; what was read and made lately is not made again, up to `most_bytes`."""

    most_bytes: int
    whole_scores: Callable[[MergeRecipe], Iterator[dict[str, float]]] | None = None  # None: they are those of `scores`

    def __init__(
        self, cache: ModelCache, family: ModelFamily, make_pipeline: Callable[[], Pipeline] | None = None
    ) -> None:
        self.cache, self.family = cache, family
        self._make_pipeline = make_pipeline or self.real_pipeline
        self._pipeline: Pipeline | None = None
        self._shelf = Shelf(self.most_bytes)
        # One for what is committed, one for a preview beside it: each thread that runs a network keeps its buffers.
        self._runners = ThreadPoolExecutor(2, thread_name_prefix=family.pipeline)

    @abstractmethod
    def real_pipeline(self) -> Pipeline:
        """The pipeline of this tab; imported here, because its modules take a while."""

    @abstractmethod
    def make(self, job: Asked) -> Made:
        """The result of a job, not kept."""

    @abstractmethod
    def size_of(self, result: Made) -> int:
        """Bytes that a kept result takes."""

    @property
    def pipeline(self) -> Pipeline:
        """Made when first used; it needs no weights."""
        if self._pipeline is None:
            self._pipeline = self._make_pipeline()
        return self._pipeline

    def result(self, job: Asked) -> tuple[Made, bool]:
        """The result of a job, and whether it was made before."""
        shelf = self.shelf_of(job)
        kept: Made | None = shelf.get(job.key)
        if kept is not None:
            return kept, True
        result = self.make(job)
        shelf.put(job.key, result, self.size_of(result))
        return result, False

    def shelf_of(self, job: Asked) -> Shelf:
        """Where the result of a job is kept."""
        return self._shelf

    def preview(self, job: Asked) -> Made:
        """What is shown while a fader is held: the result itself, where it is quick enough."""
        return self.result(job)[0]

    def forget(self) -> None:
        """All that is kept leaves memory."""
        self._shelf.clear()

    def run(self, call: Callable[..., Kept], *args: Any) -> Kept:
        """A call on one of the threads that run networks."""
        return self._runners.submit(call, *args).result()

    def kept(
        self, key: tuple[Any, ...], make: Callable[[], Kept], size_of: Callable[[Kept], int], shelf: Shelf | None = None
    ) -> Kept:
        """What was made lately under a key, or made now; beside the results, or on a shelf of its own."""
        shelf = shelf or self._shelf
        value: Kept | None = shelf.get(repr(key))
        if value is None:
            value = make()
            shelf.put(repr(key), value, size_of(value))
        return value
