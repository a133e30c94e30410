"""The native engine: kernels.c, compiled in the background where there is a C compiler, used once it has proved itself.

It gives the same bits as the tensor operations it stands for, and is put aside if it does not: which engine is at work
shows in nothing but time. MIXDECK_ENGINE=eager does without it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pipelines.merging.halves import Halves

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Part, Tile

SOURCE = Path(__file__).with_name("kernels.c")
FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC"]
MOST_EXPERTS = 32  # as in kernels.c
HALF_BIAS = 112  # of exponents: bits of float16 at the place of float32's are the number times 2^-112
COMPILE_TIMEOUT_S = 120


@dataclass(frozen=True)
class Kernels:
    """The compiled library; each method fills one tile."""

    library: ctypes.CDLL

    @contextmanager
    def streaming_from(self, lanes: int) -> Iterator[None]:
        """Within it `planes` writes tiles of at least so many lanes past the caches; for checks, no merge beside."""
        limit = ctypes.c_int64.in_dll(self.library, "stream_from")
        before, limit.value = limit.value, lanes
        try:
            yield
        finally:
            limit.value = before

    def linear(self, tile: Tile, live: Tensor) -> None:
        """Fill a tile with base + factor * the sum of the weighted vectors."""
        scaled = [coefficient * tile.factor for coefficient in weights(tile.parts)]
        halves = [part.stored for part in tile.parts if isinstance(part.stored, Halves)]
        if len(halves) < len(tile.parts):
            self._sum(self.library.linear, tile, [part.vector for part in tile.parts], scaled, live)
            return
        raised = [one * 2.0 ** (HALF_BIAS - half.shift) for one, half in zip(scaled, halves, strict=True)]
        self._sum(self.library.linear_halves, tile, [half.values for half in halves], raised, live)

    def _sum(self, kernel: Any, tile: Tile, vectors: list[Tensor], scaled: list[float], live: Tensor) -> None:
        kernel(
            address(tile.base), addresses(vectors), floats(scaled), len(vectors), address(live),
            ctypes.c_int64(live.numel()),
        )  # fmt: skip

    def ties(
        self, tile: Tile, stretches: list[tuple[slice, list[float]]], is_mean: bool, tied: float, live: Tensor
    ) -> tuple[bool, int]:
        """Fill a tile with base + factor * TIES.

        Args:
            stretches: parts of the tile, each with the least absolute value that every expert keeps there.
            tied: sign of a weight whose votes cancel.

        Returns:
            whether `tied` decided anything, and how many more sums of votes are positive than negative.
        """
        decided, balance = 0, ctypes.c_int64(0)
        for where, limits in stretches:
            parts = [part.vector[where] for part in tile.parts]
            decided += self.library.ties(
                address(tile.base[where]), addresses(parts), floats(weights(tile.parts)), floats(limits), len(parts),
                int(is_mean), ctypes.c_float(tied), ctypes.c_float(tile.factor), address(live[where]),
                ctypes.byref(balance), ctypes.c_int64(parts[0].numel()),
            )  # fmt: skip
        return decided > 0, balance.value

    def tall(
        self, tile: Tile, limits: Sequence[float], compare: str, needed: int, merged: Tensor | None, live: Tensor
    ) -> None:
        """Fill a tile with base + factor * merged vector where `needed` tasks use it.

        Args:
            limits: lambda of every part, infinity where its mask does not count.
            merged: (tile,); None: the sum of the weighted vectors.
        """
        self.library.tall(
            address(tile.base), None if merged is None else address(merged),
            addresses([part.vector for part in tile.parts]), floats(weights(tile.parts)), floats(limits),
            len(tile.parts), int(compare == "ge"), needed, ctypes.c_float(tile.factor), address(live),
            ctypes.c_int64(live.numel()),
        )  # fmt: skip

    def planes(
        self, tile: Tile, merged: Tensor, planes: Sequence[Tensor], levels: Sequence[int], needed: int, live: Tensor
    ) -> None:
        """Fill a tile with base + factor * merged vector where `needed` planes, (tile,) uint8, reach their levels."""
        self.library.planes(
            address(tile.base), address(merged), addresses(planes), (ctypes.c_uint8 * len(levels))(*levels),
            len(levels), needed, ctypes.c_float(tile.factor), address(live), ctypes.c_int64(live.numel()),
        )  # fmt: skip

    def plane_bits(self, plane: Tensor, level: int, words: Tensor) -> None:
        """Fill words, (n / 64,) int64, with the bits of plane >= level; plane (n,) uint8."""
        self.library.plane_bits(
            address(plane), ctypes.c_uint8(level), address(words), ctypes.c_int64(plane.numel())
        )  # fmt: skip


def weights(parts: Sequence[Part]) -> list[float]:
    """Coefficients in order."""
    return [part.coefficient for part in parts]


def floats(values: Sequence[float]) -> Any:
    """A C array of float32."""
    return (ctypes.c_float * len(values))(*values)


def address(tensor: Tensor) -> ctypes.c_void_p:
    """Where a contiguous tensor lies."""
    return ctypes.c_void_p(tensor.data_ptr())


def addresses(tensors: Sequence[Tensor]) -> Any:
    """A C array of places."""
    return (ctypes.c_void_p * len(tensors))(*(tensor.data_ptr() for tensor in tensors))


class Engine:
    """Compiles at the first call of `kernels`, in a thread; None until then, and for good where that fails."""

    def __init__(self) -> None:
        self._kernels: Kernels | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def kernels(self) -> Kernels | None:
        """What is ready now."""
        with self._lock:
            if self._thread is None and os.environ.get("MIXDECK_ENGINE") != "eager":
                self._thread = threading.Thread(target=self._load, name="native engine")
                self._thread.start()
        return self._kernels

    def wait(self) -> Kernels | None:
        """What there is when compiling is over."""
        self.kernels()
        if self._thread is not None:
            self._thread.join()
        return self._kernels

    def _load(self) -> None:
        from pipelines.merging.native_check import is_exact

        kernels = compiled()
        if kernels is not None and is_exact(kernels):
            self._kernels = kernels


def compiled() -> Kernels | None:
    """kernels.c compiled for this processor; None without a compiler that can."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    with TemporaryDirectory(prefix="mixdeck-", ignore_cleanup_errors=True) as folder:
        target = str(Path(folder) / "kernels.so")
        try:
            subprocess.run(
                [compiler, *FLAGS, "-o", target, str(SOURCE), "-lm"],
                check=True, capture_output=True, timeout=COMPILE_TIMEOUT_S,
            )  # fmt: skip
            library = ctypes.CDLL(target)
        except (OSError, subprocess.SubprocessError):
            return None
    library.ties.restype = ctypes.c_int64
    return Kernels(library)


ENGINE = Engine()
