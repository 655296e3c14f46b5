"""Layouts of data sets."""

import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from hvit.data.datasets.reading import DataError, class_names, groups_from_names, read_samples, with_groups
from tests.support.photo_folders import place


def test_splits_and_classes_are_read_off_the_folders(photo_folder):
    samples = read_samples([photo_folder])
    assert len(samples) == 3 * (8 + 4 + 4)
    assert {(s.split, s.label) for s in samples} >= {("train", "Tomato___healthy"), ("test", "Tomato___Late_blight")}
    assert samples[0].relative == "drawn/train/Potato___Early_blight/00.jpg"
    assert all(s.source == "drawn" and s.group == "" and not s.augmented for s in samples)


def test_one_split_can_be_asked_for(photo_folder):
    assert {s.split for s in read_samples([photo_folder], "val")} == {"val"}


def test_a_folder_of_classes_has_no_splits(photo_folder):
    samples = read_samples([photo_folder / "test"])
    assert len(samples) == 12 and {s.split for s in samples} == {None}


def test_a_split_that_is_not_there_is_refused_with_those_that_are(photo_folder):
    with pytest.raises(DataError, match="no photos in split 'tests'; splits here: test, train, val"):
        read_samples([photo_folder], "tests")
    with pytest.raises(DataError, match="splits here: none"):
        read_samples([photo_folder / "test"], "test")


def test_several_folders_give_the_sorted_union_of_classes(tmp_path):
    place(tmp_path / "a" / "Rice___Blast" / "1.jpg")
    place(tmp_path / "b" / "Apple___Scab" / "1.jpg")
    place(tmp_path / "b" / "Rice___Blast" / "1.jpg")
    samples = read_samples([tmp_path / "a", tmp_path / "b"])
    assert class_names(samples) == ["Apple___Scab", "Rice___Blast"]
    assert [s.relative for s in samples] == ["a/Rice___Blast/1.jpg", "b/Apple___Scab/1.jpg", "b/Rice___Blast/1.jpg"]


def test_two_data_sets_that_share_a_name_are_refused(tmp_path):
    for folder in ("x", "y"):
        place(tmp_path / folder / "photos" / "Rice___Blast" / "1.jpg")
    with pytest.raises(DataError, match="both hold photos/Rice___Blast/1.jpg; rename one of the folders"):
        read_samples([tmp_path / "x" / "photos", tmp_path / "y" / "photos"])
    with pytest.raises(DataError, match="listed twice"):
        read_samples([tmp_path / "x" / "photos"] * 2)


def test_hidden_folders_and_other_files_are_skipped(tmp_path):
    place(tmp_path / "d" / "Rice___Blast" / "1.jpg")
    place(tmp_path / "d" / ".thumbnails" / "2.jpg")
    (tmp_path / "d" / "Rice___Blast" / "notes.txt").write_text("x")
    assert [s.label for s in read_samples([tmp_path / "d"])] == ["Rice___Blast"]


def test_a_manifest_inside_a_folder_is_ignored(tmp_path):
    place(tmp_path / "d" / "Rice___Blast" / "1.jpg")
    (tmp_path / "d" / "manifest.csv").write_text("path,label\nnone.jpg,other\n")
    assert class_names(read_samples([tmp_path / "d"])) == ["Rice___Blast"]


@pytest.mark.parametrize("column", ["label", "class"])
def test_a_csv_file_given_itself_is_read(tmp_path, column):
    place(tmp_path / "d" / "b.jpg")
    place(tmp_path / "d" / "sub" / "a.jpg")
    table = f"\ufeffpath,{column},split,group\nb.jpg,Rice___Blast,test,plant 2\nsub/a.jpg,Apple___Scab,,plant 1\n"
    (tmp_path / "d" / "photos.csv").write_text(table, encoding="utf-8")
    samples = read_samples([tmp_path / "d" / "photos.csv"])
    assert [(s.relative, s.label, s.split, s.group) for s in samples] == [
        ("d/b.jpg", "Rice___Blast", "test", "plant 2"),
        ("d/sub/a.jpg", "Apple___Scab", None, "plant 1"),
    ]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"file,label\nb.jpg,x\n", "expected columns path and label"),
        (b"", "expected columns path and label"),
        (b"path,label\n", "no photos"),
        (b"path,label\nb.jpg\n", "line 2 has no label: b.jpg"),
        (b"path,label\nnone.jpg,x\n", "line 2 names a file that is not there: none.jpg"),
        (b"path,label\n../out.jpg,x\n", "line 2 leads out of the folder"),
        (b"path,label,split\nb.jpg,x,later\n", "line 2 has split 'later'; expected train, val, test"),
        (b"path,label\nb.jpg,x\nb.jpg,y\n", "d/b.jpg is listed twice"),
        (b"path,label\n\xff\xfe,x\n", "not a CSV file in UTF-8"),
    ],
)
def test_csv_files_that_cannot_be_followed_are_refused(tmp_path, table, words):
    place(tmp_path / "out.jpg")
    place(tmp_path / "d" / "b.jpg")
    (tmp_path / "d" / "photos.csv").write_bytes(table)
    with pytest.raises(DataError, match=words):
        read_samples([tmp_path / "d" / "photos.csv"])


def test_missing_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read_samples([tmp_path / "none"])
    with pytest.raises(DataError, match="no photos; expected .*/CLASS/"):
        read_samples([tmp_path])


def test_augmented_copies_share_the_group_of_their_original(tmp_path):
    for name in ("Original Dataset/Leaf_Curl/IMG12.jpg", "Original Dataset/Leaf_Curl/IMG120.jpg",
                 "Augmented Dataset/Leaf_Curl/IMG12_flip.jpg", "Augmented Dataset/Leaf_Curl/IMG120_3.jpg",
                 "Augmented Dataset/Leaf_Hopper/IMG12_flip.jpg"):  # fmt: skip
        place(tmp_path / "cotton" / name)
    samples = read_samples([tmp_path / "cotton"])
    groups = {Path(s.relative).relative_to("cotton").as_posix(): (s.group, s.augmented) for s in samples}
    assert groups["Original Dataset/Leaf_Curl/IMG12.jpg"] == ("Leaf_Curl/IMG12", False)
    assert groups["Augmented Dataset/Leaf_Curl/IMG12_flip.jpg"] == ("Leaf_Curl/IMG12", True)
    assert groups["Augmented Dataset/Leaf_Curl/IMG120_3.jpg"] == ("Leaf_Curl/IMG120", True)
    assert groups["Augmented Dataset/Leaf_Hopper/IMG12_flip.jpg"][0] == "Leaf_Hopper/IMG12"


def test_groups_are_read_off_names_by_a_pattern(tmp_path):
    for name in ("plant7_a.jpg", "plant7_b.jpg", "plant12_a.jpg"):
        place(tmp_path / "d" / "Rice___Blast" / name)
    samples = read_samples([tmp_path / "d"])
    assert groups_from_names(samples, r"plant(\d+)") == ["12", "7", "7"]
    assert groups_from_names(samples, r"plant\d+") == ["plant12", "plant7", "plant7"]
    with pytest.raises(DataError, match="does not match d/Rice___Blast/plant12_a.jpg"):
        groups_from_names(samples, r"tree\d+")
    with pytest.raises(DataError, match="not a regular expression"):
        groups_from_names(samples, "plant(")
    assert [s.group for s in with_groups(samples, ["a", "b", "b"])] == ["a", "b", "b"]


@pytest.mark.case("D4")
def test_the_list_of_photos_does_not_depend_on_the_order_of_the_folder(photo_folder, monkeypatch):
    listed = read_samples([photo_folder])
    true_scan = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: nullcontext(list(true_scan(folder))[::-1]))
    assert read_samples([photo_folder]) == listed and len(listed) == 48
