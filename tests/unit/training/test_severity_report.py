"""The report of how well a run measures severity, on a head that goes by color."""

import json

import numpy as np
import pytest
from PIL import Image

from hvit.scoring.severity import record_measured_photos
from hvit.severity.records import MeasuredPhoto
from tests.support.color_heads import add_color_head
from tests.support.weighted_runs import CLASSES, write_run
from training.severity_report import main

ROW = MeasuredPhoto(
    "a.jpg", "0" * 64, "spots", "", "head", True, 100, 50, 50, 45, 10, 9, 8, 0.2, 0.18, 0.1, 0.3, 2, None
)  # fmt: skip
GREY, GREEN, BROWN = (190, 190, 190), (50, 150, 40), (120, 70, 30)


@pytest.fixture
def run(tmp_path):
    folder = write_run(tmp_path / "leaves", CLASSES, "leaves")
    add_color_head(folder)
    record_measured_photos(folder, "test", [ROW], {})
    return folder


def write_leaf(root, name: str, leaf_value: int = 1) -> None:
    """A leaf of 100 x 100 px of 200 x 160 with a brown spot on a tenth of it, and its mask."""
    mask = np.zeros((160, 200), np.uint8)
    mask[30:130, 50:150] = 1
    mask[60:80, 75:125] = 2
    photo = np.array([GREY, GREEN, BROWN], np.uint8)[mask]
    for part, picture in (("images", photo), ("masks", np.where(mask == 1, leaf_value, mask))):
        (root / "test" / part).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(root / "test" / part / f"{name}.png")


def report(run, capsys, *words: str) -> dict:
    assert main(["--run", str(run), "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_recorded_rows_are_scored_without_loading_the_run(run, capsys):
    found = report(run, capsys)["masks"]["spots"]["head"]
    assert found["symptom_iou"]["value"] == pytest.approx(8 / 11)
    assert found["mae"]["value"] == pytest.approx(0.02)


def test_further_masks_are_measured_by_the_head(run, tmp_path, capsys):
    for name in ("a", "b"):
        write_leaf(tmp_path / "tomato", name)
    found = report(run, capsys, "--masks", str(tmp_path / "tomato"))["further_masks"]["tomato"]
    assert found["n"] == found["measured"] == 2
    assert found["leaf_iou"]["value"] > 0.9
    assert found["mae"]["value"] < 0.02
    assert found["coverage"]["value"] == 1.0


def test_masks_of_symptoms_alone_have_no_leaf_to_compare(run, tmp_path, capsys):
    write_leaf(tmp_path / "tomato", "a", leaf_value=0)
    found = report(run, capsys, "--masks", str(tmp_path / "tomato"))["further_masks"]["tomato"]
    assert found["leaf_iou"]["value"] is None and found["measured"] == 0
    assert found["symptom_iou"]["value"] > 0.7


def test_a_healthy_leaf_without_a_spot_measures_nothing(run, tmp_path, capsys):
    folder = tmp_path / "pack/val/Tomato___healthy"
    folder.mkdir(parents=True)
    photo = np.full((160, 200, 3), GREY, np.uint8)
    photo[30:130, 50:150] = GREEN
    Image.fromarray(photo).save(folder / "a.png")
    found = report(run, capsys, "--healthy", str(tmp_path / "pack"), "--split", "val")["healthy"]
    assert found == {"Tomato___healthy": {"n": 1, "median": 0.0, "q90": 0.0}}


def test_mistakes_are_one_sentence(run, tmp_path, capsys):
    write_leaf(tmp_path / "tomato", "a")
    plain = write_run(tmp_path / "plain", CLASSES, "leaves")
    record_measured_photos(plain, "test", [ROW], {})
    for words, message in (
        (["--run", str(run), "--masks", str(tmp_path / "absent")], "no such folder"),
        (["--run", str(run), "--masks", str(tmp_path / "tomato"), "--split", "val"], "no photos with masks"),
        (["--run", str(plain), "--masks", str(tmp_path / "tomato")], "has no severity head"),
    ):
        assert main(words) == 2
        assert message in capsys.readouterr().err


HEADER = "path,split,class,extra"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "cannot be read: No such file"),
        ("path,extra\na.jpg,severity=1", "expected columns path and split and extra"),
        (f"{HEADER}\na.jpg,test,Tomato___healthy,severity=two", "line 2 has severity=two; expected a number"),
        (f"{HEADER}\na.jpg,test,Tomato___healthy,severity=nan", "line 2 has severity=nan; expected a number"),
        (f"{HEADER}\na.jpg,val,Tomato___healthy,severity=1", "no graded photos in split test"),
        (f"{HEADER}\na.jpg,test,Tomato___healthy,", "no graded photos in split test"),
        (f"{HEADER}\na.jpg,test,Coffee___Rust,severity=1", "coffee"),
    ],
)
def test_mistakes_in_the_grades_are_one_sentence(run, tmp_path, text, expected, capsys):
    if text is not None:
        (tmp_path / "grades.csv").write_text(text)
    assert main(["--run", str(run), "--grades", str(tmp_path / "grades.csv")]) == 2
    err = capsys.readouterr().err
    assert expected in err and "Traceback" not in err and err.count("\n") == 1


def test_a_photo_that_cannot_be_read_is_named(run, tmp_path, capsys):
    (tmp_path / "cut" / "test" / "Tomato___healthy").mkdir(parents=True)
    (tmp_path / "cut" / "test" / "Tomato___healthy" / "a.jpg").write_bytes(b"no photo")
    for option in ("--cutouts", "--healthy"):
        assert main(["--run", str(run), option, str(tmp_path / "cut")]) == 2
        assert "Tomato___healthy/a.jpg cannot be read: " in capsys.readouterr().err
