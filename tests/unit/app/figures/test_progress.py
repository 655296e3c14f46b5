"""The figure of disease progress."""

from datetime import date

from app.figures.progress import disease_progress
from hvit.trials.summary import Mean

DAYS = [date(2026, 7, 1), date(2026, 7, 8)]


def test_a_line_a_treatment_in_percent_with_intervals_within_0_and_100():
    figure = disease_progress(
        {
            "A": [(DAYS[0], Mean(0.1, (-0.1, 0.3), 3)), (DAYS[1], Mean(0.9, (0.7, 1.1), 3))],
            "": [(DAYS[0], Mean(0.5, None, 1)), (DAYS[1], Mean(None, None, 0))],
        },
        "Incidence",
    )
    first, second = figure.data
    assert (first.name, second.name) == ("A", "no treatment")
    assert list(first.y) == [10, 90] and list(second.y) == [50]
    assert [round(v) for v in first.error_y.array] == [20, 10]
    assert [round(v) for v in first.error_y.arrayminus] == [10, 20]
    assert list(second.error_y.array) == [0] and first.marker.symbol != second.marker.symbol
    assert figure.layout.yaxis.title.text == "Incidence, %, mean over plots"
