"""The meflut family: one table of 256 weights per exposure, for 2 to 6 exposures and two operators.

`pyramid.k3` holds the three tables for three exposures, tuned through the pyramid operator, brightest frame first;
`paper.k3` those tuned through the guided operator of the paper. The family has no experts: there is nothing to merge.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.fusion.options import TABLE_ENTRIES, TABLE_KNOTS
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily, ModelSpec

if TYPE_CHECKING:
    from torch import nn

KINDS = ("pyramid", "paper")
COUNTS = (2, 3, 4, 5, 6)


def load_tables(assets: Path, count: int, kind: str = "pyramid") -> NDArray[np.float32]:
    """The trained tables for `count` exposures.

    Args:
        assets: the folder that holds weights/meflut/tables.safetensors.
        count: 2 to 6; 1 gives a table of ones.
        kind: "pyramid" or "paper", the operator the tables were tuned for; "fast" goes with "paper".

    Returns:
        (K, 256) float32, 0 to 1, brightest exposure first; a fresh copy.

    Raises:
        UserError: a kind or count there are no tables for, or no file.
    """
    if count == 1:
        return np.ones((1, TABLE_ENTRIES), np.float32)
    tables = _read(Path(assets) / "weights" / "meflut" / "tables.safetensors")
    key = table_key("paper" if kind == "fast" else kind, count)
    if key not in tables:
        raise UserError(
            f'No tables "{kind}" for {count} exposures; there are {", ".join(KINDS)} for 2 to {COUNTS[-1]}.'
        )
    return tables[key].copy()


def table_key(kind: str, count: int) -> str:
    """Name of a set of tables in the weight file."""
    return f"{kind}.k{count}"


def parse_table(text: str) -> NDArray[np.float32]:
    """One table in the published text format: 256 decimals, separated by commas. Raises UserError."""
    try:
        values = np.array([float(part) for part in text.replace("\n", ",").split(",") if part.strip()], np.float32)
    except ValueError as error:
        raise UserError(f"A table is 256 numbers separated by commas: {error}.") from error
    if values.shape != (TABLE_ENTRIES,) or not np.isfinite(values).all():
        raise UserError(f"A table has 256 finite numbers, this one {len(values)}.")
    return values


def with_points(tables: NDArray[np.float32], points: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """Tables bent by hand: each goes through its points and keeps its fine shape between them.

    Args:
        tables: (K, 256), 0 to 1.
        points: K rows; the weights at TABLE_KNOTS, or an empty row for a table that stays.

    Raises:
        UserError: another number of rows than tables.
    """
    if len(points) != len(tables):
        raise UserError(f"table_points has {len(points)} rows for {len(tables)} frames; give one per frame.")
    knots, grey = list(TABLE_KNOTS), np.arange(TABLE_ENTRIES)
    bent = tables.copy()
    for table, row in zip(bent, points, strict=True):
        if len(row):
            table += np.interp(grey, knots, np.asarray(row, np.float32) - table[knots]).astype(np.float32)
    return np.clip(bent, 0, 1)


def format_table(table: NDArray[np.float32]) -> str:
    """The inverse of `parse_table`."""
    return ",".join(f"{value:.6f}" for value in table)


def build() -> nn.Module:
    """All tables as one module, values not loaded: its state dict is the weight file."""
    import torch
    from torch import nn

    def tables() -> nn.ParameterDict:
        return nn.ParameterDict({f"k{count}": nn.Parameter(torch.ones(count, TABLE_ENTRIES)) for count in COUNTS})

    return nn.ModuleDict({kind: tables() for kind in KINDS})


@lru_cache(maxsize=4)
def _read(path: Path) -> dict[str, NDArray[np.float32]]:
    from safetensors.numpy import load_file

    if not path.is_file():
        raise UserError(f"{path.name} of the meflut family is missing; restore assets/weights or train it anew.")
    return load_file(path)


FAMILY = ModelFamily(
    name="meflut",
    pipeline="fusion",
    tier="embedded",
    build=build,
    base=ModelSpec("meflut/tables", "assets:meflut/tables.safetensors", None, "Apache-2.0", "multi-exposure tables"),
    experts={},
    paper="MEFLUT, Jiang et al. 2023, ICCV",
    trainer="pipelines.fusion.meflut_training:train",
    evaluator="pipelines.fusion.evaluate:evaluate",
)
