"""Contact sheets."""

import numpy as np
import pytest
from PIL import Image

from hvit.__main__ import main
from hvit.data.datasets.reading import DataError, class_names, read_samples
from hvit.data.inspection.contact_sheet import contact_sheet


def test_a_sheet_has_a_row_a_class_and_a_column_a_photo(photo_folder):
    samples = read_samples([photo_folder])
    sheet = contact_sheet(samples, columns=2, side=48)
    assert sheet.shape == (24 + len(class_names(samples)) * 72 + 12, 48 + 2 * 52 - 4, 3)
    first, second = sheet[32:80, 24:72], sheet[32:80, 76:124]
    assert first.std() > 5 and second.std() > 5 and not np.array_equal(first, second)


def test_another_seed_shows_other_photos_and_the_same_seed_the_same(photo_folder):
    samples = read_samples([photo_folder])
    sheets = [contact_sheet(samples, 2, 48, seed) for seed in (0, 0, 1)]
    assert np.array_equal(sheets[0], sheets[1]) and not np.array_equal(sheets[0], sheets[2])


def test_the_command_writes_a_picture_of_rendered_leaves(tmp_path, capsys):
    out = tmp_path / "sheet.png"
    assert main(["data", "sheet", "leafsim:v1/7/0-9", "--out", str(out), "--columns", "1", "--size", "64"]) == 0
    assert str(out) in capsys.readouterr().out
    assert Image.open(out).width == 48 + 64


@pytest.mark.parametrize(("name", "message"), [("sheet.txt", "ends in .jpg or .png"), ("no/sheet.jpg", "no folder no")])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, capsys, name, message):
    assert main(["data", "sheet", "leafsim:v1/7/0-9", "--out", str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err


def test_no_photos_make_no_sheet():
    with pytest.raises(DataError, match="no photos"):
        contact_sheet([])
