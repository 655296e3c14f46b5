"""Photos that cannot be read, or are lost while a training runs."""

import json
import shutil

import cv2
import numpy as np
import pytest

from hvit.data.caching.photo_cache import AGAIN_S, open_cache
from hvit.data.datasets.reading import read_samples
from hvit.data.photos import LostPhotoError, read_photo
from hvit.runs import Run
from training import finetune


@pytest.fixture
def photos(color_photos, tmp_path):
    """A copy of the training photos, to be damaged."""

    return shutil.copytree(color_photos, tmp_path / "colors")


@pytest.mark.case("D1")
def test_too_many_unreadable_photos_end_with_5_and_name_the_first(words, photos, tmp_path, capsys):
    broken = photos / "train" / "Tomato___healthy" / "03.png"
    broken.write_bytes(broken.read_bytes()[:200])
    words = [*words, "--set", f"data.dirs=['{photos}']", "--set", f"data.cache_dir={tmp_path / 'cache'}"]
    assert finetune.main(words) == 5
    text = capsys.readouterr().err
    assert "1 of 48 photos cannot be read; the first is colors/train/Tomato___healthy/03.png" in text
    assert not (tmp_path / "run").exists()


@pytest.mark.case("D1")
@pytest.mark.case("D2")
def test_a_few_unreadable_photos_are_left_out_and_listed(words, run_dir, photos, tmp_path, monkeypatch):
    monkeypatch.setattr("hvit.data.caching.photo_cache.MAX_UNREADABLE", 0.03)
    monkeypatch.setattr("hvit.data.caching.photo_cache.AGAIN_S", (0.0,))
    (photos / "train" / "Tomato___healthy" / "03.png").write_bytes(b"")
    words = [*words, "--set", f"data.dirs=['{photos}']", "--set", f"data.cache_dir={tmp_path / 'cache'}"]
    assert finetune.main(words) == 0
    listed = json.loads((run_dir / "unreadable.json").read_text())
    assert listed == {"colors/train/Tomato___healthy/03.png": "it is empty (0 bytes). Copy it again."}
    assert (run_dir / "split.csv").read_text().count(",train,") == 47


@pytest.mark.case("D2")
def test_a_file_that_cannot_be_opened_is_tried_again(photos, tmp_path, monkeypatch):
    samples = read_samples([photos], "train")
    true_read, tries = read_photo, []

    def read(path, least_sides=None):
        tries.append(path)
        if path == samples[5].path and tries.count(path) <= len(AGAIN_S):
            raise LostPhotoError("the file cannot be opened: Stale file handle.")
        return true_read(path, least_sides)

    monkeypatch.setattr("hvit.data.datasets.samples.read_photo", read)
    assert open_cache(samples, 64, tmp_path / "cache").unreadable == {}
    assert tries.count(samples[5].path) == len(AGAIN_S) + 1


@pytest.mark.case("D2")
def test_a_photo_that_goes_between_listing_and_reading_is_left_out(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("hvit.data.caching.photo_cache.MAX_UNREADABLE", 0.03)
    monkeypatch.setattr("hvit.data.caching.photo_cache.AGAIN_S", (0.0,))
    samples = read_samples([photos], "train")
    samples[5].path.unlink()
    cache = open_cache(samples, 64, tmp_path / "cache")
    assert list(cache.unreadable) == [samples[5].relative] and len(cache) == 47


@pytest.mark.case("D2")
def test_photos_lost_since_they_were_read_are_left_out_of_calibration_and_counted(
    words, run_dir, photos, tmp_path, at_step, monkeypatch, capsys
):
    monkeypatch.setattr("training.calibration.fitting.MAX_UNREADABLE", 0.2)
    monkeypatch.setattr("hvit.data.caching.photo_cache.AGAIN_S", (0.0,))
    words = [*words, "--set", f"data.dirs=['{photos}']", "--set", f"data.cache_dir={tmp_path / 'cache'}"]

    def lose(run):
        run.datasets.val.samples[run.datasets.calibrates[0]].path.unlink()
        cv2.imwrite(str(run.datasets.train.samples[7].path), np.zeros((80, 80, 3), np.uint8))

    at_step(4, lose)
    assert finetune.main(words) == 0
    assert Run(run_dir).info.summary["calibrate_lost"] == 1
    text = capsys.readouterr().err
    assert text.count("gone or changed since training began") == 2 and "calibrating without them" in text
