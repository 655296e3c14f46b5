import json
from dataclasses import replace

import numpy as np
import pytest

from hvit.runs.checkpoint import load_checkpoint
from hvit.scoring.model_outputs import ModelOutputs
from training.calibration.unknown_classes import Acceptance
from training.compare_rejection import Photos, compare, main
from training.frozen_features.labeled_features import LabeledFeatures


@pytest.fixture(scope="module")
def checkpoint(tiny_run):
    return replace(load_checkpoint(tiny_run), temperature=1.0)


def _photos(rng, classes, per_class: int) -> LabeledFeatures:
    """Classes around the corners of a triangle; every fourth photo is of the field."""
    labels = np.repeat([0, 1, 2], per_class)
    points = 10 * np.eye(3)[labels] + rng.normal(size=(len(labels), 3))
    sources = np.where(np.arange(len(labels)) % 4, "lab", "orchard")
    return LabeledFeatures([points] * 4, points, labels, sources, np.arange(len(labels)).astype(str), tuple(classes))


@pytest.fixture(scope="module")
def photos(checkpoint) -> Photos:
    rng = np.random.default_rng(0)
    parts = [_photos(rng, checkpoint.classes, count) for count in (100, 60, 20)]
    # In the middle of the triangle, and far out along one class: features tell the first, logits alone do not.
    middle, far = rng.normal(size=(30, 3)) * 0.1, rng.normal(size=(30, 3)) + [100, 0, 0]
    unknown = {name: ModelOutputs(p, [p] * 4, []) for name, p in (("middle", middle), ("far", far))}
    return Photos(*parts, unknown)


@pytest.fixture(scope="module")
def document(checkpoint, photos) -> dict:
    return compare(checkpoint, photos, Acceptance(0.96, 0.9, ("orchard",)), ["mahalanobis", "energy"])


def test_every_detector_gets_its_row(document):
    assert [row["method"] for row in document["methods"]] == ["mahalanobis", "energy"]
    assert document["n"] == {"reference": 300, "calibrating": 180, "known": 60}
    json.dumps(document, allow_nan=False)


def test_a_detector_that_sees_features_rejects_both_unknowns(document):
    mahalanobis, energy = (row["unknown"] for row in document["methods"])
    assert mahalanobis["middle"] == {"n": 30, "auroc": 1.0, "rejected": 1.0, "named": 0.0}
    assert mahalanobis["far"]["rejected"] == 1.0 and energy["far"]["rejected"] == 0.0
    assert energy["far"]["auroc"] < 0.1  # large logits are low energy


def test_the_best_detector_errs_least_over_all_kinds(document):
    rows = {row["method"]: row for row in document["methods"]}
    energy = rows["energy"]
    accepted = [1 - part["rejected"] for part in energy["unknown"].values()]
    assert energy["mean_wrong"] == pytest.approx(np.mean([*accepted, energy["classes_left_out"]["named"]]))
    assert document["best"] == "mahalanobis"


def test_known_photos_are_accepted_in_each_data_set(document):
    known = document["methods"][0]["known"]
    assert set(known) == {"lab", "orchard"} and known["lab"]["n"] == 45
    assert min(part["accepted"] for part in known.values()) > 0.8


def test_the_second_threshold_names_at_most_8_percent_of_classes_left_out(document):
    for row in document["methods"]:
        assert row["with_unsure_threshold"]["classes_left_out"]["named"] <= 0.08


def test_a_run_that_does_not_say_what_calibrated_it_is_refused(tiny_run, tmp_path, capsys):
    assert main(["--run", str(tiny_run), "--known", str(tmp_path), "--unknown", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("training.compare_rejection: ")
