"""The confusion matrix as a figure."""

import numpy as np
import pytest

from app.figures.confusion import confusion_matrix, scale_html
from app.theme import PAPER

CLASSES, TITLES = ["A___x", "A___y", "B___x"], ["A: x", "A: y", "B: x"]
CONFUSION = np.array([[9, 1, 0], [0, 0, 0], [1, 0, 3]])


def test_right_and_wrong_are_two_layers_on_one_fixed_scale():
    right, wrong, _ = confusion_matrix(CLASSES, TITLES, CONFUSION).data
    assert (right.zmin, right.zmax, wrong.zmin, wrong.zmax) == (0, 1, 0, 1)
    assert right.z[0][0] ** 2 == pytest.approx(0.9) and np.isnan(right.z[0][1]) and np.isnan(right.z[1][1])
    assert wrong.z[0][1] ** 2 == pytest.approx(0.1) and np.isnan(wrong.z[0][0])
    assert right.colorscale[1][1] == PAPER.accent and wrong.colorscale[1][1] == PAPER.error


def test_every_cell_that_holds_a_picture_can_be_clicked():
    cells = confusion_matrix(CLASSES, TITLES, CONFUSION).data[2]
    assert [list(pair) for pair in cells.customdata] == [
        ["A___x", "A___x"],
        ["A___x", "A___y"],
        ["B___x", "A___x"],
        ["B___x", "B___x"],
    ]
    assert cells.text[1] == "A: x<br>predicted A: y: 1 of 10 (10.0 %)" and "correct: 3 of 4" in cells.text[3]


def test_numbers_are_counts_or_percents():
    counts = confusion_matrix(CLASSES, TITLES, CONFUSION).data[1].text
    rates = confusion_matrix(CLASSES, TITLES, CONFUSION, rates=True).data[1].text
    assert counts[0].tolist() == ["", "1", ""] and rates[2].tolist() == ["25", "", ""]
    assert confusion_matrix(list("ab"), list("ab"), np.array([[999, 1], [0, 1]]), rates=True).data[1].text[0][1] == "<1"


def test_the_chosen_cell_is_framed():
    frame = confusion_matrix(CLASSES, TITLES, CONFUSION, chosen=("B___x", "A___x")).layout.shapes[0]
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (-0.5, 0.5, 1.5, 2.5)
    assert not confusion_matrix(CLASSES, TITLES, CONFUSION, chosen=("gone", "A___x")).layout.shapes


def test_many_classes_go_without_numbers():
    many = [str(i) for i in range(41)]
    assert confusion_matrix(many, many, np.eye(41, dtype=int)).data[0].text is None


def test_the_scale_has_its_marks_where_the_colors_are():
    html = scale_html()
    assert '<span style="left: 10%">1</span>' in html and '<span style="left: 71%">50</span>' in html
