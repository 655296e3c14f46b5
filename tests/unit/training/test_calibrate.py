"""A finished run is calibrated again from its weights."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hvit.files import file_sha256
from hvit.runs import Run, write_manifest
from hvit.runs.checkpoint import load_checkpoint
from training.calibrate import main
from training.calibration.fitting import stratified

ROLES = {"train": "train", "val": "calibrate"}


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Photos of the three classes of the tiny run: 6 of each to train, 6 to calibrate."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("data") / "photos"
    for split in ROLES:
        for name in ("Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"):
            (folder / split / name).mkdir(parents=True)
            for number in range(6):
                pixels = rng.integers(0, 256, 3) + rng.integers(-30, 30, (72, 72, 3))
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / split / name / f"{number}.png")
    return folder


@pytest.fixture
def run(tiny_run, photos, tmp_path) -> Path:
    """A copy of the tiny run that lists those photos."""
    path = Path(shutil.copytree(tiny_run, tmp_path / "tiny"))
    rows = [["path", "sha256", "label", "role", "group"]]
    for file in sorted(photos.rglob("*.png")):
        relative = file.relative_to(photos.parent).as_posix()
        rows.append([relative, file_sha256(file), file.parent.name, ROLES[file.parent.parent.name], ""])
    with open(path / "split.csv", "w", newline="") as out:
        csv.writer(out).writerows(rows)
    write_manifest(path)
    return path


def _contents(path: Path) -> dict[str, str]:
    return {file.name: file_sha256(file) for file in path.iterdir() if file.is_file()}


def test_another_method_is_fitted_and_everything_agrees(run, photos):
    weights = file_sha256(run / "model.safetensors")
    assert main(["--run", str(run), "--data", str(photos), "--ood-method", "relative_mahalanobis"]) == 0
    checkpoint = load_checkpoint(run)
    assert checkpoint.ood.method.name == "relative_mahalanobis" and file_sha256(run / "model.safetensors") == weights
    assert sorted(file.name for file in run.glob("rejection*")) == [checkpoint.card.ood.file]
    assert Run(run).damaged_files() == []
    listed = json.loads((run / "manifest.json").read_text())["files"]
    assert "rejection.npz" not in listed and checkpoint.card.ood.file in listed
    summary = Run(run).info.summary
    assert summary["calibrate_n"] == 18 and summary["conformal_reason"].startswith(checkpoint.conformal.groups)


def test_the_same_calibration_twice_gives_the_same_card(run, photos):
    main(["--run", str(run), "--data", str(photos)])
    first = (run / "model.json").read_text()
    main(["--run", str(run), "--data", str(photos)])
    assert (run / "model.json").read_text() == first


def test_thresholds_by_crop_are_served(run, photos):
    assert main(["--run", str(run), "--data", str(photos), "--conformal", "by-crop"]) == 0
    assert set(load_checkpoint(run).conformal.threshold) == {"potato", "tomato"}


def test_photos_encoded_again_match_by_path(run, photos, tmp_path, capsys):
    copy = tmp_path / "again" / "photos"
    for file in photos.rglob("*.png"):
        target = copy / file.relative_to(photos).with_suffix(".jpg")
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.open(file).save(target)
    before = _contents(run)
    assert main(["--run", str(run), "--data", str(copy)]) == 2
    assert "--by-path" in capsys.readouterr().err and _contents(run) == before
    assert main(["--run", str(run), "--data", str(copy), "--by-path"]) == 0
    with open(run / "split.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 36 and Run(run).damaged_files() == []
    assert all(row["path"].endswith(".jpg") and row["group"] == "" for row in rows)
    assert all(file_sha256(copy.parent / row["path"]) == row["sha256"] for row in rows)


def test_a_changed_photo_is_refused_and_nothing_is_written(run, photos, tmp_path, capsys):
    copy = Path(shutil.copytree(photos, tmp_path / "changed" / "photos"))
    Image.new("RGB", (72, 72)).save(copy / "val" / "Tomato___healthy" / "3.png")
    before = _contents(run)
    assert main(["--run", str(run), "--data", str(copy)]) == 2
    assert "1 of 36 photos" in capsys.readouterr().err and _contents(run) == before


def test_a_run_that_trains_is_refused(run, photos, capsys):
    from datetime import UTC, datetime

    info = json.loads((run / "run.json").read_text())
    info |= {"status": "running", "heartbeat": datetime.now(UTC).isoformat()}
    (run / "run.json").write_text(json.dumps(info))
    assert main(["--run", str(run), "--data", str(photos)]) == 2
    assert "still training" in capsys.readouterr().err


def test_a_share_beyond_one_is_refused(run, photos, capsys):
    assert main(["--run", str(run), "--data", str(photos), "--accepted-field", "1.5"]) == 2
    assert "accepted_field" in capsys.readouterr().err


def test_a_limit_on_named_unknowns_sets_a_second_threshold(run, photos):
    assert main(["--run", str(run), "--data", str(photos), "--max-unknown-named", "0.01"]) == 0
    record = load_checkpoint(run).card.ood
    assert record.unsure_threshold <= record.threshold


def test_reference_photos_are_spread_over_data_sets_and_classes():
    from hvit.data.datasets.reading import Sample

    samples = [Sample(Path(f"{i}"), label, "train", "", "set", Path()) for i, label in enumerate("a" * 50 + "b" * 5)]
    chosen = stratified(samples, 20, seed=0)
    assert len(chosen) == 20 and [samples[i].label for i in chosen].count("b") == 5 and chosen == sorted(chosen)
