"""The Robustness page, opened through `app/main.py`."""

import json
import shutil

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.pages import open_page, page_text
from tests.support.stressed_runs import record_answers

ANSWERS = {("clean", 0): "CCCCCcCCWu"} | {("noise", s): "CCCCCcCWWu"[:-s] + "w" * s for s in range(1, 6)}
WORSE = {("clean", 0): "CCCCCcCCWu"} | {("noise", s): "CWWWWWWWWu" for s in range(1, 6)}


@pytest.fixture
def runs(tmp_path, monkeypatch, tiny_run):
    """A run that can predict, and was not stressed."""
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "runs"))
    shutil.copytree(tiny_run, tmp_path / "runs" / "tiny")
    return tmp_path / "runs"


@pytest.fixture
def stressed(runs, tiny_run):
    """Two runs that were stressed."""
    shutil.copytree(tiny_run, runs / "worse")
    record_answers(runs / "tiny", ANSWERS)
    record_answers(runs / "worse", WORSE)
    return runs


def lines_of(app: AppTest, number: int) -> list[dict]:
    return json.loads(app.get("plotly_chart")[number].proto.spec)["data"]


def test_a_run_that_was_not_stressed_shows_the_command(runs):
    assert "python -m training.stress --run tiny --data path/to/photos" in page_text(open_page("robustness"))


def test_without_any_run_the_page_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path))
    text = page_text(open_page("robustness"))
    assert "No run was stressed yet." in text and "training.stress --run RUN" in text


def test_curves_are_those_of_the_recorded_predictions(stressed):
    app = open_page("robustness", stressed="tiny", change="Sensor noise")
    assert lines_of(app, 0)[0]["y"] == [0.8, 0.7, 0.7, 0.7, 0.6, 0.5]
    text = page_text(app)
    assert "80.0\u00a0%" in text and "10" in text
    assert "Sensor noise at strength 5, tiny: -30.0 points of accuracy" in text


def test_two_runs_are_shown_side_by_side(stressed):
    app = open_page("robustness", stressed="tiny", against_run="worse", change="Sensor noise")
    assert [line["name"] for line in lines_of(app, 0)] == ["tiny", "worse"]
    text = page_text(app)
    assert "worse against tiny at strength 3:" in text and "Corruption error (mCE)" in text


def test_the_table_holds_every_kind_and_run(stressed):
    app = open_page("robustness", stressed="tiny", against_run="worse", robustness="Table")
    table = app.dataframe[0].value
    assert list(table["Kind"]) == 2 * ["All corruptions, mean"] + 2 * ["Sensor noise"]
    assert table["5, %"].tolist() == pytest.approx([50, 10, 50, 10])
    assert table["Corruption error"].tolist()[3] == pytest.approx(4.5 / 1.8)  # sums of errors


def test_the_kinds_are_shown_on_a_leaf_at_a_chosen_strength(runs):
    text = page_text(open_page("robustness", robustness="The sixteen kinds", strong="5"))
    assert text.count("<figure>") == 17 and "Degrees: 180" in text and "Drawn by LeafSim" in text


def test_a_photo_goes_through_a_ladder(runs):
    app = open_page("robustness", robustness="Your photo", ladder="Turned")
    text = page_text(app)
    assert text.count("<figure>") == 6 and "Strength 5" in text and "Turned: the most likely class" in text
    assert "This model learned from photos only." in text


def test_an_uploaded_photo_takes_the_place_of_the_leaf(runs):
    from tests.support.pages import leaf

    app = open_page("robustness", robustness="Your photo")
    app.file_uploader[0].set_value([("mine.jpg", leaf(1), "image/jpeg")])
    app.run()
    assert next(box for box in app.selectbox if box.label == "Photo").options == ["1. mine.jpg"]
    assert page_text(app).count("<figure>") == 6


def test_an_unreadable_photo_is_reported(runs):
    app = open_page("robustness", robustness="Your photo")
    app.file_uploader[0].set_value([("notes.jpg", b"not a photo", "image/jpeg")])
    app.run()
    assert "is not a picture" in page_text(app)


def test_a_damaged_table_is_a_sentence(stressed):
    (stressed / "tiny" / "eval" / "test" / "robustness.parquet").write_bytes(b"PAR1 nonsense PAR1")
    text = page_text(open_page("robustness", stressed="tiny"))
    assert "answers in eval/test/robustness.parquet of run tiny are damaged; copy the run again" in text
