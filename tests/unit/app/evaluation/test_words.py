"""What the Evaluation page says."""

import pytest

from app.evaluation import words

CROPS, PLAIN = ["Tomato___Late_blight", "Tomato___healthy", "Potato___healthy"], ["Rust", "healthy"]
ROW = {"time": "2026-11-04T04:06:18+00:00", "top1": 0.5}


@pytest.mark.parametrize(
    ("rows", "split", "expected"),
    [
        ([], "test", None),
        ([ROW], "val", None),
        ([ROW], "test", "Test was evaluated once, on 4 Nov 2026."),
        ([ROW, ROW], "test", "Test was evaluated 2 times (4 Nov 2026), each time with the same result."),
        ([ROW, {"top1": 0.6}], "test", "2 times (4 Nov 2026 and an unknown day). A choice made by looking at test"),
    ],
)
def test_the_number_of_test_evaluations_is_shown(rows, split, expected):
    text = words.times_evaluated(rows, split)
    assert text == expected if expected is None else expected in text


def test_without_crops_there_is_no_wrong_one():
    assert words.kinds_shown(CROPS) == ["wrong_disease", "missed_disease", "false_alarm", "wrong_crop"]
    assert words.kinds_shown(PLAIN) == ["wrong_disease", "missed_disease", "false_alarm"]
    assert words.kind_title("wrong_disease", CROPS) == "Wrong disease of the right crop"
    assert words.kind_title("wrong_disease", PLAIN) == "Wrong disease"


def test_a_cell_is_one_sentence():
    assert (
        words.cell_sentence("Rust", "healthy", 1, 4)
        == "1 of 4 pictures of rust was predicted as no disease I know (25.0\u00a0%)."
    )
    assert words.cell_sentence("Rust", "Rust", 3, 4) == "3 of 4 pictures of rust were correct (75.0\u00a0%)."
    assert words.cell_sentence("Rust", None, 4, 4) == "All 4 pictures of rust."
    assert words.cell_sentence(None, "Rust", 2, 9) == "2 pictures predicted as rust."
    assert (
        words.cell_sentence("Rust", "healthy", 0, 0) == "0 of 0 pictures of rust were predicted as no disease I know."
    )


def test_labels_worth_a_second_look_are_not_called_wrong():
    one, drawn = words.label_issues(1, 20, frozenset({"drawings"}))
    assert "1 label of 20 is worth a second look" in one and "right by construction" in drawn
    assert len(words.label_issues(3, 20, frozenset({"photos"}))) == 1
    assert words.label_issues(0, 20, frozenset()) == [
        "None of the 20 labels stands out: no picture claims another class than its own."
    ]
    assert words.suggestion_line("Rust", 0.94) == "or rust? 94\u00a0%"
