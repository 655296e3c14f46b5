"""The program that stresses a run: what it records, that it goes on where it was, and its refusals."""

import contextlib
import io
import json
import shutil

import numpy as np
import pytest
import torch

from hvit.runs import Run, find_run
from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.robustness_records import read_robustness
from training import stress as program
from training.parallel.world import World
from training.stressing import parts


@pytest.fixture
def run(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "run")


def stress(run, data, *more):
    options = ["--run", str(run), "--data", str(data), "--device", "cpu", "--photos", "10", "--runtime", "torch"]
    return program.main([*options, *more])


def table_of(run):
    return (run / "eval" / "test" / "robustness.parquet").read_bytes()


@pytest.fixture(scope="module")
def stressed(tiny_run, color_photos, tmp_path_factory):
    """A run with the records of two corruptions and of attacks on three photos, and what was printed."""
    run, printed = shutil.copytree(tiny_run, tmp_path_factory.mktemp("stressed") / "run"), io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert stress(run, color_photos, "--kinds", "noise", "turn", "--attacks", "3") == 0
    return run, printed.getvalue()


def test_every_photo_is_predicted_under_every_corruption_and_severity(stressed):
    run, printed = stressed
    found = read_robustness(Run(run), "test")
    assert len(found) == 10 and found.kinds == ("noise", "turn", "fgsm", "pgd", "random_sign")
    assert all(len(found.cells[kind, s]) == 10 for kind in ("noise", "turn") for s in range(1, 6))
    assert all(len(found.cells["pgd", s]) == 3 for s in range(1, 6))
    assert Run(run).damaged_files() == []
    assert not list((run / "checkpoints").iterdir())
    document = json.loads((run / "eval" / "test" / "robustness.json").read_text())
    assert document["data"] == ["colors"] and document["n"] == 10 and document["attacked"] == 3
    assert document["kinds"]["noise"][0]["top1"] == found.cells["noise", 1].correct.mean()
    assert "10 photos of test" in printed


def test_attacked_photos_are_of_all_classes(stressed):
    found = read_robustness(Run(stressed[0]), "test")
    assert len({found.labels[i] for i in found.cells["pgd", 1].photos}) == 3


def test_an_interrupted_stress_test_resumes_where_it_stopped(run, color_photos, tmp_path, monkeypatch):
    other = shutil.copytree(run, tmp_path / "other")
    stress(other, color_photos, "--kinds", "noise")
    true_answers, asked = parts.predict_corrupted, []

    def stopping(checkpoint, photos, *rest):
        asked.append(len(photos))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return true_answers(checkpoint, photos, *rest)

    monkeypatch.setattr(parts, "predict_corrupted", stopping)
    with pytest.raises(KeyboardInterrupt):
        stress(run, color_photos, "--kinds", "noise")
    assert not (run / "eval" / "test" / "robustness.parquet").exists()
    asked.clear()
    monkeypatch.setattr(parts, "predict_corrupted", lambda *a: asked.append(len(a[1])) or true_answers(*a))
    assert stress(run, color_photos, "--kinds", "noise") == 0
    assert asked == [2]  # the eight of the first part are not asked again
    assert table_of(run) == table_of(other)


def test_parts_of_another_seed_are_not_taken(run, color_photos, monkeypatch):
    def stopping(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "_finish", stopping)
    for seed in "01":
        with pytest.raises(KeyboardInterrupt):
            stress(run, color_photos, "--kinds", "noise", "--seed", seed)
    assert len(list((run / "checkpoints").iterdir())) == 2


def test_two_processes_record_the_metrics_of_one(run, color_photos, tmp_path, monkeypatch):
    other = shutil.copytree(run, tmp_path / "other")
    stress(other, color_photos, "--kinds", "noise")
    true_parts = program.do_parts

    def as_two(checkpoint, plan, world):
        for rank in (1, 0):
            true_parts(checkpoint, plan, World(rank, 2, torch.device("cpu")))

    monkeypatch.setattr(program, "do_parts", as_two)
    stress(run, color_photos, "--kinds", "noise")
    assert table_of(run) == table_of(other)


def test_a_baseline_gives_corruption_errors(run, color_photos, tmp_path, capsys):
    other = shutil.copytree(run, tmp_path / "other")
    stress(other, color_photos, "--kinds", "noise")
    assert stress(run, color_photos, "--kinds", "noise", "--baseline", str(other), "--json") == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert document["baseline"]["run"] == "other"
    assert document["baseline"]["mean"] in (1, None)


def test_the_ladder_is_measured_without_a_run(color_photos, capsys):
    options = ["--ladder", "--data", str(color_photos), "--photos", "2", "--kinds", "noise", "turn", "--json"]
    assert program.main(options) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 2 and set(found["ladder"]) == {"noise", "turn"}
    assert found["ladder"]["noise"]["ssim"] == sorted(found["ladder"]["noise"]["ssim"], reverse=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kinds", "nois"], "no corruption 'nois'; did you mean noise"),
        (["--baseline", "nobody"], "no run nobody"),
        (["--leaf-masks", "nobody"], "no run nobody"),
        (["--split", "extra"], "no photos in split 'extra'"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(run, color_photos, capsys, options, message):
    assert stress(run, color_photos, *options) == 2
    assert message in capsys.readouterr().err
    assert not (run / "eval" / "test" / "robustness.parquet").exists()


def test_a_baseline_that_was_not_stressed_is_refused(run, color_photos, tmp_path, capsys):
    other = shutil.copytree(run, tmp_path / "other")
    assert stress(run, color_photos, "--baseline", str(other)) == 2
    assert "run other has no robustness on test" in capsys.readouterr().err


def test_leaf_masks_come_from_the_run_that_is_named(run, color_photos, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / "masks")
    asked = []

    def mask_of(checkpoint):
        asked.append(checkpoint.name)
        return lambda pixels: asked.append(pixels.shape) or np.ones(pixels.shape[:2], bool)

    monkeypatch.setattr(program, "segmented_leaf_mask", mask_of)
    monkeypatch.setattr(program, "run_that_segments", lambda _, named: load_checkpoint(find_run(named).path))
    assert stress(run, color_photos, "--kinds", "background", "--leaf-masks", str(tmp_path / "masks")) == 0
    assert asked[0] == "masks" and len(asked) == 11
    document = json.loads((run / "eval" / "test" / "robustness.json").read_text())
    assert document["leaf_masks"] == "masks"
    assert {cell["top1"] for cell in document["kinds"]["background"]} == {document["clean"]["top1"]}


def test_the_segmentation_head_of_the_run_finds_leaves_where_it_has_one(run, color_photos, monkeypatch):
    monkeypatch.setattr(program, "run_that_segments", lambda checkpoint, named: None if named else checkpoint)
    monkeypatch.setattr(program, "segmented_leaf_mask", lambda _: lambda pixels: np.ones(pixels.shape[:2], bool))
    for options, name in ([[], "run"], [["--leaf-masks", "color"], None]):
        assert stress(run, color_photos, "--kinds", "background", *options) == 0
        assert json.loads((run / "eval" / "test" / "robustness.json").read_text())["leaf_masks"] == name


@pytest.mark.slow
def test_onnx_runtime_records_what_pytorch_does(run, color_photos, tmp_path):
    other = shutil.copytree(run, tmp_path / "other")
    for place, runtime in ((run, "onnx"), (other, "torch")):
        assert stress(place, color_photos, "--kinds", "turn", "--runtime", runtime) == 0
        assert json.loads((place / "eval" / "test" / "robustness.json").read_text())["runtime"] == runtime
    first, second = (read_robustness(Run(place), "test") for place in (run, other))
    for cell, answers in first.cells.items():
        np.testing.assert_allclose(answers.probability, second.cells[cell].probability, atol=2e-3)
        assert answers.correct.tolist() == second.cells[cell].correct.tolist()


def test_a_run_is_needed(color_photos, capsys):
    assert program.main(["--data", str(color_photos)]) == 2
    assert "--run is missing" in capsys.readouterr().err
