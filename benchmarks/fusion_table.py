"""Turn the JSON of `python -m pipelines evaluate` into the Markdown table that README shows.

python -m benchmarks.fusion_table RESULT.json [RESULT.json ...]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

MEASURES = ("vif", "qabf", "scd", "ssim", "sf", "mef_ssim", "mef_index", "mean")


def table(paths: list[Path]) -> str:
    """One row per set and method, the measures in a fixed order; what two results share is shown once."""
    rows = ["| set | n | method | " + " | ".join(MEASURES) + " |", "| --- | ---: | --- |" + " ---: |" * len(MEASURES)]
    shown = set()
    for path in paths:
        result = json.loads(path.read_text())
        for name, entry in result["sets"].items():
            for method, values in entry["methods"].items():
                if (name, method) in shown:
                    continue
                shown.add((name, method))
                cells = [f"{values[key]:.3f}" if key in values else "" for key in MEASURES]
                rows.append(f"| {name} | {entry['n']} | {method} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table([Path(argument) for argument in sys.argv[1:]]))
