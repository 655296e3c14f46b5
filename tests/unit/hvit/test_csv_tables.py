import csv

import pytest

from hvit.csv_tables import diagnosis_row, to_csv


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_cells_that_a_spreadsheet_would_run_are_defused(start):
    (row,) = csv.DictReader(to_csv([{"a": f"{start}cmd", "b": -1.5}]).decode("utf-8-sig").splitlines(keepends=True))
    assert row["a"].startswith("'") and row["b"] == "-1.5"  # numbers stay numbers


def test_lists_of_a_row_share_a_cell():
    row = {"prediction_set": ["a", "b"], "flags": [], "severity": None, "probabilities": {"a": 0.5}, "label": None}
    assert diagnosis_row(row) == {
        "prediction_set": "a; b", "flags": "", "severity": "", "probabilities": '{"a": 0.5}', "label": "",
    }  # fmt: skip
