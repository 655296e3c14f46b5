"""The report of a session."""

from datetime import datetime
from types import SimpleNamespace

import pytest

from app.diagnose import report
from hvit.severity.estimator import Severity
from tests.support.snapshots import run_snapshot


@pytest.mark.parametrize(("known", "expected"), [(False, True), (True, False), (None, False)])
def test_a_report_says_where_plants_are_unknown(known, expected):
    run = run_snapshot(classes=("a", "b"), plants_known=known)
    assert (
        "Model: mine. Plants unknown: accuracy may be too high. Prob" in report.report_html([], [], [], run)
    ) == expected


RUN = run_snapshot(classes=("Tomato___Rust", "Tomato___Scab", "Tomato___healthy"))


def test_a_report_lists_every_candidate_and_how_it_was_reached():
    diagnosis = SimpleNamespace(
        verdict="unsure", error=None, sha256="ab12", flags=[], near_limit=False, message="",
        probabilities={"Tomato___Rust": 0.5, "Tomato___Scab": 0.3, "Tomato___healthy": 0.2},
        prediction_set=["Tomato___Rust", "Tomato___Scab", "Tomato___healthy"],
        severity=Severity(0.18, 0.15, 0.22, 0.41, 12), severity_reason=None,
    )  # fmt: skip
    info = report.ReportInfo(datetime(2026, 3, 7, 9, 5), "fe" * 32, "tomato", True, [b"jpeg"])
    text = report.report_html(["a.jpg"], [report.Result(diagnosis, b"small")], [None], RUN, info).replace("\u00a0", " ")
    assert "Tomato: rust 50 %, Tomato: scab 30 % and Tomato: no disease I know 20 %." in text
    assert "7 March 2026, 09:05." in text and "Crop: Tomato, as chosen." in text and "fe" * 32 in text
    assert (
        "Beside a photo: where the area was measured" in text
        and '<article class="wide">' in text
        and "Probabilities are calibrated." in text
    )


def test_a_report_claims_no_calibration_and_no_crop_where_there_is_none():
    text = report.report_html([], [], [], RUN, report.ReportInfo())
    assert "Probabilities are not calibrated" in text and "Crop: not chosen." in text


def test_pictures_beyond_the_limit_are_left_out_and_the_report_says_so(monkeypatch):
    diagnosis = SimpleNamespace(
        verdict="unreadable", error="it is no photo", sha256="ab", flags=[], near_limit=False, message="",
        severity=None, severity_reason=None,
    )  # fmt: skip
    monkeypatch.setattr(report, "MAX_PICTURE_BYTES", 2 * 2**20)
    results = [report.Result(diagnosis, b"x" * 2**20)] * 3
    text = report.report_html(["a", "b", "c"], results, [None] * 3, RUN, report.ReportInfo(pictures=[b"y" * 2**20]))
    assert text.count("data:image/jpeg") == 2 and text.count("<article") == 3
    assert "Pictures are of the first 2 of 3 photos: together up to 2 MB." in text
    assert "Outlines and maps are of the first 1 of 3 photos." in text
