"""Data sets in one small tar file."""

import csv
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from dataclasses import replace

import cv2
import numpy as np
import pytest

from hvit.__main__ import main
from hvit.data.caching.photo_cache import UnreadablePhotosError, open_cache
from hvit.data.datasets.pack import MANIFEST, pack
from hvit.data.datasets.reading import DataError, read_samples
from hvit.files import file_sha256


def unpacked(tar, folder):
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "tarfile", "-e", str(tar), str(folder)], check=True)
    return folder


@pytest.mark.parametrize("name", ["photos.tar", "photos.tar.gz"])
def test_an_unpacked_data_set_has_the_same_classes_splits_and_sizes_in_a_cache(photo_folder, tmp_path, name):
    samples = [s for s in read_samples([photo_folder]) if s.split in ("train", "val")]
    packed = pack(samples, tmp_path / name, side=70, quality=90)
    again = read_samples([unpacked(tmp_path / name, tmp_path / "there") / photo_folder.name])
    assert packed.photos == len(samples) and packed.splits == {"train": 24, "val": 12} and packed.unreadable == {}
    assert [(s.source, s.split, s.label, s.path.stem) for s in again] == [
        (s.source, s.split, s.label, s.path.stem) for s in samples
    ]
    assert all(min(cv2.imread(str(s.path)).shape[:2]) >= 64 for s in again)
    before, after = (open_cache(chosen, 70, tmp_path / "cache") for chosen in (samples, again))
    assert before.sizes.tolist() == after.sizes.tolist()
    assert np.mean([np.abs(before[i].astype(int) - after[i]).mean() for i in range(len(before))]) < 4  # of 255


def test_the_manifest_names_the_sha256_of_each_packed_photo_and_of_its_original(photo_folder, tmp_path):
    samples = read_samples([photo_folder], "val")
    pack(samples, tmp_path / "photos.tar")
    with tarfile.open(tmp_path / "photos.tar") as tar:
        rows = list(csv.DictReader(io.TextIOWrapper(tar.extractfile(MANIFEST), "utf-8")))
        for sample, row in zip(samples, rows, strict=True):
            assert hashlib.sha256(tar.extractfile(row["path"]).read()).hexdigest() == row["sha256"]
            assert row["original_sha256"] == file_sha256(sample.path)


def test_the_same_photos_give_the_same_file_with_any_number_of_workers(photo_folder, tmp_path):
    samples = read_samples([photo_folder], "val")
    for name, workers in (("one.tar.gz", 1), ("two.tar.gz", 2)):
        pack(samples, tmp_path / name, workers=workers)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()


def test_photos_that_differ_by_their_ending_alone_are_both_packed(tmp_path):
    folder = tmp_path / "data" / "leaf"
    folder.mkdir(parents=True)
    for name, value in (("a.png", 10), ("a.jpg", 200)):
        cv2.imwrite(str(folder / name), np.full((80, 80, 3), value, np.uint8))
    assert pack(read_samples([tmp_path / "data"]), tmp_path / "p.tar").photos == 2
    assert len(read_samples([unpacked(tmp_path / "p.tar", tmp_path / "there") / "data"])) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"out": "photos.zip"}, "expected a name that ends in .tar"),
        ({"side": 32}, "side is 32 px, expected at least 64"),
        ({"quality": 101}, "quality is 101, expected 1 to 100"),
        ({"image_format": "heic"}, "expected webp, jpeg, avif"),
    ],
)
def test_what_cannot_be_packed_is_refused_and_nothing_is_written(photo_folder, tmp_path, change, words):
    arguments = {"out": "photos.tar"} | change
    with pytest.raises(DataError, match=words):
        pack(read_samples([photo_folder], "val"), tmp_path / arguments.pop("out"), **arguments)
    assert list(tmp_path.iterdir()) == []


def test_groups_without_splits_are_refused_because_a_folder_would_lose_them(photo_folder, tmp_path):
    samples = [replace(s, split=None, group="plant 1") for s in read_samples([photo_folder], "val")]
    with pytest.raises(DataError, match="has a group and no split"):
        pack(samples, tmp_path / "photos.tar")


def test_too_many_unreadable_photos_leave_no_file(photo_folder, tmp_path):
    (broken := tmp_path / "data" / "leaf").mkdir(parents=True)
    (broken / "x.jpg").write_bytes(b"no photo")
    with pytest.raises(UnreadablePhotosError, match="1 of 1 photos cannot be read; the first is data/leaf/x.jpg"):
        pack(read_samples([tmp_path / "data"]), tmp_path / "photos.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_the_command_packs_the_splits_that_are_named(photo_folder, tmp_path, capsys):
    words = [
        "data",
        "pack",
        str(photo_folder),
        "--out",
        str(tmp_path / "p.tar"),
        "--splits",
        "val,test",
        "--workers",
        "1",
    ]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["splits"] == {"val": 12, "test": 12} and found["num_bytes"] == (tmp_path / "p.tar").stat().st_size


def test_an_unknown_split_is_a_mistake(photo_folder, tmp_path, capsys):
    assert main(["data", "pack", str(photo_folder), "--out", str(tmp_path / "p.tar"), "--splits", "dev"]) == 2
    assert "no split 'dev'; expected train, val, test, or all" in capsys.readouterr().err
