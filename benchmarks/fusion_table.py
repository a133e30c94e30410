"""Turn the JSON of `python -m pipelines evaluate` into the Markdown table that README shows.

python -m benchmarks.fusion_table RESULT.json [RESULT.json ...]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.published import PUBLISHED

MEASURES = ("vif", "qabf", "scd", "ssim", "sf", "viff", "mef_ssim", "mef_index", "mean")


def table(paths: list[Path]) -> str:
    """One row per set and method, the measures in a fixed order; what two results share is shown once.

    Below them what others have published, the number of scenes in the name of the set.
    """
    rows = ["| set | n | method | " + " | ".join(MEASURES) + " |", "| --- | ---: | --- |" + " ---: |" * len(MEASURES)]
    shown = set()
    for path in paths:
        result = json.loads(path.read_text())
        for name, entry in result["sets"].items():
            for method, values in entry["methods"].items():
                if (name, method) not in shown:
                    shown.add((name, method))
                    rows.append(_row(name, entry["n"], method, values))
    rows += [_row(name, "", method, values) for name, found in PUBLISHED.items() for method, values in found.items()]
    return "\n".join(rows)


def _row(name: str, count: int | str, method: str, values: Mapping[str, float]) -> str:
    cells = [f"{values[key]:.3f}" if key in values else "" for key in MEASURES]
    return f"| {name} | {count} | {method} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(table([Path(argument) for argument in sys.argv[1:]]))
