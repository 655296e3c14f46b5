"""A run on one's own photos: from a folder to a run that diagnoses."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hvit.__main__ import main as command_line
from hvit.commands.runs import run as list_runs_command
from hvit.data.datasets.reading import read_samples, with_groups
from hvit.data.datasets.splits import folds_by_group
from hvit.diagnosis import diagnose
from hvit.runs import Run
from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.predict import predict_samples
from training import quick
from training.frozen_features.cross_validation import cross_validate
from training.frozen_features.linear_head import LinearHead
from training.inputs.own_photos import OwnPhotos, extract_features, list_own_photos
from training.report import made_by

CLASSES = ["Potato___Early_blight", "Tomato___Late_blight", "Tomato___healthy"]


@pytest.fixture(scope="session")
def own(color_photos, tmp_path_factory) -> Path:
    """own/CLASS/*.png: 16, 16 and 6 photos, named by plant: two photos a plant."""
    root = tmp_path_factory.mktemp("own") / "own"
    for name, count in zip(CLASSES, (16, 16, 6)):
        (root / name).mkdir(parents=True)
        for i in range(count):
            shutil.copy(color_photos / "train" / name / f"{i:02d}.png", root / name / f"{name}-{i // 2}_{i % 2}.png")
    return root


def _quick(place, run_dir, parent, *more) -> int:
    return quick.main([str(place), "--run", str(parent), "--run-dir", str(run_dir), "--device", "cpu", *more])


@pytest.fixture(scope="module")
def made(own, tiny_run, tmp_path_factory) -> Path:
    """A run of `own`, its plants unknown."""
    run_dir = tmp_path_factory.mktemp("quick") / "mine"
    assert _quick(own, run_dir, tiny_run) == 0
    return run_dir


def _refusal(capsys, *arguments) -> str:
    assert _quick(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" not in err
    return err.splitlines()[-1]


def test_the_run_opens_and_diagnoses(made, own, tiny_run):
    checkpoint = load_checkpoint(made)
    assert list(checkpoint.classes) == CLASSES
    assert checkpoint.preprocessing == load_checkpoint(tiny_run).preprocessing
    photo = next(own.rglob("*.png")).read_bytes()
    found = diagnose(checkpoint, photo)
    assert found.label in CLASSES and sum(found.probabilities.values()) == pytest.approx(1)
    assert found.verdict in ("named", "unsure")  # a photo it learned from is not unfamiliar


def test_the_backbone_is_the_parent_s_and_the_head_that_of_the_fit_to_all_photos(made, own, tiny_run):
    parent, child = load_checkpoint(tiny_run), load_checkpoint(made)
    theirs = parent.model.backbone.state_dict()
    for name, value in child.model.backbone.state_dict().items():
        assert value.equal(theirs[name]), name
    samples = read_samples([own])
    embeddings = extract_features(parent, samples, False, []).embeddings
    labels = np.array([CLASSES.index(sample.label) for sample in samples])
    expected = LinearHead.fit(embeddings, labels, 3).logits(embeddings)
    np.testing.assert_allclose(predict_samples(child, samples).logits, expected, atol=1e-3)


def test_every_figure_is_recorded(made):
    run = Run(made)
    info, document, table = run.info, run.evaluation("cv"), run.predictions("cv")
    assert (info.kind, info.parent, info.status, info.tags) == ("finetune", "tiny", "done", ("quick",))
    assert run.evaluated_split == "cv" and len(table["label"]) == 38 == document["n"]
    right = np.mean([run.model_card().classes[np.argmax(z)] == y for z, y in zip(table["logits"], table["label"])])
    assert right == info.summary["cv_top1"] == document["top1"]
    assert [info.summary["cv_top1_low"], info.summary["cv_top1_high"]] == document["top1_ci"]
    assert set(document["per_class"]) == set(CLASSES) and 0 < document["accepted"] < 1
    assert {"points", "twice"} == set(json.loads((made / "eval" / "cv" / "learning_curve.json").read_text()))
    assert run.damaged_files() == []
    assert "eval/cv/predictions.parquet" in json.loads((made / "manifest.json").read_text())["files"]


def test_held_out_accuracy_on_colors_is_high(made):
    assert Run(made).info.summary["cv_top1"] > 0.7


def test_a_held_out_prediction_is_of_a_head_not_fitted_to_that_photo(made, own, tiny_run):
    """With shuffled names, held-out photos are named by chance, while the final head knows its own photos."""
    photos = extract_features(load_checkpoint(tiny_run), read_samples([own]), False, [])
    rng = np.random.default_rng(0)
    names = [CLASSES[i] for i in rng.permutation(np.arange(38) % 3)]
    shuffled = OwnPhotos(
        [type(s)(s.path, name, None, s.relative, s.source, s.root) for s, name in zip(photos.samples, names)],
        photos.sha256,
        photos.embeddings,
        photos.stage_features,
        False,
        [],
    )
    judged = cross_validate(shuffled, 0)
    assert (judged.logits.argmax(1) == shuffled.labels).mean() < 0.6
    final = LinearHead.fit(shuffled.embeddings, shuffled.labels, 3)
    assert (final.logits(shuffled.embeddings).argmax(1) == shuffled.labels).mean() > 0.8


@pytest.mark.parametrize("seed", [0, 1])
def test_groups_never_span_folds_and_every_class_can_be_learned_from_the_others(own, seed):
    samples = read_samples([own])
    samples = with_groups(samples, [sample.path.stem.rpartition("_")[0] for sample in samples])
    folds = folds_by_group(samples, 5, seed)
    for group in {sample.group for sample in samples}:
        assert len({fold for fold, sample in zip(folds, samples) if sample.group == group}) == 1
    for fold in range(5):
        assert {s.label for s, f in zip(samples, folds) if f != fold} == set(CLASSES)
    sizes = np.bincount(folds, minlength=5)
    assert sizes.max() - sizes.min() <= 4 and sizes.min() > 0


def test_a_group_of_two_classes_stays_together_and_does_not_take_a_rare_class_whole(own):
    samples = read_samples([own])
    groups = [sample.relative for sample in samples]
    rare = [i for i, sample in enumerate(samples) if sample.label == CLASSES[2]]
    for i in rare[:3]:
        groups[i] = groups[0] = "mixed"
    for i in rare[3:]:
        groups[i] = groups[1] = "mixed too"
    folds = folds_by_group(with_groups(samples, groups), 5, seed=0)
    assert len({folds[0], *folds[rare[:3]]}) == 1 and len({folds[1], *folds[rare[3:]]}) == 1
    assert folds[0] != folds[1]


def test_folds_are_the_same_whatever_the_order_of_the_photos(own):
    samples = read_samples([own])
    samples = with_groups(samples, [sample.relative for sample in samples])
    order = np.random.default_rng(0).permutation(len(samples))
    again = folds_by_group([samples[i] for i in order], 5, seed=0)
    assert (again == folds_by_group(samples, 5, seed=0)[order]).all()


def test_a_pattern_makes_plants_known(own, tiny_run, tmp_path, capsys):
    assert _quick(own, tmp_path / "mine", tiny_run, "--group-from", r"([^/]+-\d+)_", "--json") == 0
    out, err = capsys.readouterr()
    text = json.loads(out)
    assert text["plants_known"] and text["summary"]["cv_groups"] == 19
    assert Run(tmp_path / "mine").plants_known is True
    with open(tmp_path / "mine" / "split.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    for group in {row["group"] for row in rows}:
        assert len({row["role"] for row in rows if row["group"] == group}) == 1
    assert {row["role"] for row in rows} == {f"fold {i}" for i in range(1, 6)}


def test_a_table_makes_plants_known(own, tiny_run, tmp_path, capsys):
    rows = [f"{path.relative_to(own).as_posix()},{path.stem[:-2]}" for path in sorted(own.rglob("*.png"))]
    (tmp_path / "plants.csv").write_text("\n".join(["path,group", *rows]))
    assert _quick(own, tmp_path / "mine", tiny_run, "--groups-csv", str(tmp_path / "plants.csv"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["summary"]["cv_groups"] == 19
    (tmp_path / "plants.csv").write_text("\n".join(["path,group", *rows[1:]]))
    text = _refusal(capsys, own, tmp_path / "b", tiny_run, "--groups-csv", str(tmp_path / "plants.csv"))
    assert "has no group for 1 of 38 photos, the first is Potato___Early_blight/Potato___Early_blight-0_0.png" in text
    (tmp_path / "plants.csv").write_text("path,plant\n")
    text = _refusal(capsys, own, tmp_path / "b", tiny_run, "--groups-csv", str(tmp_path / "plants.csv"))
    assert "expected columns path and group, got path, plant" in text


def test_a_manifest_with_a_group_column_makes_plants_known(own, tmp_path):
    files = sorted(own.rglob("*.png"))
    rows = [f"{path.relative_to(own).as_posix()},{path.parent.name},{path.stem[:-2]}" for path in files]
    shutil.copytree(own, tmp_path / "own")
    (tmp_path / "own" / "list.csv").write_text("\n".join(["path,label,group", *rows]))
    samples, known, warnings = list_own_photos(tmp_path / "own" / "list.csv", None, None)
    assert known and len({sample.group for sample in samples}) == 19 and warnings == []


def test_copies_stay_together_where_plants_are_unknown(own, tiny_run, tmp_path):
    shutil.copytree(own, tmp_path / "own")
    first = sorted((tmp_path / "own" / CLASSES[0]).glob("*.png"))[0]
    shutil.copy(first, first.with_name("copy.png"))
    photos = extract_features(load_checkpoint(tiny_run), read_samples([tmp_path / "own"]), False, [])
    of = {sample.path.name: sample.group for sample in photos.samples}
    assert of["copy.png"] == of[first.name]


def test_unknown_plants_follow_the_run_onto_the_terminal(made, own, monkeypatch, capsys):
    assert Run(made).plants_known is False
    monkeypatch.chdir(made.parent)
    (made.parent / "runs").mkdir(exist_ok=True)
    if not (made.parent / "runs" / "mine").exists():
        shutil.copytree(made, made.parent / "runs" / "mine")
    list_runs_command(type("Arguments", (), {"json": False}))
    assert "Plants unknown: accuracy may be too high: mine" in capsys.readouterr().out
    for command in (["predict", str(next(own.rglob("*.png"))), "--run"], ["evaluate", "--data", str(own), "--run"]):
        assert command_line([*command, str(made), "--device", "cpu", "--json"]) == 0
        out, err = capsys.readouterr()
        assert "mine: Plants unknown: accuracy may be too high" in err and json.loads(out)


def test_a_report_says_how_the_head_was_made_and_that_plants_are_unknown(made, tmp_path):
    shutil.copytree(made, tmp_path / "mine")
    (tmp_path / "mine" / "test_evaluations.jsonl").write_text("{}\n")
    lines = made_by(Run(tmp_path / "mine"))
    assert "the head is fitted to what the backbone of tiny sees. All figures are of test photos" in lines[1]
    assert lines[-2:] == ["nor calibrated; test was evaluated once.", "Plants unknown: accuracy may be too high."]


def test_a_class_of_few_photos_is_named_and_kept(own, tiny_run, tmp_path, capsys):
    assert _quick(own, tmp_path / "mine", tiny_run) == 0
    out, err = capsys.readouterr()
    assert "warning: Tomato___healthy has 6 photos: below 8 cross-validation cannot evaluate a class" in err
    assert "Potato___Early_blight has" not in err
    assert "Plants unknown: accuracy may be too high" in out
    assert "Twice the photos" not in out  # 38 photos cannot tell


def test_a_class_that_cannot_be_held_out_is_refused(own, tiny_run, tmp_path, capsys):
    shutil.copytree(own, tmp_path / "own")
    for path in sorted((tmp_path / "own" / CLASSES[2]).glob("*.png"))[1:]:
        path.unlink()
    text = _refusal(capsys, tmp_path / "own", tmp_path / "mine", tiny_run)
    assert text.startswith("training.quick: class Tomato___healthy cannot be held out: its only photo")
    text = _refusal(capsys, own, tmp_path / "mine", tiny_run, "--group-from", "(healthy|[^/]+-.*)")
    assert "class Tomato___healthy cannot be held out: all its 6 photos must stay together" in text
    assert not (tmp_path / "mine").exists()


def test_one_class_alone_is_refused(own, tiny_run, tmp_path, capsys):
    shutil.copytree(own / CLASSES[0], tmp_path / "own" / CLASSES[0])
    text = _refusal(capsys, tmp_path / "own", tmp_path / "mine", tiny_run)
    assert "Potato___Early_blight is the only class" in text


def test_a_broken_photo_is_left_out_and_named(own, tiny_run, tmp_path):
    shutil.copytree(own, tmp_path / "own")
    (tmp_path / "own" / CLASSES[0] / "a.jpg").write_bytes(b"no picture")
    photos = extract_features(load_checkpoint(tiny_run), read_samples([tmp_path / "own"]), False, [])
    assert len(photos.samples) == len(photos.embeddings) == len(photos.sha256) == 38
    assert photos.warnings[0].startswith("1 of 39 photos cannot be read and are left out; the first is own/Potato")


def test_a_class_without_a_readable_photo_is_named(own, tiny_run, tmp_path):
    place = tmp_path / "own"
    shutil.copytree(own, place)
    for name, file in (("Rust", "a.jpg"), ("Scab", "b.docx")):
        (place / name).mkdir()
        (place / name / file).write_bytes(b"no picture")
        (place / name / file.upper()).write_bytes(b"no picture")
    samples, known, warnings = list_own_photos(place, None, None)
    assert len(warnings) == 1 and "1 (a folder without photos: Scab)" in warnings[0]
    photos = extract_features(load_checkpoint(tiny_run), samples, known, warnings)
    assert photos.classes == CLASSES and "Rust is left out: none of its photos can be read" in photos.warnings
    with pytest.raises(ValueError, match="^none of 2 photos can be read; the first is own/Rust/"):
        extract_features(load_checkpoint(tiny_run), [s for s in samples if s.label == "Rust"], False, [])


def test_a_run_is_not_overwritten_and_nothing_is_written_among_the_photos(made, own, tiny_run, tmp_path, capsys):
    before = (made / "model.json").read_bytes()
    assert "holds a run already; choose another --run-dir" in _refusal(capsys, own, made, tiny_run)
    assert (made / "model.json").read_bytes() == before
    assert "lies among the photos" in _refusal(capsys, own, own / "runs" / "mine", tiny_run)
    (tmp_path / "notes.txt").write_text("mine")
    assert "not an empty folder" in _refusal(capsys, own, tmp_path, tiny_run)


def test_mistakes_get_one_line(own, tmp_path, tiny_run, capsys):
    assert "no such folder" in _refusal(capsys, tmp_path / "none", tmp_path / "mine", tiny_run)
    assert "no run nowhere" in _refusal(capsys, own, tmp_path / "mine", "nowhere")
    assert "is a file; name the folder" in _refusal(capsys, next(own.rglob("*.png")), tmp_path / "mine", tiny_run)
    assert "its photos lie in no folder of a class" in _refusal(capsys, own / CLASSES[0], tmp_path / "mine", tiny_run)
    text = _refusal(capsys, own, tmp_path / "mine", tiny_run, "--group-from", "(plant)?Potato|Tomato")
    assert "finds nothing in own/Potato" in text
    (tmp_path / "file").write_text("")
    assert _refusal(capsys, own, tmp_path / "file" / "mine", tiny_run).endswith(": Not a directory")
    assert "is not a regular expression" in _refusal(capsys, own, tmp_path / "mine", tiny_run, "--group-from", "(")
    for words, text in ((["--sede", "1"], "did you mean --seed?"), (["--seed", "x"], "whole number")):
        with pytest.raises(SystemExit) as end:
            quick.main([str(own), *words])
        assert end.value.code == 2 and text in capsys.readouterr().err


def test_of_a_divided_data_set_test_is_left_alone(color_photos):
    samples, known, warnings = list_own_photos(color_photos, None, None)
    assert {sample.split for sample in samples} == {"train", "val"} and len(samples) == 72 and not known
    assert warnings == ["12 test photos are not used; evaluate the run on them at the end"]


def test_rendered_leaves_are_photos_too():
    samples, known, warnings = list_own_photos(Path("leafsim:v1/7/0-99"), None, None)
    assert len(samples) == 90 and known and warnings[0].startswith("10 test photos")


def test_a_run_outside_the_folder_of_runs_has_to_be_moved_before_the_dashboard_lists_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert quick._how_to_open(Path("runs/mine")) == "open it with: make app"
    assert "move it there" in quick._how_to_open(tmp_path / "elsewhere" / "mine")
