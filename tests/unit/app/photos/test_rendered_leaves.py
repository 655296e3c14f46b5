"""Which drawn leaves a reader gets, and with which run."""

import cv2
import numpy as np
import pytest

from app.photos import rendered_leaves
from hvit.data.leafsim import CONDITIONS, Address, plan, render
from hvit.runs.snapshot import RunSnapshot
from tests.support.snapshots import run_snapshot


def run(name: str, classes=CONDITIONS, learned_from=("drawings",)) -> RunSnapshot:
    return run_snapshot(name, classes, learned_from)


PHOTOS = run("leaf45-tiny", ["Apple___Scab", "Apple___healthy"], ["photos"])


def test_every_four_are_new_test_leaves_of_four_conditions_and_one_is_without_a_disease():
    start, seen = 0, []
    for _ in range(12):
        addresses, start = rendered_leaves.next_leaves(start)
        conditions = [plan(address).condition for address in addresses]
        assert len(set(conditions)) == 4 and conditions.count("healthy") == 1
        assert {address.split for address in addresses} == {"test"}
        seen += addresses
    assert len(set(seen)) == 48
    assert rendered_leaves.next_leaves(0)[0] == seen[:4]


def test_the_picture_is_kept_without_loss_and_the_truth_with_it():
    address = rendered_leaves.next_leaves(0)[0][0]
    made, leaf = rendered_leaves.make(address), render(address, rendered_leaves.SIDE_PX)
    pixels = cv2.cvtColor(cv2.imdecode(np.frombuffer(made.png, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert np.array_equal(pixels, leaf.picture)
    assert made.severity == pytest.approx(leaf.symptom_mask.sum() / leaf.leaf_mask.sum())
    assert made.plan == leaf.plan


def test_a_cut_leaf_keeps_the_truth_of_its_part():
    made = rendered_leaves.make(Address(5, 9))
    part = made.cut((0.25, 0.5, 0.75, 1.0))
    assert np.array_equal(part.symptom_mask, made.symptom_mask[192:384, 96:288])
    assert part.severity == made.severity


def test_only_a_run_with_all_conditions_knows_rendered_leaves():
    assert rendered_leaves.is_known_to([*CONDITIONS, "Early_stress"])
    assert not rendered_leaves.is_known_to(CONDITIONS[1:])
    assert rendered_leaves.run_for_renderings([PHOTOS], PHOTOS) is None


def test_the_current_run_stays_if_it_knows_rendered_leaves_else_the_shipped_one_is_first():
    mine, shipped = run("a-mine"), run("leafsim-tiny")
    assert rendered_leaves.run_for_renderings([PHOTOS, mine, shipped], PHOTOS) == shipped
    assert rendered_leaves.run_for_renderings([PHOTOS, mine, shipped], mine) == mine
    assert rendered_leaves.run_for_renderings([PHOTOS, mine], PHOTOS) == mine


def test_photos_are_for_a_run_that_learned_from_photos():
    assert rendered_leaves.run_for_photos([run("leafsim-tiny"), PHOTOS]) == PHOTOS
    assert rendered_leaves.run_for_photos([run("leafsim-tiny"), run("unknown", learned_from=())]) is None
