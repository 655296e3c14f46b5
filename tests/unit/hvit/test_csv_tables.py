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
        "prediction_set": "a; b", "flags": "", "severity": "", "severity_low": "", "severity_high": "",
        "severity_leaf_fraction": "", "severity_lesions": "", "probabilities": '{"a": 0.5}', "label": "",
    }  # fmt: skip


def test_a_measured_area_has_its_columns():
    severity = {"lesion_fraction": 0.18, "low": 0.15, "high": 0.22, "leaf_fraction": 0.41, "lesions": 12}
    row = {"prediction_set": [], "flags": [], "severity": severity, "probabilities": None}
    cells = diagnosis_row(row)
    assert (cells["severity"], cells["severity_low"], cells["severity_high"]) == (0.18, 0.15, 0.22)
    assert (cells["severity_leaf_fraction"], cells["severity_lesions"]) == (0.41, 12)
