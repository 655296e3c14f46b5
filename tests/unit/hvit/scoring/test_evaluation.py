"""Scores of a run on photos with known classes, and what is recorded of them."""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from hvit.calibration import softmax
from hvit.data.datasets.reading import DataError, Sample, read_samples
from hvit.diagnosis import diagnose, diagnose_many
from hvit.rejection import METHODS, OodDetector
from hvit.runs import Run
from hvit.runs.checkpoint import load_checkpoint
from hvit.runs.model_card import ConformalRecord
from hvit.scoring.evaluation import evaluate, record_evaluation
from hvit.scoring.model_outputs import ModelOutputs
from hvit.scoring.predict import predict_pixels, predict_samples
from hvit.scoring.scores import count_unknown, score

KEYS = [
    "n", "top1", "top1_ci", "top5", "macro_f1", "balanced_accuracy", "nll", "ece", "brier", "coverage",
    "mean_set_size", "accepted", "named", "named_correct", "per_class", "confusion", "classes",
]  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tiny_run):
    return load_checkpoint(tiny_run)


@pytest.fixture(scope="module")
def samples(photo_folder) -> list[Sample]:
    return read_samples([photo_folder], "test")


@pytest.fixture(scope="module")
def evaluation(checkpoint, samples):
    return evaluate(checkpoint, samples)


@pytest.fixture
def run(tiny_run, tmp_path):
    """A copy that a test may write into."""
    return shutil.copytree(tiny_run, tmp_path / "tiny")


def test_scores_by_hand(checkpoint):
    """Four photos; at temperature 2 the logits are those of the probabilities below."""
    probs = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5]])
    labels = np.array([0, 1, 1, 1])  # class 2 has no true photo
    near, far = np.eye(4)[0], np.eye(4)[1]
    features = [np.stack([near, near, near, far])] * 4
    known = replace(
        checkpoint,
        temperature=2.0,
        conformal=ConformalRecord(0.1, "lac", 0.65),  # a class is in the set from 0.35
        ood=OodDetector(METHODS["knn"].fit([np.stack([near] * 10)] * 4, None, None), threshold=0.5),
    )
    found = score(known, ModelOutputs((2 * np.log(probs)).astype(np.float32), features, []), labels)
    assert list(found) == KEYS
    assert found["n"] == 4 and found["top1"] == 0.5 and found["top5"] == 1.0
    assert found["confusion"] == [[1, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert found["balanced_accuracy"] == pytest.approx((1 + 1 / 3) / 2)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found["nll"] == pytest.approx(-np.log([0.7, 0.4, 0.6, 0.3]).mean(), rel=1e-5)
    assert found["brier"] == pytest.approx((0.14 + 0.62 + 0.26 + 0.78) / 4, rel=1e-5)
    assert found["coverage"] == 0.75 and found["mean_set_size"] == 1.25
    assert found["accepted"] == 0.75
    assert found["named"] == 0.5 and found["named_correct"] == 1.0  # the first and the third: the last is unfamiliar
    assert found["per_class"]["Tomato___healthy"] == {"n": 0, "precision": 0.0, "recall": None, "f1": None}
    json.dumps(found, allow_nan=False)


def test_what_the_run_was_not_calibrated_for_is_null(checkpoint, evaluation):
    bare = replace(checkpoint, conformal=None, ood=None)
    found = score(bare, evaluation.predictions, np.zeros(12, dtype=int))
    assert found["coverage"] is None and found["mean_set_size"] is None and found["accepted"] is None


def test_evaluation_and_diagnosis_agree_on_a_photo(checkpoint, samples, evaluation):
    for i in (0, 5, 11):
        found = diagnose(checkpoint, samples[i].path.read_bytes())
        logits = evaluation.predictions.logits[i] / checkpoint.temperature
        probs = np.exp(logits - logits.max())
        assert list(found.probabilities.values()) == pytest.approx(list(probs / probs.sum()), abs=1e-4)
        assert evaluation.predictions.sha256[i] == found.sha256
        stages = [stage[i : i + 1] for stage in evaluation.predictions.stage_features]
        assert checkpoint.ood.score(stages, None)[0] == pytest.approx(found.ood_score, abs=1e-4)


def test_logits_do_not_depend_on_the_batch(checkpoint, samples, evaluation):
    alone = predict_samples(checkpoint, samples, batch_size=1)
    assert np.abs(alone.logits - evaluation.predictions.logits).max() < 1e-4


def test_pixels_give_the_logits_of_their_files(checkpoint, samples, evaluation):
    from hvit.data.photos import read_photo

    found = predict_pixels(checkpoint, (read_photo(sample.path).pixels for sample in samples))
    assert np.abs(found.logits - evaluation.predictions.logits).max() < 1e-5


def test_progress_ends_at_the_number_of_photos(checkpoint, samples):
    seen = []
    predict_samples(checkpoint, samples[:3], progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3, 3)


def test_a_class_the_run_does_not_know_is_named(checkpoint, samples):
    with pytest.raises(DataError, match="does not know the class Rice___Blast"):
        evaluate(checkpoint, [*samples, replace(samples[0], label="Rice___Blast")])


def test_unknown_classes_are_counted_and_left_out_of_the_figures(checkpoint, samples, evaluation):
    unknown = [replace(sample, label="Rice___Blast") for sample in samples[:5]]
    found = evaluate(checkpoint, [*unknown, *samples], unknown_classes="report")
    counts = found.document.pop("unknown")
    assert set(counts) == {"Rice___Blast"} and list(counts["Rice___Blast"])[0] == "n"
    row = counts["Rice___Blast"]
    assert row["n"] == 5 == row["named"] + row["unsure"] + row["unfamiliar"] and row["told_healthy"] <= row["named"]
    assert found.document["n"] == 12 == len(found.samples)
    assert found.document["top1"] == evaluation.document["top1"]


def test_overlooked_diseases_are_those_named_healthy(checkpoint):
    """Three photos, named: healthy, a disease, and unsure between both."""
    logits = np.log([[0.02, 0.03, 0.95], [0.96, 0.02, 0.02], [0.45, 0.05, 0.5]])
    known = replace(checkpoint, temperature=1.0, conformal=ConformalRecord(0.1, "lac", 0.6), ood=None)
    counts = count_unknown(known, ModelOutputs(logits, [], []), ["Rice___Blast"] * 3)
    assert counts == {"Rice___Blast": {"n": 3, "named": 2, "unsure": 1, "unfamiliar": 0, "told_healthy": 1}}


def test_only_unknown_classes_leave_figures_null(checkpoint, samples):
    strangers = [replace(sample, label="animal") for sample in samples[:3]]
    document = evaluate(checkpoint, strangers, unknown_classes="report").document
    assert document["n"] == 0 and document["top1"] is None and document["unknown"]["animal"]["n"] == 3
    json.dumps(document, allow_nan=False)


def test_every_data_set_gets_the_same_figures(checkpoint, samples, evaluation):
    parts = [replace(sample, source="a" if i < 4 else "b") for i, sample in enumerate(samples)]
    document = evaluate(checkpoint, parts).document
    by_data = document["by_data"]
    assert {name: part["n"] for name, part in by_data.items()} == {"a": 4, "b": 8}
    assert set(document) - set(by_data["a"]) == {"by_data", "confusion", "classes"}
    for key in ("top1", "nll", "coverage", "accepted", "named"):
        assert (4 * by_data["a"][key] + 8 * by_data["b"][key]) / 12 == pytest.approx(document[key])


def test_augmentation_leaves_rejection_to_the_photo_itself(checkpoint, samples):
    alone, averaged = (predict_samples(checkpoint, samples[:2], tta=tta) for tta in (False, True))
    assert np.array_equal(averaged.photo_logits, alone.logits) and not np.array_equal(averaged.logits, alone.logits)


def test_a_subset_of_the_classes_is_scored(checkpoint, samples):
    some = [sample for sample in samples if sample.label.startswith("Potato")]
    found = evaluate(checkpoint, some).document
    assert found["n"] == len(some) and np.array(found["confusion"]).shape == (3, 3)
    assert found["balanced_accuracy"] == found["top1"]


def test_no_photos_are_refused(checkpoint):
    with pytest.raises(DataError, match="no photos"):
        evaluate(checkpoint, [])


def test_a_photo_that_cannot_be_read_is_named(checkpoint, samples, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")
    sample = replace(samples[0], path=broken, root=tmp_path, source="mine")
    with pytest.raises(DataError, match=r"broken\.jpg cannot be read: it is empty"):
        predict_samples(checkpoint, [sample])  # whose reader needs an answer for every photo
    with pytest.raises(DataError, match=r"none of 1 photos can be read; the first is mine/broken\.jpg: it is empty"):
        evaluate(checkpoint, [sample])


def test_photos_that_cannot_be_read_are_left_out_of_the_scores_and_listed(checkpoint, samples, evaluation, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"")
    broken = replace(samples[0], path=tmp_path / "broken.jpg", root=tmp_path, source="mine")
    found = evaluate(checkpoint, [*samples[:5], broken, *samples[5:]])
    assert found.document.pop("unreadable") == {"mine/broken.jpg": "it is empty (0 bytes). Copy it again."}
    assert found.document == evaluation.document and found.samples == evaluation.samples
    assert np.array_equal(found.predictions.logits, evaluation.predictions.logits)
    assert "unreadable" not in evaluation.document


def test_what_is_recorded_can_be_read_again(run, samples, evaluation):
    record_evaluation(run, "test", evaluation)
    found = Run(run)
    assert found.evaluation("test") == json.loads(json.dumps(evaluation.document))
    columns = found.predictions("test")
    assert list(columns) == ["sample_id", "path", "sha256", "label", "logits"]
    assert columns["path"][0] == "drawn/test/Potato___Early_blight/00.jpg"
    assert columns["sha256"][0] == hashlib.sha256(samples[0].path.read_bytes()).hexdigest()
    assert columns["label"] == [sample.label for sample in samples]
    assert np.array_equal(np.array(columns["logits"], dtype=np.float32), evaluation.predictions.logits)
    with np.load(run / "eval" / "test" / "features.npz", allow_pickle=False) as features:
        assert list(features["sha256"]) == columns["sha256"]
        assert np.abs(features["stage4"] - evaluation.predictions.stage_features[3]).max() < 1e-2


def test_the_manifest_covers_what_is_recorded(run, evaluation):
    record_evaluation(run, "val", evaluation)
    listed = json.loads((run / "manifest.json").read_text())["files"]
    assert {"eval/val/predictions.parquet", "eval/val/features.npz", "eval/val/metrics.json"} <= set(listed)
    assert Run(run).damaged_files() == []
    assert not (run / "test_evaluations.jsonl").exists()


def test_every_evaluation_on_test_is_counted(run, evaluation):
    record_evaluation(run, "test", evaluation)
    record_evaluation(run, "test", evaluation)
    lines = [json.loads(line) for line in (run / "test_evaluations.jsonl").read_text().splitlines()]
    assert [line["n"] for line in lines] == [12, 12]


def test_tta_averages_probabilities_and_not_logits(checkpoint, samples):
    alone, both = predict_samples(checkpoint, samples), predict_samples(checkpoint, samples, tta=True)
    mirrored = predict_pixels(checkpoint, [np.ascontiguousarray(s.read().pixels[:, ::-1]) for s in samples])
    views = [softmax(p.logits, checkpoint.temperature) for p in (alone, mirrored)]
    # A mirrored photo is resized to mirrored pixels, but for rounding.
    assert np.abs(softmax(both.logits, checkpoint.temperature) - np.mean(views, 0)).max() < 0.01
    assert np.abs(views[0] - views[1]).max() > 0.02
    assert all(np.array_equal(a, b) for a, b in zip(alone.stage_features, both.stage_features))


def test_evaluating_with_tta_agrees_with_diagnosing_with_it(checkpoint, samples):
    predictions = predict_samples(checkpoint, samples, tta=True)
    probs = softmax(predictions.logits, checkpoint.temperature)
    diagnoses = diagnose_many(checkpoint, [s.path.read_bytes() for s in samples], tta=True)
    for row, diagnosis in zip(probs, diagnoses):
        assert list(diagnosis.probabilities.values()) == pytest.approx(list(row), abs=1e-5)
    assert evaluate(checkpoint, samples, tta=True).document["nll"] != evaluate(checkpoint, samples).document["nll"]
