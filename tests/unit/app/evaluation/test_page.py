"""The Evaluation page, opened through `app/main.py`."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.evaluated_runs import EARLY, LATE
from tests.support.pages import figure, open_page, page_text


def test_evaluation_shows_the_numbers_with_their_intervals(judged):
    text = page_text(open_page("evaluation", judged="plain-0"))
    assert "62.5\u00a0%" in text and "38.6 to 81.5\u00a0%" in text  # 10 of 16, Wilson
    assert "Test was evaluated once, on 24 Nov 2026." in text
    assert "**3 of 9** Tomato: late blight, predicted Tomato: early blight" in text


def test_evaluation_begins_with_the_risks_of_the_run_the_worst_first(judged):
    text = page_text(open_page("evaluation", judged="plain-0"))
    assert "Can I trust this run?" in text
    assert text.index("Rare classes.") < text.index("Outdoors.") < text.index("Turned photos.")
    assert "python -m training.stress --run plain-0 --data path/to/photos" in text


def test_damage_in_what_the_risks_are_read_from_is_a_sentence_and_leaves_the_rest(judged):
    (judged / "plain-0" / "eval" / "test" / "robustness.parquet").write_bytes(b"x")
    text = page_text(open_page("evaluation", judged="plain-0"))
    assert "robustness.parquet of run plain-0 are damaged" in text and "38.6 to 81.5\u00a0%" in text


def test_a_chosen_cell_shows_its_pictures(judged):
    app = open_page("evaluation", judged="plain-0")
    assert "Choose one of the confusions" in page_text(app)
    assert [LATE, EARLY] in figure(app)["data"][2]["customdata"]
    app.session_state["true"], app.session_state["called"] = LATE, EARLY
    text = page_text(app.run())
    assert "3 of 9 pictures of Tomato: late blight were predicted as Tomato: early blight (33.3\u00a0%)." in text
    assert text.count("<figure>") == 3 and "predicted Tomato: early blight, 90\u00a0%" in text


def test_a_click_on_the_matrix_chooses_its_cell():
    def click():
        import streamlit as st

        from app import state

        st.session_state[state.MATRIX] = {"selection": {"points": [{"customdata": ["a", "b"]}]}}
        state.take_clicked_cell()
        st.session_state[state.MATRIX] = {"selection": {"points": []}}  # a click beside all cells leaves the choice
        state.take_clicked_cell()
        st.write(st.session_state[state.TRUE_CLASS], st.session_state[state.CALLED])

    assert AppTest.from_function(click).run().markdown[0].value == "a b"


def test_a_link_leads_to_a_cell(judged):
    app = open_page("evaluation", judged="plain-0", true="Tomato: late blight", called="Potato: late blight")
    assert "1 of 9 pictures of Tomato: late blight was predicted as Potato: late blight" in page_text(app)
    assert figure(app)["layout"]["shapes"]


def test_a_confusion_of_the_list_shows_its_pictures(judged):
    app = open_page("evaluation", judged="plain-0")
    app = next(button for button in app.button if button.label.startswith("**3 of 9**")).click().run()
    assert page_text(app).count("<figure>") == 3
    assert figure(app)["layout"]["shapes"]  # the cell is framed in the matrix too


def test_errors_are_sorted_into_kinds(judged):
    app = open_page("evaluation", judged="plain-0", errors="Kinds of error")
    data = [trace for trace in figure(app)["data"] if trace["mode"] == "markers"]
    assert [trace["x"] for trace in data] == [[3 / 16], [1 / 16], [1 / 16], [1 / 16]]
    assert page_text(app).count("<figure>") == 3


def test_another_run_that_lacks_what_was_chosen_goes_back_to_the_first(judged, recorded_run):
    recorded_run(judged / "cropless", ["Rust", "healthy"], [("Rust", "healthy"), ("Rust", "Rust")])
    app = open_page("evaluation", judged="plain-0", errors="Kinds of error", kind="Wrong crop")
    assert page_text(app).count("<figure>") == 1
    app.selectbox(key="judged").set_value("cropless").run()
    assert "No picture: this error was not made." in page_text(app)
    app = open_page("evaluation", judged="plain-0", true="Tomato: late blight")
    app.selectbox(key="judged").set_value("cropless").run()
    assert app.selectbox(key="true").value == "any" and not app.exception


def test_classes_have_their_intervals_and_a_chosen_row_shows_its_errors(judged):
    app = open_page("evaluation", judged="plain-0", errors="Class by class")
    frame = app.dataframe[0].value.set_index("Class")
    late = frame.loc["Tomato: late blight"]
    assert (late["Pictures"], late["Predicted"], late["Precision, %"]) == (9, 4, 100)
    assert late["Recall, %"] == pytest.approx(100 * 4 / 9) and late["Recall: 95 %"] == "19 to 73"
    assert frame.loc["Potato: late blight"].isna()["Recall, %"]  # never shown, so nothing to recall
    app.session_state["classes_table"] = {"selection": {"rows": [2], "columns": [], "cells": []}}
    assert "5 of 9 pictures were classified wrongly." in page_text(app.run())


@pytest.mark.parametrize("view", ["Confident errors", "Worth a second look", "Probabilities"])
def test_the_other_views_of_evaluation_open(judged, view):
    text = page_text(open_page("evaluation", judged="plain-0", errors=view))
    if view == "Confident errors":
        assert "6 errors of 16 pictures, by descending confidence." in text
    if view == "Worth a second look":
        assert "labels of 16 are worth a second look" in text and "These leaves are drawn" in text


def test_without_evaluated_runs_the_page_says_how_to_get_one(runs):
    app = open_page("evaluation")
    assert "No run was evaluated yet." in page_text(app)
    assert "python -m hvit evaluate" in app.code[0].value


def test_damaged_predictions_are_reported_in_one_sentence(judged):
    (judged / "plain-0" / "eval" / "test" / "predictions.parquet").write_bytes(b"nonsense")
    assert "predictions of run plain-0 on test are damaged" in page_text(open_page("evaluation", judged="plain-0"))
    text = page_text(open_page("compare_runs", runs=["plain", "better"], view="Scores"))
    assert "predictions of run plain-0 on test are damaged" in text


def test_shortcuts_that_were_not_measured_name_the_command(judged):
    text = page_text(open_page("evaluation", judged="plain-0", errors="Shortcuts"))
    assert "without color, detail, leaf or background was not measured" in text


def test_shortcuts_are_sentences_and_a_table(judged):
    from hvit.runs import Run
    from hvit.scoring.audit import Audit, record_audit
    from hvit.scoring.audit_rows import Cue, Transfer

    grey = Cue("grey", 40, 0.5, (0.35, 0.65), 0.9, 0.5, (0.3, 0.7), 0.25)
    rust = Transfer(LATE, 20, 0.9, 20, 0.4, -0.5, (-0.7, -0.2))
    record_audit(Run(judged / "plain-0"), "test", Audit(40, 30, "9" * 64, (grey,), (rust,)))
    app = open_page("evaluation", judged="plain-0", errors="Shortcuts")
    text = page_text(app)
    assert "Without color, 50 % of the right answers are lost: it depends on color" in text
    assert "Tomato: late blight: recognized 50 points less often in the field." in text
    assert app.dataframe[0].value["Pictures"].tolist() == [40]
    assert "of other weights than the run has now" in text
