"""Near-duplicates: found where they are, and nowhere else."""

import cv2
import numpy as np
import pytest

from hvit.data.inspection.duplicates import Fingerprints, groups_of, near_duplicate_pairs
from tests.support.drawn_photos import draw_leaf


def pairs_of(photos, labels=None):
    return near_duplicate_pairs(Fingerprints.of(photos), labels).tolist()


def other_pictures(count, seed=0):
    rng = np.random.default_rng(seed)
    return [cv2.resize(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), (96, 96)) for _ in range(count)]


def test_different_pictures_are_not_near_duplicates():
    assert pairs_of(other_pictures(30)) == []


@pytest.mark.parametrize(
    "alter",
    [
        lambda p: p,
        lambda p: p[:, ::-1],
        lambda p: cv2.resize(p, (70, 70), interpolation=cv2.INTER_AREA),
        lambda p: cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR),
        lambda p: cv2.convertScaleAbs(p, alpha=1.0, beta=8),
    ],
    ids=["copy", "mirrored", "smaller", "compressed", "brighter"],
)
def test_altered_copies_are_found(alter):
    photos = other_pictures(10)
    photos.append(np.ascontiguousarray(alter(photos[3])))
    assert pairs_of(photos) == [[3, 10]]


def test_within_a_class_the_rule_is_wider():
    photos = other_pictures(6)
    photos.append(cv2.convertScaleAbs(photos[2], alpha=1.0, beta=14))
    photos[-1] = cv2.GaussianBlur(photos[-1], (0, 0), 1)
    prints = Fingerprints.of(photos)
    alone = {(i, j) for i, j in near_duplicate_pairs(prints).tolist()}
    within = {(i, j) for i, j in near_duplicate_pairs(prints, np.zeros(7, int)).tolist()}
    apart = {(i, j) for i, j in near_duplicate_pairs(prints, np.arange(7)).tolist()}
    assert apart == alone and alone <= within


def test_a_known_hash():
    ramp = np.repeat(np.arange(72, dtype=np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    prints = Fingerprints.of([ramp])  # darker than the right neighbor everywhere, brighter when mirrored
    assert prints.hashes[0] == 0 and prints.mirrored[0] == 2**64 - 1


def test_pairs_across_blocks_are_found(monkeypatch):
    monkeypatch.setattr("hvit.data.inspection.duplicates.BLOCK", 7)
    photos = other_pictures(20)
    photos.append(photos[1].copy())
    assert pairs_of(photos) == [[1, 20]]


def test_chains_become_one_group():
    assert groups_of(7, np.array([[1, 4], [2, 3], [4, 6]])).tolist() == [0, 1, 2, 2, 1, 5, 1]
    assert groups_of(3, np.empty((0, 2), int)).tolist() == [0, 1, 2]


def test_no_photos_have_no_pairs():
    assert pairs_of([]) == []


def test_the_one_near_duplicate_among_thousands_is_found():
    rng = np.random.default_rng(0)
    thumbnails = rng.integers(0, 256, (3000, 16, 16, 3)).astype(np.float32)
    hashes = rng.integers(0, 2**63, 3000).astype(np.uint64)
    thumbnails[2500], hashes[2500] = thumbnails[10] + 1, hashes[10]
    found = near_duplicate_pairs(Fingerprints(thumbnails, hashes, hashes[::-1].copy()), rng.integers(0, 19, 3000))
    assert found.tolist() == [[10, 2500]]


def test_rendered_leaves_of_the_tests_are_no_near_duplicates_of_each_other():
    leaves = [draw_leaf(c, seed) for c in range(3) for seed in range(8)]
    assert pairs_of(leaves) == []
