"""From checkpoints to a family that can be merged: read, mapped from a bank, or built by a library (full tier)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.shared.bank import Banks
from pipelines.shared.family import ModelFamily, ModelSpec
from pipelines.shared.full_tier import Pretrained, emptied, folder_of
from pipelines.shared.weights import LoadProgress, read_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipelines.merging.arena import Arena


@dataclass(frozen=True)
class Loader:
    """How the cache loads.

    Attributes:
        assets: folder that holds weights/.
        vectors: how task vectors are held, "float32" or "float16".
        banks: where embedded families and one's own are kept laid out; None keeps none.
        tell: hears of progress.
        building: held while a library makes a network, for libraries patch globals meanwhile.
    """

    assets: Path
    vectors: str
    banks: Banks | None
    tell: Callable[[LoadProgress], None]
    building: threading.Lock

    def load(self, family: ModelFamily) -> tuple[Arena, nn.Module | None]:
        """The family; in the full tier with the mould of its network.

        Raises:
            UserError: weights missing or damaged. MergeError: experts of another network.
        """
        if isinstance(family.build, Pretrained):
            return self._pretrained(family, family.build)
        if self.banks is None:
            return self._read(family), None
        arena = self.banks.opened(family, self.vectors, self.assets)
        if arena is None:
            arena = self._read(family)
            self.banks.keep(family, self.vectors, self.assets, arena)
        return arena, None

    def _read(self, family: ModelFamily) -> Arena:
        def read(spec: ModelSpec) -> dict[str, Tensor]:
            return read_weights(spec, self.assets, self.tell)

        return self._laid_out(family, read(family.base), {task: read(spec) for task, spec in family.experts.items()})

    def _pretrained(self, family: ModelFamily, build: Pretrained) -> tuple[Arena, nn.Module]:
        base, mould = self._built(build, family.base)
        experts = {task: self._built(build, spec)[0] for task, spec in family.experts.items()}
        return self._laid_out(family, base, experts), mould

    def _laid_out(self, family: ModelFamily, base: dict[str, Tensor], experts: dict[str, dict[str, Tensor]]) -> Arena:
        from pipelines.merging.arena import Arena

        blocks = [(block.name, block.match) for block in family.blocks]
        return Arena.from_checkpoints(base, experts, blocks, is_compact=self.vectors == "float16")

    def _built(self, build: Pretrained, spec: ModelSpec) -> tuple[dict[str, Tensor], nn.Module]:
        folder = folder_of(spec)
        size_bytes = sum(path.stat().st_size for path in folder.glob("**/*.safetensors"))
        self.tell(LoadProgress(spec.name, 0, size_bytes))
        with self.building:
            model = build.load(folder)
        weights = dict(model.state_dict())
        self.tell(LoadProgress(spec.name, size_bytes, size_bytes))
        return weights, emptied(model)
