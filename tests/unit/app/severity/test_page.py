"""The Severity page and Guess first, opened through `app/main.py`."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from hvit.files import file_sha256
from hvit.scoring.severity import record_measured_photos
from hvit.severity.records import MeasuredPhoto
from tests.support.color_heads import add_color_head, spotted_leaf
from tests.support.pages import open_page, page_text, press

ROW = MeasuredPhoto(
    "leafsim:v1/4/9", "0" * 64, "leafsim-v1-4", "Rust", "head", True, 100, 50, 50, 45, 10, 9, 8, 0.2, 0.18, 0.1, 0.3, 2,
    None,
)  # fmt: skip


@pytest.fixture
def runs(tiny_run, tmp_path, monkeypatch):
    shutil.copytree(tiny_run, tmp_path / "runs" / "tiny")
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_without_a_head_the_page_names_the_program(runs):
    app = open_page("severity")
    assert "No run measures severity yet." in page_text(app)
    assert app.code[0].value.startswith("python -m training.segment") and app.code[0].value.endswith("init=tiny")


def test_a_run_without_recorded_severity_is_named(runs):
    shutil.copytree(runs / "tiny", runs / "other")
    record_measured_photos(runs / "tiny", "test", [ROW], {})
    app = open_page("severity", run="other")
    text = page_text(app)
    assert "other has no recorded severity of photos with masks. Until you choose another, this is tiny." in text
    assert app.code[0].value.endswith("init=other")


def test_measured_areas_are_compared_with_the_masks(runs):
    rows = [replace(ROW, path=f"leafsim:v1/4/{i}", area_true=0.1 + i / 100) for i in range(12)]
    compared = [replace(row, method="classical", symptom_both=4, low=None, high=None) for row in rows]
    lost = replace(ROW, path="leafsim:v1/4/99", area=None, low=None, high=None, reason="several leaves")
    record_measured_photos(runs / "tiny", "test", [*rows, *compared, lost, replace(lost, method="classical")], {})
    text = page_text(open_page("severity"))
    assert "IoU of symptoms" in text and "Bland-Altman" in text
    assert "better than color thresholds" in text
    assert "1 because of: several leaves" in text
    assert "Largest errors" in text


def test_a_photo_with_a_large_error_opens_and_can_be_marked(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("HVIT_PHOTOS", str(tmp_path / "photos"))
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (80, 64), "green").save(tmp_path / "photos" / "one.png")
    photo = replace(ROW, path="coffee/one.png", sha256=file_sha256(tmp_path / "photos" / "one.png"), data="coffee")
    record_measured_photos(runs / "tiny", "test", [replace(photo, label="Coffee___Rust")], {})
    app = press(open_page("severity"), "Look closer")
    app.text_input(key="tile_reviewer").set_value("Ana").run()
    text = page_text(app)
    assert "Explain in Attention" in text and "As labelled: Coffee: rust" in text


@pytest.fixture
def masked_photo(tmp_path, monkeypatch):
    """A spotted leaf with its mask beside it, as a record of the run `tiny`."""
    monkeypatch.setenv("HVIT_PHOTOS", str(tmp_path / "coffee"))
    for part in ("images", "masks"):
        (tmp_path / "coffee" / "test" / part).mkdir(parents=True)
    photo = tmp_path / "coffee" / "test" / "images" / "one.png"
    photo.write_bytes(spotted_leaf())
    mask = np.zeros((256, 256), np.uint8)
    mask[100:140, 60:100] = 2
    Image.fromarray(mask).save(tmp_path / "coffee" / "test" / "masks" / "one.png")
    return replace(ROW, path="coffee/test/images/one.png", sha256=file_sha256(photo), data="coffee")


def test_an_opened_photo_shows_its_mask_and_what_was_measured(runs, masked_photo):
    add_color_head(runs / "tiny")
    record_measured_photos(runs / "tiny", "test", [masked_photo], {})
    app = press(open_page("severity"), "Look closer")
    assert "White: symptoms in the mask. Orange: symptoms as measured." in page_text(app)


def test_an_opened_photo_without_a_head_at_hand_shows_its_mask_alone(runs, masked_photo):
    record_measured_photos(runs / "tiny", "test", [masked_photo], {})
    app = press(open_page("severity"), "Look closer")
    assert "White: symptoms in the mask. The head of this run is not at hand." in page_text(app)


def test_a_mask_that_cannot_be_read_is_named_and_the_photo_can_be_marked(runs, masked_photo, tmp_path):
    (tmp_path / "coffee" / "test" / "masks" / "one.png").write_bytes(b"x")
    record_measured_photos(runs / "tiny", "test", [masked_photo], {})
    text = page_text(press(open_page("severity"), "Look closer"))
    assert "cannot be read as a mask" in text and "Explain in Attention" in text


def test_damaged_severities_are_one_sentence(runs):
    record_measured_photos(runs / "tiny", "test", [replace(ROW, area=7.0)], {})
    app = open_page("severity")
    assert not app.exception
    assert "damaged values" in page_text(app)


@pytest.mark.parametrize("rows", [[replace(ROW, method="classical")], [replace(ROW, method="other")]])
def test_a_record_without_a_photo_that_the_head_measured_is_reported(runs, rows):
    record_measured_photos(runs / "tiny", "test", rows, {})
    app = open_page("severity")
    assert not app.exception
    assert "Run tiny recorded no photo that its segmentation head measured." in page_text(app)


def test_methods_on_other_photos_are_not_compared(runs):
    rows = [replace(ROW, path=f"leafsim:v1/4/{i}", area_true=0.1 + i / 100) for i in range(6)]
    other = [replace(row, method="classical", path=f"{row.path}0") for row in rows]
    record_measured_photos(runs / "tiny", "test", [*rows, *other], {})
    app = open_page("severity")
    assert not app.exception
    assert "Not measured on these photos: Color thresholds." in page_text(app)


def test_an_encoder_trained_end_to_end_is_compared_with_the_head(runs):
    rows = [replace(ROW, path=f"leafsim:v1/4/{i}", area_true=0.1 + i / 100) for i in range(12)]
    record_measured_photos(runs / "tiny", "test", rows, {})
    (runs / "encoder").mkdir()
    info = {"schema_version": 1, "status": "done", "kind": "segment", "parent": "tiny"}
    (runs / "encoder" / "run.json").write_text(json.dumps(info))
    encoder = [replace(row, method="timm:tf_efficientnet_lite0", symptom_both=4) for row in rows]
    record_measured_photos(runs / "encoder", "test", encoder, {})
    app = open_page("severity")
    assert "better than tf_efficientnet_lite0, trained end to end on the same masks" in page_text(app)
    assert "tf_efficientnet_lite0" in list(app.dataframe[0].value["Method"])
    assert app.selectbox(key="run").options == ["tiny"]


def test_a_single_photo_without_symptoms_is_shown(runs):
    healthy = replace(ROW, symptom_true=0, symptom_predicted=0, symptom_both=0)
    record_measured_photos(runs / "tiny", "test", [healthy], {})
    app = open_page("severity")
    assert not app.exception
    assert "Largest errors" in page_text(app)


def test_a_file_that_is_no_table_is_one_sentence(runs):
    record_measured_photos(runs / "tiny", "test", [ROW], {})
    (runs / "tiny" / "eval" / "test" / "severity.parquet").write_bytes(b"PAR1 nothing PAR1")
    app = open_page("severity")
    assert not app.exception
    assert "copy the run again" in page_text(app)


def test_a_guess_is_answered_by_the_truth_and_the_next_leaf_is_another(runs):
    app = open_page("guess_first")
    app.slider[0].set_value(12.5).run()
    press(app, "That is my guess")
    text = page_text(app)
    assert "True: " in text and "1 guess: bias" in text
    press(app, "Next leaf")
    assert app.slider[0].value == 0.0
    press(app, "That is my guess")
    assert "2 guesses" in page_text(app)


def test_a_second_click_is_no_second_guess(runs):
    def clicked_twice():
        import streamlit as st

        from app import state

        state.take_guess("12 %")
        state.take_guess("12 %")
        st.write(len(state.guesses()))

    assert AppTest.from_function(clicked_twice).run().markdown[0].value == "`1`"


def test_another_session_starts_with_another_leaf(runs, monkeypatch):
    numbers = iter(range(100))
    monkeypatch.setattr("app.cache.guesses.secrets.randbelow", lambda most: next(numbers))
    first, second = open_page("guess_first"), open_page("guess_first")
    assert first.session_state["_leaf_to_guess"] != second.session_state["_leaf_to_guess"]
