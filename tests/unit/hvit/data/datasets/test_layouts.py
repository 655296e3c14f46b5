"""Splits and classes read off folders."""

import numpy as np
import pytest
from PIL import Image

from hvit.__main__ import main
from hvit.data.datasets.layouts import classes_below, read_layout, split_named
from hvit.data.datasets.reading import DataError, class_names, read_samples, read_unlabeled, spelled_as

CLASSES = ("Rust", "Scab", "healthy")


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def fill(root, *folders, classes=CLASSES):
    for folder in folders:
        for name in classes:
            touch(root / folder / name / "1.jpg")
    return root


def read(root):
    notes = []
    return read_samples([root], log=notes.append), notes


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("Training", "train"), ("TRAIN ", "train"), ("valid", "val"), ("Validation", "val"),
        ("dev", "val"), ("VAL", "val"), ("Testing", "test"), ("test", "test"), ("tests", None), ("trainset", None),
    ],
)  # fmt: skip
def test_names_of_splits_in_any_case(name, split):
    assert split_named(name) == split


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("Train", "Valid", "Test"), {"train", "val", "test"}),
        (("training", "dev"), {"train", "val"}),
        (("TRAINING", "testing"), {"train", "test"}),
    ],
)
def test_other_names_of_splits_are_splits(tmp_path, names, splits):
    samples, notes = read(fill(tmp_path, *names))
    assert {sample.split for sample in samples} == splits and class_names(samples) == list(CLASSES) and notes == []


@pytest.mark.parametrize("names", [("val", "valid"), ("dev", "Validation"), ("test", "testing"), ("training", "Train")])
def test_two_names_of_one_split_are_refused(tmp_path, names, capsys):
    fill(tmp_path, *{"train", *names} if "training" not in names else names)
    assert main(["data", "check", str(tmp_path)]) == 2
    text = capsys.readouterr().err.strip()
    assert len(text.splitlines()) == 1 and all(name in text for name in names) and "names of one split" in text


def test_folders_beside_the_splits_are_reported(tmp_path):
    fill(tmp_path, "train", "test", "trainset")
    touch(tmp_path / "train" / "loose.jpg")
    (tmp_path / "val").mkdir()
    (tmp_path / "train" / "Wilt").mkdir()
    samples, (note,) = read(tmp_path)
    assert len(samples) == 6
    for words in ("trainset (3 photos)", "no folder of a class: train/loose.jpg", "without photos: train/Wilt, val"):
        assert words in note


def test_a_folder_named_like_a_split_is_never_a_class(tmp_path):
    fill(tmp_path, ".")
    touch(tmp_path / "Test" / "1.jpg")
    samples, (note,) = read(tmp_path)
    assert class_names(samples) == list(CLASSES) and "Test (1 photos)" in note


def test_folders_that_differ_by_spaces_or_unicode_form_are_one_class(tmp_path):
    for name in ("Mehltau\u0308", "Mehltaü", "Rust", "Rust ", "\u00a0Rust"):
        touch(tmp_path / name / f"{len(name)}.jpg")
    samples, notes = read(tmp_path)
    assert class_names(samples) == ["Mehltaü", "Rust"]
    assert len(notes) == 2 and "are one class, Rust" in notes[1]


@pytest.mark.parametrize("names", [("Healthy", "healthy"), ("ЛИСТ", "лист"), ("Strasse", "straße")])
def test_classes_that_differ_by_case_are_warned_of(tmp_path, names):
    for name in names:
        touch(tmp_path / name / "1.jpg")
    samples, notes = read(tmp_path)
    assert len(class_names(samples)) == 2
    assert notes == [f"{' and '.join(sorted(names))} differ by case only, and are read as 2 classes"]


def test_case_is_compared_across_data_sets_too(tmp_path):
    touch(tmp_path / "a" / "Rust" / "1.jpg")
    touch(tmp_path / "b" / "rust" / "1.jpg")
    notes = []
    read_samples([tmp_path / "a", tmp_path / "b"], log=notes.append)
    assert notes == ["Rust and rust differ by case only, and are read as 2 classes"]


@pytest.mark.parametrize("inside", ["PlantVillage", "archive/Plant Village", "PlantVillage/train"])
def test_one_folder_too_high_names_the_folder_below(tmp_path, inside):
    root = fill(tmp_path / "download", inside)
    if inside.endswith("train"):
        fill(root, "PlantVillage/val")
        inside = "PlantVillage"
    with pytest.raises(DataError) as refused:
        read_samples([root])
    assert str(refused.value).endswith(f"did you mean {root / inside}?") and "the only class is" in str(refused.value)


def test_of_several_versions_the_one_in_color_is_named(tmp_path):
    fill(tmp_path, "plantvillage dataset/color", "plantvillage dataset/grayscale", "plantvillage dataset/segmented")
    with pytest.raises(DataError, match="did you mean .*/plantvillage dataset/color"):
        read_samples([tmp_path])


def test_one_folder_too_deep_in_splits_says_what_to_move(tmp_path):
    fill(tmp_path, "train/leaves", "val/leaves")
    with pytest.raises(DataError, match="move the folders of .*train/leaves up into .*train"):
        read_samples([tmp_path])


@pytest.mark.parametrize("names", [("color", "grayscale", "segmented"), ("Color", "Segmented")])
def test_versions_of_the_photos_as_classes_are_warned_of(tmp_path, names):
    samples, (note,) = read(fill(tmp_path, *names))
    assert class_names(samples) == sorted(names)
    assert "are read as classes, with photos in folders of their own (Rust, Scab, healthy)" in note
    assert note.endswith(f"name {tmp_path / names[0]}")


def test_versions_without_classes_in_them_are_warned_of(tmp_path):
    samples, (note,) = read(fill(tmp_path, ".", classes=("images", "masks")))
    assert "its classes are images, masks, which are no names of diseases" in note


def test_sessions_and_plants_below_a_class_are_no_classes(tmp_path):
    for name in CLASSES:
        for session in ("2024-05-02", "2024-05-03", "plant7"):
            touch(tmp_path / name / session / "1.jpg")
    samples, notes = read(tmp_path)
    assert class_names(samples) == list(CLASSES) and notes == []


def test_one_class_of_sessions_can_be_read(tmp_path):
    touch(tmp_path / "Rust" / "2024-05-02" / "1.jpg")
    touch(tmp_path / "Rust" / "2024-05-03" / "1.jpg")
    assert class_names(read(tmp_path)[0]) == ["Rust"]


def test_classes_below_are_found_by_hand():
    assert classes_below([("Rust", "1.jpg"), ("Scab", "1.jpg")]) == ((), ["Rust", "Scab"])
    assert classes_below([("a", "Rust", "1.jpg"), ("a", "Scab", "1.jpg")]) == (("a",), ["Rust", "Scab"])
    assert classes_below([("Rust", "1.jpg"), ("1.jpg",)]) is None
    assert classes_below([("day 1", "1.jpg"), ("day 2", "1.jpg")]) is None


def test_the_reason_is_given_where_all_photos_were_skipped(tmp_path):
    touch(tmp_path / "Rust" / "notes.txt")
    (tmp_path / "Scab").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match=r"no photos; .*a link to nothing, or to itself: Scab.*no photo by its ending"):
        read_samples([tmp_path])


def test_originals_and_copies_are_read_in_any_case(tmp_path):
    fill(tmp_path, "original dataset", "AUGMENTED DATASET")
    layout = read_layout(tmp_path)
    assert layout.has_originals and [photo.augmented for photo in layout.photos] == [False] * 3 + [True] * 3


def test_unlabeled_folders_say_what_they_pass_over(tmp_path):
    touch(tmp_path / "a.jpg")
    touch(tmp_path / "._a.jpg")
    notes = []
    assert len(read_unlabeled([tmp_path], notes.append)) == 1 and "._a.jpg" in notes[0]


def test_a_run_keeps_its_own_spelling_of_classes(tmp_path):
    samples, _ = read(fill(tmp_path, ".", classes=("Mehltaü", "Rust")))
    assert class_names(spelled_as(samples, ["Mehltau\u0308", "Rust "])) == ["Mehltau\u0308", "Rust "]


@pytest.mark.parametrize("command", [["data", "check"], ["data", "sheet", "--out", "sheet.png"]])
def test_commands_say_what_they_skipped_in_one_line(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    for name in CLASSES:
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)).save(folder / "1.png")
    touch(tmp_path / "photos" / "Rust" / "._1.png")
    assert main([*command[:2], "photos", *command[2:]]) == 0
    text = capsys.readouterr().err.splitlines()
    assert text == ["photos: passed over 1 (hidden or left by another program: Rust/._1.png)"]


def test_an_error_is_the_only_line_even_where_files_were_skipped(tmp_path, capsys):
    fill(tmp_path, ".")
    touch(tmp_path / "notes.txt")
    assert main(["data", "check", str(tmp_path), "--group-from", "plant("]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
