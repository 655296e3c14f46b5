"""The detail image of a photo, and class probabilities at its size."""

import cv2
import numpy as np
import pytest
import torch

from hvit.data.preprocess import Preprocessing
from hvit.models.segmentation import SegmentationHead
from hvit.severity.composites import composite, cutout_mask
from hvit.severity.masks import masks_of, symptom_regions
from hvit.severity.segmentation import class_probabilities, detail_image, resized_probabilities

PREPROCESSING = Preprocessing(64)


def smooth(height: int, width: int) -> np.ndarray:
    """A photo of large soft patches."""
    coarse = np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def test_the_detail_image_has_twice_the_sides_of_the_input():
    photo = smooth(300, 300)
    assert detail_image(photo, PREPROCESSING).shape == (3, 128, 128)
    assert PREPROCESSING(photo).shape == (3, 64, 64)


@pytest.mark.parametrize("sides", [(130, 130), (401, 397), (1000, 1003)])
def test_photos_of_any_size_give_the_same_detail(sides):
    photo = smooth(*sides)
    plain = cv2.resize(photo, (128, 128), interpolation=cv2.INTER_AREA)
    expected = PREPROCESSING.normalize(torch.from_numpy(plain).permute(2, 0, 1)[None])[0]
    assert (detail_image(photo, PREPROCESSING) - expected).abs().mean() < 0.05


def test_probabilities_sum_to_one_at_any_size():
    head = SegmentationHead((8, 8, 8, 8), 8, 8).eval()
    maps = [torch.randn(2, 8, 64 // s, 64 // s) for s in (4, 8, 16, 32)]
    found = class_probabilities(head, maps, torch.randn(2, 3, 128, 128))
    assert found.shape == (2, 64, 64, 3)
    np.testing.assert_allclose(resized_probabilities(found[0], 90, 70).sum(2), 1, atol=1e-5)


def test_symptoms_are_part_of_the_leaf():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1, 1], (20, 20)).astype(np.float32)
    leaf, symptom = masks_of(probabilities, 0.4)
    assert (leaf & symptom == symptom).all() and symptom.any()
    assert (masks_of(probabilities, 0.8)[1] <= symptom).all()


def test_the_largest_regions_come_first():
    mask = np.zeros((20, 20), bool)
    mask[0:2, 0:2] = mask[5:10, 5:10] = mask[15:18, 15:18] = True
    assert [region.sum() for region in symptom_regions(mask, 2)] == [25, 9]


def test_a_composite_shows_the_leaf_on_another_ground_the_same_each_time():
    leaf = np.zeros((60, 80, 3), np.uint8)
    cv2.ellipse(leaf, (40, 30), (30, 20), 0, 0, 360, (60, 140, 50), -1)
    photo, mask = composite(leaf, 1, 5)
    again, _ = composite(leaf, 1, 5)
    assert photo.shape == (104, 104, 3) and mask.sum() == cutout_mask(leaf).sum()
    assert np.array_equal(photo, again)
    assert abs(int(photo[52, 52, 1]) - 140) < 6
    assert photo[~mask].std() > 1 and not np.array_equal(photo, composite(leaf, 1, 6)[0])
