"""The table of docs/benchmarks.md is that of the recorded run, number by number."""

import json

from tests.benchmarks.pages import table
from tests.support.dashboard import ROOT


def test_the_table_of_the_pages_is_that_of_the_record():
    record = json.loads((ROOT / "docs" / "benchmarks" / "pages.json").read_text(encoding="utf-8"))
    assert table(record) in (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def test_a_row_has_the_first_time_and_the_median_of_the_others():
    assert table({"seconds": {"Data: first paint": [9.0, 1.0, 2.0, 6.0]}}).endswith(
        "| Data: first paint | 9.00 | 2.00 |"
    )
