"""Contact sheets of measured leaves."""

import cv2
import numpy as np
import pytest

from tests.support.color_heads import add_color_head
from tests.support.weighted_runs import CLASSES, write_run
from training.severity_sheet import TEXT_PX, TILE_PX, main, outlined


@pytest.fixture
def run(tmp_path):
    add_color_head(write_run(tmp_path / "leaves", CLASSES, "leaves"))
    return tmp_path / "leaves"


def test_a_sheet_has_three_rows_of_tiles(run, tmp_path):
    out = tmp_path / "sheet.jpg"
    assert main(["--run", str(run), "--data", "leafsim:v1/4/9-29", "--out", str(out), "--columns", "2"]) == 0
    assert cv2.imread(str(out)).shape == (3 * (TILE_PX + TEXT_PX), 2 * TILE_PX, 3)


def test_outlines_of_both_masks_are_shown():
    photo, true = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), bool)
    true[10:30, 10:30] = True
    shown = outlined(photo, true, np.roll(true, 20, axis=1))
    assert shown.shape == (TILE_PX, TILE_PX, 3)
    assert (shown.min(2) > 200).any() and (shown[..., 0].astype(int) - shown[..., 1] > 150).any()


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--data", "leafsim:v1/4/0-5"], "no photos with masks in split test"), (["--data", "absent"], "no such folder")],
)
def test_mistakes_are_one_sentence(run, tmp_path, words, message, capsys):
    assert main(["--run", str(run), *words, "--out", str(tmp_path / "sheet.jpg")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "sheet.jpg").exists()


def test_a_run_without_a_head_is_named(tmp_path, capsys):
    run = write_run(tmp_path / "plain", CLASSES, "leaves")
    assert main(["--run", str(run), "--data", "leafsim:v1/4/9-9", "--out", str(tmp_path / "a.jpg")]) == 2
    assert "has no severity head" in capsys.readouterr().err
