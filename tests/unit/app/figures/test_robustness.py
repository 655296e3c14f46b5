"""Scores against strength."""

from app.figures.robustness import StrengthCurve, score_by_strength


def test_a_line_a_run_with_intervals_and_gaps():
    first = StrengthCurve("tiny", [0, 1, 2], [0.9, 0.8, 0.5], [(0.85, 0.95), (0.7, 0.9), (0.4, 0.6)])
    second = StrengthCurve("teacher", [0, 1, 2], [0.9, None, 0.7])
    one, other = score_by_strength([first, second], "top-1 accuracy").data
    assert list(one.y) == [0.9, 0.8, 0.5] and list(other.y) == [0.9, None, 0.7]
    assert [round(x, 3) for x in one.error_y.array] == [0.05, 0.1, 0.1]
    assert [round(x, 3) for x in one.error_y.arrayminus] == [0.05, 0.1, 0.1]
    assert other.error_y.array is None
    assert one.line.dash != other.line.dash and one.line.color != other.line.color
    assert list(other.customdata) == [0, 1, 2]  # true strengths, though drawn a little to the right


def test_one_run_needs_no_legend_and_shares_fill_the_axis():
    figure = score_by_strength([StrengthCurve("tiny", [0, 1], [0.9, 0.8])], "share named")
    assert not figure.data[0].showlegend
    assert figure.layout.yaxis.title.text == "share named" and figure.layout.yaxis.range == (0, 1.02)
