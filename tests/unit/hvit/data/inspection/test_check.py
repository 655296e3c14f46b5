"""The report on a data set."""

import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from hvit.__main__ import main
from hvit.data.datasets.reading import DataError, Sample, read_samples, with_groups
from hvit.data.inspection.check import background_report, check, corner_patches, recorded_check
from hvit.files import file_sha256
from hvit.runs import Run, RunError, write_manifest
from tests.support.drawn_photos import draw_leaf
from tests.support.recorded_runs import write_records


@pytest.fixture
def data(photo_folder, tmp_path):
    """A copy of the drawn photos that a test may spoil."""
    return shutil.copytree(photo_folder, tmp_path / "drawn")


def test_a_clean_data_set_has_nothing_to_report(photo_folder):
    report = check(read_samples([photo_folder]))
    assert report["photos"] == 48 and report["unreadable"] == []
    assert report["classes"]["Tomato___healthy"] == {"train": 8, "val": 4, "test": 4}
    assert report["leaks"] == {key: {"count": 0, "first": []} for key in ("exact", "near", "group")}
    assert report["conflicting_labels"]["count"] == 0 and not report["plants_known"]
    json.dumps(report, allow_nan=False)


@pytest.mark.case("D3")
def test_a_copy_in_another_split_is_an_exact_leak(data):
    shutil.copy(data / "train/Tomato___healthy/00.jpg", data / "test/Tomato___healthy/copy.jpg")
    report = check(read_samples([data]))
    pair = ["drawn/train/Tomato___healthy/00.jpg", "drawn/test/Tomato___healthy/copy.jpg"]
    assert report["leaks"]["exact"] == {"count": 1, "first": [pair]}
    assert report["exact_copies"]["count"] == 1 and report["near_duplicates"]["count"] == 0


@pytest.mark.case("D3")
def test_a_mirrored_photo_in_another_split_is_a_near_leak(data):
    photo = cv2.imread(str(data / "train/Tomato___healthy/00.jpg"))
    cv2.imwrite(str(data / "test/Tomato___healthy/mirrored.jpg"), photo[:, ::-1])
    leaks = check(read_samples([data]))["leaks"]
    assert leaks["exact"]["count"] == 0
    assert leaks["near"]["first"] == [
        ["drawn/train/Tomato___healthy/00.jpg", "drawn/test/Tomato___healthy/mirrored.jpg"]
    ]


def test_a_copy_within_a_split_is_no_leak(data):
    for name in ("copy.jpg", "again.jpg"):
        shutil.copy(data / "train/Tomato___healthy/00.jpg", data / "train/Tomato___healthy" / name)
    report = check(read_samples([data]))
    assert report["exact_copies"]["count"] == 2 and report["near_duplicates"]["count"] == 0
    assert report["leaks"]["exact"]["count"] == 0


def test_one_photo_with_two_classes_is_a_conflict(data):
    shutil.copy(data / "train/Tomato___healthy/00.jpg", data / "train/Tomato___Late_blight/other.jpg")
    conflicts = check(read_samples([data]))["conflicting_labels"]
    assert conflicts["count"] == 1
    ((first, second),), ((one, other),) = conflicts["first"], conflicts["classes"]
    assert {(first, one), (second, other)} == {
        (f"{data.name}/train/Tomato___healthy/00.jpg", "Tomato___healthy"),
        (f"{data.name}/train/Tomato___Late_blight/other.jpg", "Tomato___Late_blight"),
    }


def test_people_read_which_equal_photos_have_different_classes(data, capsys):
    shutil.copy(data / "train/Tomato___healthy/00.jpg", data / "train/Tomato___Late_blight/other.jpg")
    assert main(["data", "check", str(data)]) == 0
    text = capsys.readouterr().out
    late, healthy = (f"{data.name}/train/Tomato___{name}" for name in ("Late_blight", "healthy"))
    assert (
        "1 exact copy with another class\n"
        f"  {late}/other.jpg is Tomato___Late_blight, and the equal photo {healthy}/00.jpg is Tomato___healthy\n"
    ) in text


def test_broken_files_are_listed_with_their_reason_and_the_rest_is_checked(data):
    broken = data / "train/Tomato___healthy/00.jpg"
    broken.write_bytes(broken.read_bytes()[:500])
    calls = []
    report = check(read_samples([data]), lambda done, total: calls.append((done, total)))
    assert report["photos"] == 48 and [row["path"] for row in report["unreadable"]] == [
        "drawn/train/Tomato___healthy/00.jpg"
    ]
    assert "Copy it again" in report["unreadable"][0]["reason"]
    assert calls[-1] == (48, 48)


@pytest.mark.case("D3")
def test_groups_across_splits_are_leaks(photo_folder):
    samples = read_samples([photo_folder])
    groups = ["shared" if i in (0, len(samples) - 1) else f"plant {i}" for i in range(len(samples))]
    report = check(with_groups(samples, groups))
    assert report["plants_known"] and report["leaks"]["group"] == {"count": 1, "first": ["shared"]}


def test_photos_that_can_all_not_be_read_are_refused(tmp_path):
    folder = tmp_path / "d" / "Rice___Blast"
    folder.mkdir(parents=True)
    (folder / "1.jpg").write_text("no photo")
    with pytest.raises(DataError, match="none of the photos"):
        check(read_samples([tmp_path / "d"]))


def background_of(colors, tmp_path, count=12):
    """Leaves of three classes on a plain background in the color of each class."""
    for split in ("train", "test"):
        for index, color in enumerate(colors):
            folder = tmp_path / "d" / split / f"class {index}"
            folder.mkdir(parents=True)
            for i in range(count):
                leaf = draw_leaf(index, 1000 * index + 100 * (split == "test") + i, 100, 100)
                framed = np.full((140, 140, 3), color, np.uint8)
                framed[20:120, 20:120] = leaf
                Image.fromarray(framed).save(folder / f"{i}.png")
    return check(read_samples([tmp_path / "d"]))["background_control"]


def test_a_background_that_predicts_the_class_is_found(tmp_path):
    control = background_of([(10, 10, 10), (200, 200, 200), (90, 60, 120)], tmp_path)
    assert control == {"top1": 1.0, "n": 36, "largest_class": pytest.approx(1 / 3)}


def test_one_background_for_all_predicts_nothing(tmp_path):
    assert background_of([(90, 60, 120)] * 3, tmp_path)["top1"] == pytest.approx(1 / 3)


def test_without_test_photos_there_is_no_background_control(photo_folder):
    assert check(read_samples([photo_folder / "train"]))["background_control"] is None


def test_corners_are_four_patches_of_the_photo_at_eighty_pixels(tmp_path):
    photo = np.zeros((160, 240, 3), np.uint8)
    photo[:16, :24], photo[:16, -24:], photo[-16:, :24], photo[-16:, -24:] = 10, 20, 30, 40
    patches = corner_patches(photo).reshape(4, 6, 6, 3)
    assert [patch.min() for patch in patches] == [patch.max() for patch in patches] == [10, 20, 30, 40]


def test_of_the_background_test_asks_all_other_splits():
    # One dimension; of seven neighbors by distance, the one at 0 apart decides.
    places = {"train": (0.0, 9.0), "val": (3.0, 6.0), "test": (3.0, 9.0), None: (9.0, 3.0)}
    samples = [Sample(None, name, split, "", "d", None) for split in places for name in "ab"]
    corners = np.array([[x] for pair in places.values() for x in pair])
    assert background_report(samples, corners) == {"top1": 1.0, "n": 2, "largest_class": 0.5}


def test_the_command_prints_one_json_document_and_writes_nothing(data, capsys):
    before = sorted(data.rglob("*"))
    assert main(["data", "check", str(data), "--json"]) == 0
    out = capsys.readouterr()
    assert json.loads(out.out)["photos"] == 48 and out.err == ""
    assert sorted(data.rglob("*")) == before


def test_the_command_prints_what_it_found(data, capsys):
    shutil.copy(data / "train/Tomato___healthy/00.jpg", data / "test/Tomato___healthy/copy.jpg")
    assert main(["data", "check", str(data)]) == 0
    out = capsys.readouterr().out
    assert "49 photos in 3 classes" in out and "leaks between splits: 1 exact, 0 near, 0 groups" in out
    assert "background control: four corner patches alone classify" in out and "Plants unknown" in out


def test_the_command_takes_several_data_sets_together(data, tmp_path, capsys):
    other = tmp_path / "other" / "test" / "Tomato___healthy"
    other.mkdir(parents=True)
    shutil.copy(data / "train/Tomato___healthy/00.jpg", other / "same.jpg")
    assert main(["data", "check", str(data), str(tmp_path / "other"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["leaks"]["exact"]["count"] == 1


def test_the_command_reads_plants_off_the_names(data, capsys):
    assert main(["data", "check", str(data), "--group-from", r"/(\d+)\.jpg", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["plants_known"] and report["leaks"]["group"]["count"] == 4


def test_the_command_reads_plants_from_a_table(data, tmp_path, capsys):
    rows = [f"{path.relative_to(data).as_posix()},{path.stem}" for path in data.rglob("*.jpg")]
    (tmp_path / "plants.csv").write_text("\n".join(["path,group", *rows]))
    assert main(["data", "check", str(data), "--groups-csv", str(tmp_path / "plants.csv"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["plants_known"] and report["leaks"]["group"]["count"] == 4


def run_that_learned_from(data, tmp_path):
    """Records of a run with the photos of the copied data set in its list."""
    run = write_records(tmp_path / "runs" / "mine")
    samples = [sample for sample in read_samples([data]) if sample.split != "test"]
    lines = [f"{s.relative},{s.sha256()},{s.label},train," for s in samples]
    (run / "split.csv").write_text("\n".join(["path,sha256,label,role,group", *lines]))
    write_manifest(run)
    return run


def test_the_report_is_recorded_in_the_run_that_learned_from_the_photos(data, tmp_path, capsys):
    run = run_that_learned_from(data, tmp_path)
    before = json.loads((run / "manifest.json").read_text())["files"]
    (run / "eval" / "test" / "predictions.parquet").rename(tmp_path / "away")  # a file that this copy lacks
    assert main(["data", "check", str(data), "--save-to", str(run), "--json"]) == 0
    recorded = recorded_check(Run(run))
    assert recorded == json.loads(capsys.readouterr().out)
    assert (recorded["photos"], recorded["photos_of_run"], recorded["photos_of_run_checked"]) == (48, 36, 36)
    after = json.loads((run / "manifest.json").read_text())["files"]
    assert after.pop("data_check.json") == file_sha256(run / "data_check.json") and after == before
    assert Run(run).damaged_files() == []


def test_a_report_on_other_photos_is_not_recorded(data, tmp_path, capsys):
    run = write_records(tmp_path / "runs" / "other")
    assert main(["data", "check", str(data), "--save-to", str(run)]) == 2
    assert "none of these photos is among the 12 that run other recorded" in capsys.readouterr().err
    assert recorded_check(Run(run)) is None and not (run / "data_check.json").exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"photos": 1}'])
def test_a_damaged_report_is_refused(tmp_path, content):
    run = write_records(tmp_path / "runs" / "mine")
    (run / "data_check.json").write_text(content)
    with pytest.raises(RunError, match="data_check.json of run mine is damaged; make it again"):
        recorded_check(Run(run))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "none"], "none: no such folder"),
        (["check", "none", "--save-to", "nowhere"], "no run nowhere"),
        (["fetch", "plantdok"], "did you mean plantdoc?"),
    ],
)
def test_mistakes_are_one_line_and_status_two(words, message, capsys):
    assert main(["data", *words]) == 2
    out = capsys.readouterr()
    assert out.out == "" and message in out.err and out.err.count("\n") == 1


def test_public_sets_are_listed_with_licence_and_citation(capsys):
    assert main(["data", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"plantdoc", "plantvillage"} <= {row["name"] for row in rows}
    assert all(row["licence"] and row["citation"] and row["url"].startswith("https://") for row in rows)
