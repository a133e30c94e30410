"""Tables for a spreadsheet."""

from __future__ import annotations

import pytest

from pipelines.shared.tables import csv_table


@pytest.mark.parametrize("cell", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\tx"])
def test_cells_that_a_spreadsheet_would_run_are_quoted(cell: str) -> None:
    assert csv_table([{"scene": cell}]) == f"scene\n'{cell}\n"


def test_negative_numbers_stay_numbers() -> None:
    assert csv_table([{"scd": "-0.25"}]) == "scd\n-0.25\n"
