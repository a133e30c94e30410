"""The export panel of the fusion tab: besides the picture, weight maps, tables and the mixed network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from demos.export_view import CHECKPOINT, ExportView
from demos.fusion_export import write_tables, write_weights
from demos.sight import Values

if TYPE_CHECKING:
    import numpy as np

    from demos.fusion_bench import Job
    from pipelines.fusion.pipeline import FusionResult


class FusionExport(ExportView):
    """What the fusion tab writes."""

    EXTRAS = (("weight maps (16-bit PNG)", "weights"), ("tables (TXT)", "tables"), CHECKPOINT)

    def picture_of(self, result: FusionResult, values: Values) -> np.ndarray:
        """The fused picture, with transparency where the first frame had it."""
        return result.picture

    def more(self, asked: Any, job: Job, result: FusionResult, text: str, start: Path) -> list[str]:
        """Weight maps and tables."""
        paths = write_weights(result.weights, text, start) if "weights" in asked else []
        if "tables" in asked and result.tables is not None:
            paths += write_tables(result.tables, start)
        return paths

    def missing(self, asked: Any, job: Job, result: FusionResult) -> list[str]:
        """What this result does not have."""
        return missing(asked, job, result)


def missing(asked: Any, job: Job, result: FusionResult) -> list[str]:
    """Why something that was ticked is not among the files."""
    lines = []
    if "tables" in asked and result.tables is None:
        lines.append("No tables: this result was not made by the table engine.")
    if "checkpoint" in asked and job.options.engine != "net":
        lines.append("No mixed network: this result was not made by it.")
    return lines
