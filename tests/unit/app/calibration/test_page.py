"""The Calibration page, opened through `app/main.py`."""

import json

import numpy as np
import pytest

from hvit.runs import Run
from hvit.scoring.distances import Distances, record_distances
from tests.support.pages import figure, open_page, page_text

CLASSES = ["Potato___Late_blight", "Tomato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"]
POTATO, EARLY, LATE, HEALTHY = CLASSES
ANSWERS = [(LATE, LATE)] * 4 + [(EARLY, EARLY)] * 4 + [(HEALTHY, HEALTHY)] * 2  # 10 of 16 correct
ANSWERS += [(LATE, EARLY)] * 3 + [(LATE, POTATO), (LATE, HEALTHY), (HEALTHY, EARLY)]
DETECTOR = "d" * 64


@pytest.fixture
def run(tmp_path, monkeypatch, recorded_run) -> Run:
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "runs"))
    (tmp_path / "runs").mkdir()
    return Run(recorded_run(tmp_path / "runs" / "plain", CLASSES, ANSWERS))


def change_card(run: Run, **fields) -> None:
    path = run.path / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def with_distances(run: Run) -> None:
    """16 known photos at distances 1 to 16, four unknown ones at 20, and a detector that accepts up to 12."""
    ood = {"method": "vim", "file": "rejection.npz", "threshold": 12.0, "unsure_threshold": 8.0, "sha256": DETECTOR}
    change_card(run, ood=ood, conformal={"alpha": 0.1, "method": "lac", "threshold": 0.5})
    hashes = run.predictions("test")["sha256"] + ["e" * 64] * 4
    scores = np.array([*range(1, 17), *[20] * 4], dtype=float)
    texts = np.array(["known"] * 16 + ["unknown_crop"] * 4)
    data = np.array(["mine"] * 16 + ["figs"] * 4)
    sizes = np.ones(20, dtype=int)
    record_distances(run, "test", Distances(data, texts, np.array(hashes), texts, scores, sizes, DETECTOR))


def test_without_predictions_the_page_says_how_to_record_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path))
    assert "python -m hvit evaluate --run RUN --data path/to/photos --save" in page_text(open_page("calibration"))


def test_the_scores_come_with_intervals_and_a_table(run):
    app = open_page("calibration", judged="plain")
    assert "the mean probability is 27.5 points higher than the accuracy" in page_text(app)  # 90 and 62.5 %
    table = app.dataframe[0].value
    assert table["Photos"].tolist() == [16] and table["Top-1, %"].tolist() == [62.5]
    assert figure(app)["data"][2]["type"] == "bar"


def test_the_level_moves_the_sets(run):
    app = open_page("calibration", judged="plain", calibration="Prediction sets")
    assert app.select_slider[0].value == 0.075  # the strictest that 16 photos hold, and the nearest to 2 %
    before = page_text(app)
    after = page_text(app.select_slider[0].set_value(0.2).run())
    assert "for 7.5 % of the photos" in before and "for 20 % of the photos" in after
    assert "As served" not in before


def test_a_link_leads_to_a_level(run):
    app = open_page("calibration", judged="plain", calibration="Prediction sets", level="15 %")
    assert app.select_slider[0].value == 0.15
    assert (
        open_page("calibration", judged="plain", calibration="Prediction sets", level="odd").select_slider[0].value
        == 0.075
    )


def test_prediction_sets_as_served_are_also_shown_by_crop(run):
    with_distances(run)
    app = open_page("calibration", judged="plain", calibration="Prediction sets", sets="as served")
    assert "As served (level 10 %" in page_text(app) and "keep two classes at least" in page_text(app)
    by_crop = app.dataframe[1].value
    assert by_crop["Crop"].tolist() == ["Tomato"] and by_crop["Photos"].tolist() == [16]
    # four photos lie between 8 and 12: their sets have two classes, all others one
    assert by_crop["Classes in a set"].tolist() == [pytest.approx(1.25)]


def test_selective_accuracy_begins_with_all_photos_and_has_an_area(run):
    app = open_page("calibration", judged="plain", calibration="Selective accuracy")
    points, areas = app.dataframe[0].value, app.dataframe[1].value
    assert (points["Answered, %"][0], points["Photos"][0], points["Correct, %"][0]) == (100.0, 16, 62.5)
    assert areas["Order by chance x 1000"].tolist() == [375.0] and areas["Data set"].tolist() == ["All photos"]


def test_without_a_detector_the_page_says_how_to_fit_one(run):
    text = page_text(open_page("calibration", judged="plain", calibration="Unfamiliar photos"))
    assert "python -m training.calibrate --run plain" in text


def test_without_distances_the_page_says_how_to_record_them(run):
    with_distances(run)
    change_card(run, ood={"method": "vim", "file": "r.npz", "threshold": 1.0, "sha256": "f" * 64})
    text = page_text(open_page("calibration", judged="plain", calibration="Unfamiliar photos"))
    assert "--unknown-classes report --save-distances" in text and "is not recorded for this run" in text


def test_a_threshold_shows_what_it_accepts(run):
    with_distances(run)
    app = open_page("calibration", judged="plain", calibration="Unfamiliar photos", accepted="75 %")
    text = page_text(app)
    assert (
        "A limit of 12.00 accepts 75.0\u00a0% of the known photos, and under 1\u00a0% of the leaves of unknown" in text
    )
    table = app.dataframe[0].value
    assert table["Accepted, %"].tolist() == [75.0, 0.0] and table["Given a single name, %"].tolist() == [50.0, 0.0]
    assert table["AUROC"].tolist()[1] == 1.0
    assert "no leaf at all" in text


def test_damaged_distances_are_one_sentence(run):
    with_distances(run)
    (run.path / "eval/test/rejection.parquet").write_bytes(b"x")
    text = page_text(open_page("calibration", judged="plain", calibration="Unfamiliar photos"))
    assert "distances in eval/test/rejection.parquet of run plain are damaged" in text
