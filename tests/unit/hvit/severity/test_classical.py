"""Thresholds of color indices, tuned on photos with masks."""

import numpy as np
import pytest

from hvit.severity.classical import clustered, color_indices, filled, tune_classical


def leaf_photo(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A green square with a brown spot on a grey ground, and the shares of its mask."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((64, 64), int)
    mask[10:54, 12:50] = 1
    top, left = rng.integers(15, 35, 2)
    mask[top : top + 9, left : left + 7] = 2
    colors = np.array([[200, 200, 205], [60, 150, 50], [120, 80, 40]])
    photo = np.clip(colors[mask] + rng.normal(0, 6, (64, 64, 3)), 0, 255).astype(np.uint8)
    return photo, (mask[:, :, None] == np.arange(3)).astype(np.float32)


def test_tuned_thresholds_separate_leaf_and_spot_of_new_photos():
    photos, masks = zip(*(leaf_photo(seed) for seed in range(4)))
    segmenter = tune_classical(photos, masks, leaf_known=True)
    photo, mask = leaf_photo(99)
    leaf, symptom = segmenter(photo)
    true_leaf, true_symptom = mask[:, :, 0] == 0, mask[:, :, 2] == 1
    assert (leaf & true_leaf).sum() / (leaf | true_leaf).sum() > 0.95
    assert (symptom & true_symptom).sum() / (symptom | true_symptom).sum() > 0.8


def test_without_leaf_masks_all_of_the_photo_is_searched():
    photos, masks = zip(*(leaf_photo(seed) for seed in range(3)))
    segmenter = tune_classical(photos, masks, leaf_known=False)
    assert segmenter.leaf is None
    assert segmenter(photos[0])[0].all()


def test_holes_of_a_leaf_are_leaf():
    mask = np.zeros((20, 20), bool)
    mask[2:18, 2:18] = True
    mask[8:12, 8:12] = False
    assert filled(mask).sum() == 16 * 16


def test_clusters_are_the_same_each_time_and_few():
    photo, _ = leaf_photo(0)
    assert np.array_equal(clustered(photo), clustered(photo))
    assert len(np.unique(clustered(photo).reshape(-1, 3), axis=0)) <= 6


def test_excess_green_is_that_of_its_formula():
    pixel = np.full((1, 1, 3), [50, 100, 30], np.uint8)
    assert color_indices(pixel)["ExG"][0, 0] == pytest.approx((200 - 80) / 180)


def test_no_photos_cannot_be_tuned_on():
    with pytest.raises(ValueError, match="no photos"):
        tune_classical([], [], leaf_known=True)
