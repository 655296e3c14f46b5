"""The report of a session."""

from pathlib import Path

import pytest

from app.cache.runs import RunChoice
from app.diagnose import report


@pytest.mark.parametrize(("known", "said"), [(False, True), (True, False), (None, False)])
def test_a_report_says_where_plants_are_unknown(known, said):
    run = RunChoice("mine", Path("mine"), ("a", "b"), frozenset(["photos"]), known)
    assert ("Model: mine. Plants unknown: accuracy may be too high. Prob" in report.page([], [], [], run)) == said
