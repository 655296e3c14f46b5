"""Seed groups on one split: mean scores, and which of two is better."""

import numpy as np
import pytest

from hvit.runs.predictions import Predictions
from hvit.scoring.group_comparison import (
    EvaluatedGroup,
    EvaluatedRun,
    compare_groups,
    compare_pairs,
    group_score,
    joint_intervals,
    pair_by_seed,
    recorded_group_score,
)
from hvit.scoring.recorded_scores import score_predictions

CLASSES = ("a", "b")
LABELS = [0, 0, 0, 1, 1, 1, 0, 1]


def predictions(predicted, labels=LABELS, first_photo=0) -> Predictions:
    """Of photos numbered from `first_photo`; each predicted class has probability 0.9."""
    photos = tuple(str(first_photo + i) for i in range(len(labels)))
    probs = np.where(np.eye(2, dtype=bool)[predicted], 0.9, 0.1)
    return Predictions("run", "test", CLASSES, photos, photos, np.array(labels), probs, 1.0)


def group(name, *predicted, seeds=None) -> EvaluatedGroup:
    seeds = range(len(predicted)) if seeds is None else seeds
    runs = [EvaluatedRun(f"{name}-{seed}", seed, predictions(each)) for seed, each in zip(seeds, predicted)]
    return EvaluatedGroup(name, tuple(runs))


WRONG = [1 - label for label in LABELS]
HALF = [0, 0, 1, 0, 1, 1, 1, 0]


def test_scores_of_a_group_are_the_means_of_its_runs():
    scores = [score_predictions(predictions(each)) for each in (LABELS, HALF)]
    joint = joint_intervals([predictions(LABELS), predictions(HALF)])
    found = group_score("way", [0, 1], scores, joint)
    assert (found.seeds, found.n, found.top1) == ((0, 1), 8, 0.75)
    assert found.top1_ci[0] < 0.75 < found.top1_ci[1] and found.nll == pytest.approx(
        (scores[0].nll + scores[1].nll) / 2
    )


def test_runs_on_different_photos_have_no_joint_interval():
    joint = joint_intervals([predictions(LABELS), predictions(LABELS[:4], LABELS[:4])])
    assert (joint.n, joint.top1_ci, joint.macro_f1_ci) == (None, None, None)


def test_recorded_documents_without_top1_are_left_out():
    documents = [{"top1": 0.5, "macro_f1": 0.4, "n": 8}, None, {"macro_f1": 0.9}, {"top1": 0.7, "n": 9}]
    found = recorded_group_score("way", [0, 1, 2, 3], documents)
    assert (found.seeds, found.top1, found.macro_f1, found.n) == ((0, 3), pytest.approx(0.6), None, None)
    assert recorded_group_score("way", [0], [None]) is None


def test_runs_are_paired_by_seed_and_those_left_out_are_counted():
    pairs, note = pair_by_seed(group("x", LABELS, HALF), group("y", HALF, LABELS, WRONG, seeds=[1, 0, 7]), "test")
    assert [(a.name, b.name) for a, b in pairs] == [("x-0", "y-0"), ("x-1", "y-1")]
    assert note == "x and y: compared on 2 seeds in common; 1 more run left out"


def test_of_one_run_each_the_seeds_need_not_be_equal():
    pairs, note = pair_by_seed(group("x", LABELS, seeds=[3]), group("y", HALF, seeds=[None]), "test")
    assert len(pairs) == 1 and note is None


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (group("x"), group("y", LABELS), "x and y: x has no predictions on test"),
        (group("x", LABELS, HALF), group("y", LABELS, HALF, seeds=[5, 6]), "x and y have no seed in common"),
    ],
)
def test_groups_that_cannot_be_paired_say_why(first, second, expected):
    pairs, note = pair_by_seed(first, second, "test")
    assert pairs == [] and note.startswith(expected)


def test_a_gain_is_positive_where_the_second_group_is_better():
    found = compare_groups([group("x", HALF), group("y", LABELS)], "test")
    [pair] = found.pairs
    assert (pair.first, pair.second, pair.top1.gain) == ("x", "y", 0.5)
    [test] = found.run_pairs
    assert (test.photos, test.corrected) == (8, pytest.approx(0.125))  # 4 of 4 discordant: 2 x 0.5^4, one test


def test_all_groups_are_compared_with_one_where_it_is_named():
    found = compare_groups([group("x", HALF), group("y", LABELS), group("z", WRONG)], "test", against="z")
    assert [(pair.first, pair.second) for pair in found.pairs] == [("z", "x"), ("z", "y")]


def test_only_shared_photos_are_compared_and_the_note_counts_them():
    first = EvaluatedRun("x", 0, predictions(LABELS))
    second = EvaluatedRun("y", 0, predictions(LABELS, first_photo=4))
    found = compare_pairs([(first, second)])
    assert found.top1.photos == 2  # of the four with equal numbers, two have the same true class
    assert found.note == "not evaluated on the same pictures (8); compared on the 2 they share"
    apart = EvaluatedRun("z", 0, predictions(LABELS, first_photo=100))
    assert compare_pairs([(first, apart)]) is None
