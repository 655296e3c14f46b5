"""What the trial of a batch says."""

from app.batch import trial_words as words
from hvit.trials.joining import join_sheet
from hvit.trials.sheet import Sheet, SheetRow
from hvit.trials.summary import Mean


def test_what_does_not_fit_is_named_with_its_lines():
    rows = [
        SheetRow(2, "a*", "1", "", "", None),
        SheetRow(3, "ab", "2", "", "", None),
        SheetRow(4, "z", "3", "", "", None),
    ]
    found = join_sheet(Sheet(tuple(rows)), ["ab.jpg", "ac.jpg", "b.jpg"])
    assert words.joined(found, 3) == "1 of 3 photos have their place by 3 lines."
    assert [names for _, names in words.unmatched(found)] == [["ab.jpg: lines 2, 3"], ["b.jpg"], ["line 4: z (plot 3)"]]


def test_a_row_shows_percent_and_keeps_intervals_within_0_and_100():
    cells = {
        "treatment": "A", "date": None, "plots": 2, "photos": 9, "unsure": 0.1, "incidence": 0.5, "incidence_low": 0.2,
        "incidence_high": 0.8, "plot_incidence": 0.4, "plot_incidence_low": -0.2, "plot_incidence_high": 1.2,
        "severity": None, "severity_low": None, "severity_high": None, "severity_n": 0,
    }  # fmt: skip
    row = words.row(cells)
    assert row["Incidence, %"] == 50 and row["Incidence: 95 %"] == "20.0 to 80.0"
    assert row["Mean of plots: 95 %"] == "0.0 to 100.0"
    assert row["Severity, %"] is None and row["Severity: 95 %"] == ""


def test_an_area_that_no_plot_has_is_absent():
    assert list(words.audpc_row("A", Mean(None, None, 0), 3).values()) == ["A", None, "", 0, 3]
    assert words.audpc_row("A", Mean(700.04, (-5.0, 1400.0), 3), 3)["95 %"] == "0 to 1400"
