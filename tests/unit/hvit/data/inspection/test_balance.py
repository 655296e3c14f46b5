"""What a run learned from, counted."""

import csv

import pytest

from hvit.data.inspection.balance import balance_of, photo_roles
from hvit.data.leafsim import Address, plan
from hvit.runs import Run, RunError
from tests.support.recorded_runs import CLASSES, write_records


def write_split(run, rows):
    with open(run / "split.csv", "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["path", "sha256", "label", "role", "group"])
        writer.writerows(rows)


@pytest.fixture
def run(tmp_path):
    """Twelve tested photos of `photos`, and four that trained, of it and of `field`."""
    path = write_records(tmp_path / "hand")
    write_split(
        path,
        [
            ["photos/train/a/1.jpg", "a1", CLASSES[0], "train", ""],
            ["field/train/a/1.jpg", "a2", CLASSES[0], "train", ""],
            ["photos/val/a/1.jpg", "a3", CLASSES[0], "select", ""],
            ["photos/val/b/1.jpg", "a4", CLASSES[1], "calibrate", "plant 1"],
        ],
    )
    return path


def test_roles_are_read_from_split_csv_and_test_from_predictions(run):
    balance = balance_of(Run(run))
    assert balance.role_source == "split.csv" and balance.sources == ["field", "photos"]
    assert balance.roles == ["train", "select", "calibrate", "test"]
    assert {role: balance.count(role=role) for role in balance.roles} == {
        "train": 2, "select": 1, "calibrate": 1, "test": 12,
    }  # fmt: skip
    assert balance.count("photos", CLASSES[0]) == 1 + 1 + 4 and balance.count("field") == 1


def test_photos_of_all_folds_are_counted_as_cross_validation(run):
    write_split(run, [["photos/1.jpg", "a", CLASSES[0], "fold 1", ""], ["photos/2.jpg", "b", CLASSES[0], "fold 2", ""]])
    assert balance_of(Run(run)).count(role="cv") == 2


def test_addresses_of_rendered_leaves_replace_the_list_of_photos(tmp_path):
    config = {"data": {"dirs": ["leafsim:v1/7/0-199"], "calibrate_only": []}, "seed": 0}
    run = Run(write_records(tmp_path / "drawn", config=config))
    balance, name = balance_of(run), plan(Address(7, 0)).condition
    assert balance.role_source == "addresses" and balance.count(role="train") == 160
    assert balance.count(role="select") + balance.count(role="calibrate") == 20
    trained = [plan(Address(7, i)).condition for i in range(200) if i % 10 < 8]
    assert balance.count("leafsim-v1-7", name, "train") == trained.count(name)


def test_the_halves_of_val_are_those_that_training_makes(tmp_path):
    from hvit.data.datasets.reading import read_samples
    from hvit.data.datasets.splits import halves_of_val

    config = {"data": {"dirs": ["leafsim:v1/7/0-199"]}}
    run = Run(write_records(tmp_path / "drawn", config=config, seed=3, info={"seed": 3}))
    val = read_samples(["leafsim:v1/7/0-199"], "val")
    expected = {s.relative for s, selects in zip(val, halves_of_val(val, set(), 3)) if selects}
    assert {part.path for part in photo_roles(run) if part.role == "select"} == expected


def test_a_share_of_each_class_trained_where_the_run_says_so(tmp_path):
    config = {"data": {"dirs": ["leafsim:v1/7/0-199"], "train_fraction": 0.1}}
    balance = balance_of(Run(write_records(tmp_path / "tenth", config=config)))
    trained = [plan(Address(7, i)).condition for i in range(200) if i % 10 < 8]
    for name in set(trained):
        assert balance.count(label=name, role="train") == max(1, round(0.1 * trained.count(name)))


def test_pre_training_never_opened_val(tmp_path):
    config = {"data": {"dirs": ["leafsim:v1/7/0-99"]}, "method": "mae"}
    run = write_records(tmp_path / "pre", config=config, info={"kind": "pretrain"})
    assert balance_of(Run(run)).roles == ["train", "test"]


def test_early_stress_is_a_class_where_it_was_one(tmp_path):
    for stress in (True, False):
        config = {"data": {"dirs": ["leafsim:v1/7/0-299"], "early_stress": stress}}
        run = write_records(tmp_path / f"stress-{stress}", config=config)
        assert ("Early_stress" in balance_of(Run(run)).classes) is stress


def test_without_list_and_addresses_only_test_is_known(tmp_path):
    balance = balance_of(Run(write_records(tmp_path / "bare")))
    assert balance.role_source is None and balance.roles == ["test"]


@pytest.mark.parametrize("content", [b"path,label\n1,2\n", b"path,sha256,label,role\na,b\n", b"\xff\xfe\x00"])
def test_a_damaged_list_is_refused(run, content):
    (run / "split.csv").write_bytes(content)
    with pytest.raises(RunError, match="split.csv of run hand is damaged"):
        balance_of(Run(run))
