"""Incidence, severity and AUDPC by hand."""

from datetime import date

import pytest
from scipy.integrate import trapezoid
from scipy.stats import t

from hvit.scoring.metrics import wilson
from hvit.trials.observations import Observation
from hvit.trials.summary import (
    audpc,
    audpc_of,
    mean_of,
    summarize,
    summary_rows,
    treatment_audpc,
    treatment_progress,
)  # fmt: skip


def photo(status="diseased", severity=None, plot="1", treatment="A", replicate="1", day=None):
    when = None if day is None else date(2026, 7, day)
    return Observation("x.jpg", plot, treatment, replicate, when, status, "", "model", severity)


def test_incidence_counts_decided_photos_and_the_others_are_unsure():
    found = summarize([photo(), photo(), photo("healthy"), photo("unsure")])
    assert (found.photos, found.unsure, found.incidence) == (4, 0.25, pytest.approx(2 / 3))
    assert found.incidence_ci == wilson(2, 3)


def test_a_plot_of_undecided_photos_has_no_incidence():
    found = summarize([photo("unsure"), photo("unsure")])
    assert (found.incidence, found.incidence_ci, found.unsure) == (None, None, 1.0)


def test_severity_of_a_plot_is_the_mean_over_its_photos():
    """0.1, 0.2, 0.3: mean 0.2, standard error 0.1 / sqrt 3, t with two degrees of freedom."""
    found = summarize([photo(severity=s) for s in (0.1, 0.2, 0.3)] + [photo()])
    half = t.ppf(0.975, 2) * 0.1 / 3**0.5
    assert found.severity.value == pytest.approx(0.2) and found.severity.n == 3
    assert found.severity.interval == pytest.approx((0.2 - half, 0.2 + half))


def test_severity_of_a_treatment_is_the_mean_over_its_plots():
    """Plot 1: 0.1 and 0.3; plot 2: 0.6. The mean of plots is 0.4; that of photos would be a third."""
    found = summarize([photo(severity=0.1), photo(severity=0.3), photo(severity=0.6, plot="2")])
    assert found.severity.value == pytest.approx(0.4) and found.severity.n == 2 and found.plots == 2


def test_plots_of_one_number_in_two_replicates_are_two():
    assert summarize([photo(), photo(replicate="2")]).plots == 2


def test_a_mean_of_one_value_has_no_interval():
    assert mean_of([0.5]).interval is None and mean_of([]).value is None


def test_equal_values_claim_no_certainty():
    assert mean_of([1.0, 1.0, 1.0]).interval is None and mean_of([1.0, 1.0, 1.0]).value == 1.0


def test_nothing_is_not_summarized():
    with pytest.raises(ValueError, match="no photos"):
        summarize([])


def test_audpc_is_the_trapezoid_rule():
    days, percent = [0, 7, 10, 21], [2, 10, 30, 55]
    assert audpc(days, percent) == pytest.approx(trapezoid(percent, days))
    assert audpc([0, 7, 14], [0, 10, 30]) == 35 + 140


@pytest.mark.parametrize(
    ("days", "percent", "expected"),
    [([0], [1], "at least 2"), ([0, 1], [1], "same number"), ([0, 0], [1, 2], "must rise")],
)
def test_audpc_of_a_curve_that_is_none_is_refused(days, percent, expected):
    with pytest.raises(ValueError, match=expected):
        audpc(days, percent)


def test_audpc_of_a_plot_uses_its_dates_in_percent_times_days():
    """Incidence 0 %, 50 %, 100 % on days 1, 8, 15: 7 * 25 + 7 * 75."""
    own = [photo("healthy", day=1), photo("healthy", day=8), photo(day=8), photo(day=15), photo("unsure", day=20)]
    assert audpc_of(own, "incidence") == 700
    assert audpc_of(own[:1], "incidence") is None
    assert audpc_of(own, "severity") is None


def test_audpc_of_a_treatment_leaves_out_plots_seen_on_fewer_dates():
    full = [photo("healthy", day=1), photo(day=8), photo(day=15)]
    other = [photo("healthy", plot="2", day=1), photo("healthy", plot="2", day=8), photo(plot="2", day=15)]
    short = [photo(plot="3", day=1), photo(plot="3", day=8)]
    found = treatment_audpc(full + other + short, "incidence")["A"]
    assert found.n == 2 and found.value == (350 + 700 + 350) / 2


def test_progress_of_a_treatment_is_the_mean_over_plots_by_date():
    own = [photo(day=1), photo("healthy", plot="2", day=1), photo(day=8), photo(treatment="B", plot="9", day=1)]
    found = treatment_progress(own, "incidence")
    assert [(day.day, mean.value, mean.n) for day, mean in found["A"]] == [(1, 0.5, 2), (8, 1.0, 1)]
    assert found["B"][0][1].value == 1.0


def test_tables_have_a_row_a_plot_or_treatment_and_date():
    own = [photo(day=1), photo(day=8), photo("healthy", plot="2", day=1), photo(plot="5", treatment="B")]
    plots, treatments = summary_rows(own, "plot"), summary_rows(own, "treatment")
    assert [(r["treatment"], r["plot"], r["date"]) for r in plots] == [
        ("A", "1", "2026-07-01"), ("A", "1", "2026-07-08"), ("A", "2", "2026-07-01"), ("B", "5", None)
    ]  # fmt: skip
    assert treatments[0]["plots"] == 2 and treatments[0]["incidence"] == 0.5
    assert treatments[0]["plot_incidence"] == 0.5 and treatments[2]["plot_incidence_low"] is None
    assert {len(row) for row in treatments} == {len(treatments[0])}
