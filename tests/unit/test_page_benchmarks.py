"""The tables of docs/benchmarks.md are those of the recorded runs, number by number."""

import json

import pytest

from tests.benchmarks import pages, reduced_decoding, serving
from tests.support.dashboard import ROOT


@pytest.mark.parametrize(
    ("file", "table"),
    [
        ("pages.json", pages.table),
        ("pages-before-and-after.json", pages.table),
        ("serving.json", serving.table),
        ("reduced-decoding.json", reduced_decoding.table),
    ],
)
def test_the_table_is_that_of_the_record(file, table):
    record = json.loads((ROOT / "docs" / "benchmarks" / file).read_text(encoding="utf-8"))
    assert table(record) in (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def test_a_row_has_the_first_time_and_the_median_of_the_others():
    name = "Data: first paint"
    assert pages.table({"seconds": {name: [9.0, 1.0, 2.0, 6.0]}}).endswith(f"| {name} | 9.00 | 2.00 |")
    both = pages.table({"before": {name: [9.0, 4.0]}, "seconds": {name: [8.0, 1.0]}})
    assert both.endswith(f"| {name} | 9.00 | 4.00 | 8.00 | 1.00 |")
