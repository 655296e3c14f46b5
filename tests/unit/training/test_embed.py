"""The program that maps a run, end to end on a run whose weights are drawn."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hvit.data.datasets.reading import read_samples
from hvit.feature_space import read_map
from hvit.runs import Run
from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.evaluation import evaluate, record_evaluation
from training import embed


@pytest.fixture(scope="module")
def evaluated(tiny_run, photo_folder, tmp_path_factory) -> Path:
    """The run with recorded predictions on test (12 photos) and train (24)."""
    path = tmp_path_factory.mktemp("runs") / "tiny"
    shutil.copytree(tiny_run, path)
    checkpoint = load_checkpoint(path)
    for split in ("test", "train"):
        record_evaluation(path, split, evaluate(checkpoint, read_samples([photo_folder], split)))
    return path


@pytest.fixture
def run(evaluated, tmp_path) -> Path:
    """A copy to write into."""
    shutil.copytree(evaluated, tmp_path / "tiny")
    return tmp_path / "tiny"


def told(capsys) -> str:
    return capsys.readouterr().err.strip()


def test_the_map_of_test_is_made_of_recorded_features_without_weights_or_photos(run, capsys):
    (run / "model.safetensors").unlink()
    assert embed.main(["--run", str(run), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    found, recorded = read_map(run / "eval" / "test" / "tsne.npz"), Run(run).predictions("test")
    assert document["run"] == "tiny" and document["n"] == len(found) == 12
    assert found.sample_ids.tolist() == recorded["sample_id"] and set(found.splits) == {"test"}
    assert found.about["weights"] == Run(run).model_card().sha256
    assert found.severity is None and found.strangeness.shape == (12,)


def test_strangeness_is_that_of_the_runs_rejection(run, evaluated):
    assert embed.main(["--run", str(run)]) == 0
    checkpoint = load_checkpoint(run)
    with np.load(run / "eval" / "test" / "features.npz") as features:
        expected = checkpoint.ood.score([features[f"stage{i}"] for i in (1, 2, 3, 4)], None)
    assert read_map(run / "eval" / "test" / "tsne.npz").strangeness == pytest.approx(expected, abs=1e-5)


def test_the_manifest_lists_the_map_and_keeps_what_is_not_in_this_copy(run):
    (run / "model.safetensors").unlink()
    before = json.loads((run / "manifest.json").read_text())["files"]
    assert embed.main(["--run", str(run)]) == 0
    after = json.loads((run / "manifest.json").read_text())["files"]
    assert set(after) - set(before) == {"eval/test/tsne.npz"} and "model.safetensors" in after
    assert Run(run).damaged_files() == []


def test_missing_features_are_computed_with_the_weights(run, photo_folder):
    features = run / "eval" / "test" / "features.npz"
    with np.load(features) as archive:
        expected = archive["stage4"].astype(np.float32)
    features.unlink()
    assert embed.main(["--run", str(run), "--data", str(photo_folder)]) == 0
    with np.load(features) as archive:
        assert np.abs(archive["stage4"].astype(np.float32) - expected).max() < 1e-2


def test_the_same_seed_gives_the_same_map_and_another_run_is_aligned_with_it(run, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(run, other)
    assert embed.main(["--run", str(run)]) == 0
    assert embed.main(["--run", str(other)]) == 0
    first, second = (read_map(path / "eval" / "test" / "tsne.npz") for path in (run, other))
    assert np.array_equal(first.coordinates, second.coordinates)
    assert embed.main(["--run", str(other), "--seed", "1", "--align-with", str(run)]) == 0
    alike = read_map(other / "eval" / "test" / "tsne.npz")
    assert alike.about["aligned_with"] == "tiny" and alike.about["aligned_samples"] == 12


def test_several_splits_share_a_map_in_the_folder_of_the_first(run):
    assert embed.main(["--run", str(run), "--split", "train", "test"]) == 0
    found = read_map(run / "eval" / "train" / "tsne.npz")
    assert (found.splits == "train").sum() == 24 and (found.splits == "test").sum() == 12
    assert found.rows[found.splits == "test"].tolist() == list(range(12))


def test_rendered_leaves_bring_their_severity(rendered_run, tmp_path):
    from hvit.data.leafsim import Address, render

    path = tmp_path / "leafsim-tiny"
    shutil.copytree(rendered_run, path)
    samples = read_samples([Path("leafsim:v1/7/0-129")], "test")
    record_evaluation(path, "test", evaluate(load_checkpoint(path), samples))
    assert embed.main(["--run", str(path)]) == 0
    found = read_map(path / "eval" / "test" / "tsne.npz")
    assert found.severity[0] == pytest.approx(render(Address(7, 9), 160).severity)


def test_at_most_so_many_points_are_mapped_the_same_share_of_each_class():
    labels = np.array(["a"] * 80 + ["b"] * 19 + ["c"])
    ids = np.random.default_rng(0).permutation([f"{i:016x}" for i in range(100)])
    chosen = embed.stratified(labels, ids, 50)
    kept = labels[chosen]
    assert ((kept == "a").sum(), (kept == "b").sum(), (kept == "c").sum()) == (40, 9, 1)
    assert np.array_equal(chosen, np.sort(chosen)) and np.array_equal(chosen, embed.stratified(labels, ids, 50))
    assert np.array_equal(embed.stratified(labels, ids, 100), np.arange(100))


def test_a_split_without_predictions_is_named_with_the_command(run, capsys):
    assert embed.main(["--run", str(run), "--split", "val"]) == 2
    text = told(capsys)
    assert "no recorded predictions on val; it has some on test, train" in text
    assert "python -m hvit evaluate --run tiny --data DIR --split val --save" in text


def test_a_run_to_align_with_needs_a_map(run, capsys):
    assert embed.main(["--run", str(run), "--align-with", str(run)]) == 2
    assert "has no map of test to align with; make it first: python -m training.embed --run tiny" in told(capsys)


def test_photos_that_are_not_there_are_counted(run, tmp_path, photo_folder, capsys):
    (run / "eval" / "test" / "features.npz").unlink()
    other = tmp_path / "drawn"
    shutil.copytree(photo_folder, other)
    next((other / "test" / "Tomato___healthy").iterdir()).unlink()
    assert embed.main(["--run", str(run), "--data", str(other)]) == 2
    assert "1 of 12 photos of run tiny are not in" in told(capsys)


def test_other_photos_under_the_same_names_are_refused(run, tmp_path, photo_folder, capsys):
    other = tmp_path / "drawn"
    shutil.copytree(photo_folder, other)
    folder = other / "test" / "Tomato___healthy"
    shutil.copy(folder / "00.jpg", folder / "01.jpg")
    assert embed.main(["--run", str(run), "--data", str(other)]) == 2
    assert "1 of 12 photos are not those that run tiny was evaluated on" in told(capsys)


def test_other_weights_than_those_that_were_evaluated_are_refused(run, photo_folder, capsys):
    from safetensors.torch import load_file, save_file

    from hvit.files import file_sha256

    tensors = load_file(run / "model.safetensors")
    tensors["head.bias"][2] += 100
    save_file(tensors, run / "model.safetensors")
    card = json.loads((run / "model.json").read_text())
    card["sha256"] = file_sha256(run / "model.safetensors")
    (run / "model.json").write_text(json.dumps(card))
    assert embed.main(["--run", str(run), "--data", str(photo_folder)]) == 2
    assert "its weights were changed since" in told(capsys)
    assert not (run / "eval" / "test" / "tsne.npz").exists()
