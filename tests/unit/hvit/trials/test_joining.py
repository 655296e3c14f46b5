"""Photos find their line of the sheet, and what does not fit is named."""

import pytest

from hvit.trials.joining import join_sheet
from hvit.trials.sheet import Sheet, SheetRow

NAMES = ["plot 1/IMG_01.jpg", "plot 1/IMG_02.JPG", "plot 2/IMG_11.jpg"]


def sheet(*rows):
    return Sheet(tuple(SheetRow(i, pattern, plot, "", "", None) for i, (pattern, plot) in enumerate(rows, 2)))


def plots(joined):
    return [row and row.plot for row in joined.rows]


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("IMG_01.jpg", [0]),
        ("img_02", [1]),
        ("plot 2\\IMG_11.jpg", [2]),
        ("./plot 2/IMG_11", [2]),
        ("IMG_0*", [0, 1]),
        ("plot 1/*", [0, 1]),
        ("*_1?.jpg", [2]),
        ("IMG", []),
        ("IMG_3*", []),
    ],
)
def test_a_line_fits_by_name_or_pattern(pattern, fits):
    joined = join_sheet(sheet((pattern, "7")), NAMES)
    assert plots(joined) == ["7" if i in fits else None for i in range(3)]
    assert len(joined.unmatched) == 3 - len(fits)
    assert [row.line for row in joined.empty] == ([] if fits else [2])


def test_a_photo_that_lines_put_into_two_plots_is_named_and_left_out():
    joined = join_sheet(sheet(("IMG_0*", "1"), ("IMG_02", "2"), ("IMG_11", "3")), NAMES)
    assert plots(joined) == ["1", None, "3"]
    assert joined.double == (("plot 1/IMG_02.JPG", (2, 3)),) and joined.unmatched == ()


def test_lines_that_say_the_same_of_a_photo_do_not_differ():
    joined = join_sheet(sheet(("IMG_0*", "1"), ("IMG_01", "1")), NAMES)
    assert plots(joined) == ["1", "1", None] and joined.double == ()


def test_brackets_may_belong_to_a_name():
    joined = join_sheet(sheet(("IMG [2].jpg", "1")), ["IMG [2].jpg", "IMG 2.jpg"])
    assert plots(joined) == ["1", None]


def test_names_are_compared_in_one_form_of_unicode():
    assert plots(join_sheet(sheet(("U\u0308bung", "1")), ["\u00dcbung.jpg"])) == ["1"]


def test_kinds_and_numbers_of_spaces_do_not_count():
    joined = join_sheet(
        sheet(("Screenshot 9.41 PM", "1"), ("a b.jpg", "2")), ["Screenshot 9.41\u202fPM.jpg", "a  b.jpg"]
    )
    assert plots(joined) == ["1", "2"]


def test_of_names_that_differ_by_case_only_the_one_as_written_is_meant():
    lines = sheet(("IMG_1.jpg", "1"), ("img_1", "2"))
    assert plots(join_sheet(lines, ["IMG_1.jpg", "img_1.JPG"])) == ["1", "2"]
    assert plots(join_sheet(lines, ["Img_1.jpg"])) == [None]  # both lines fit it in any case
