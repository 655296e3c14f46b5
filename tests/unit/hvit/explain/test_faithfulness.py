"""Covering what a map marks: counted, worked by hand, and against a plain loop."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from hvit.explain.color_scale import RELATIVE_SHARE, SCORE_DROP
from hvit.explain.explanation import Explanation
from hvit.explain.faithfulness import (
    BLUR,
    area_under_curve,
    deletion_curve,
    endpoint_probabilities,
    insertion_curve,
    mask_random,
    mask_strongest,
    peak_attribution,
    rank_cells,
)
from hvit.explain.methods.integrated_gradients import blurred
from tests.support.explained_models import Scored, drawn_classifier


def pictures(height=64, width=96, seed=0):
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def changed(before, after):
    """Pixels that differ, (H, W) bool."""
    return (before != after).any(1)[0].numpy()


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 1])
def test_as_many_pixels_are_covered_as_asked_for(share):
    images = pictures()
    values = np.random.default_rng(0).random((2, 3))
    cells = round(share * 16 * 24)
    for after in (mask_strongest(images, values, share, "mean"), mask_random(images, share, 16, 3, "mean")):
        assert changed(images, after).sum() == 16 * cells
        assert (after[:, :, torch.from_numpy(changed(images, after))] == 0).all()


def test_the_strongest_units_are_covered_first_and_negative_ones_last():
    images, values = pictures(64, 64), np.array([[-9.0, 1.0], [2.0, 0.0]])
    quarters = changed(images, mask_strongest(images, values, 0.5)).reshape(2, 32, 2, 32).mean((1, 3))
    assert quarters.tolist() == [[0, 1], [1, 0]]
    assert not changed(images, mask_strongest(images, values, 0.75))[:32, :32].any()


def test_blur_covers_with_the_photo_without_its_details():
    images = pictures()
    assert torch.equal(mask_strongest(images, np.zeros((1, 1)), 1.0), blurred(images, BLUR))


def test_a_map_without_findings_is_not_covered_from_top_to_bottom():
    images = pictures(128, 128)
    for flat in (np.full((4, 4), 1 / 3, np.float32), np.full((3, 5), 0.1, np.float32)):
        half = changed(images, mask_strongest(images, flat, 0.5))
        assert 0.4 < half[:64].mean() < 0.6 and 0.4 < half[:, :64].mean() < 0.6
        assert 0.4 < half[: 128 // 4].mean() < 0.6
    assert np.array_equal(half, changed(images, mask_strongest(images, flat, 0.5)))  # the same again


def test_equal_places_on_a_coarse_grid_stay_equal_on_a_fine_one():
    values = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    order = rank_cells(values, 32, 32)
    places = (order // 32 // 8) * 4 + order % 32 // 8
    assert np.array_equal(places.reshape(16, 64), np.argsort(-values.ravel())[:, None].repeat(64, 1))
    assert sorted(order) == list(range(1024))


def test_squares_at_random_are_of_the_size_asked_for_and_belong_to_a_seed():
    images = pictures(128, 128)
    after = changed(images, mask_random(images, 0.25, 32, seed=1, baseline="mean"))
    blocks = after.reshape(4, 32, 4, 32).mean((1, 3))
    assert sorted(blocks.ravel()) == [0] * 12 + [1] * 4
    other = changed(images, mask_random(images, 0.25, 32, seed=2, baseline="mean"))
    assert not np.array_equal(after, other)


def linear(x):
    """The logit is 6 in the left half, 2 in the upper right quarter, 0 in the lower, for a picture of ones."""
    weights = torch.zeros(64, 64)
    weights[:, :32], weights[:32, 32:] = 6 / 2048, 2 / 1024
    return (x[:, 0] * weights).sum((1, 2))


def test_the_curves_of_a_linear_model_by_hand():
    model, ones = Scored(linear).eval(), torch.ones(1, 3, 64, 64)
    values = np.array([[2.0, 1.0], [2.0, 0.0]])  # the order of the weights
    logits = [8, 5, 2, 0, 0]  # after each quarter: 3, 3, 2, 0 points of the score
    by_hand = 1 / (1 + np.exp(-np.array(logits) / 2))
    deletion = deletion_curve(model, ones, values, 1, temperature=2.0, baseline="mean", steps=4)
    np.testing.assert_allclose(deletion, by_hand, atol=1e-6)
    insertion = insertion_curve(model, ones, values, 1, temperature=2.0, baseline="mean", steps=4)
    np.testing.assert_allclose(insertion, 1 / (1 + np.exp(-np.array([0, 3, 6, 8, 8]) / 2)), atol=1e-6)
    assert area_under_curve(deletion) == pytest.approx((by_hand[1:4].sum() + (by_hand[0] + by_hand[4]) / 2) / 4)
    assert area_under_curve(np.array([0.0, 1.0])) == 0.5 and area_under_curve(np.array([1.0, 1.0, 1.0])) == 1
    wrong = deletion_curve(model, ones, -values, 1, temperature=2.0, baseline="mean", steps=4)
    assert area_under_curve(wrong) > area_under_curve(deletion)


@pytest.mark.parametrize("baseline", ["blur", "mean"])
def test_curves_agree_with_a_plain_loop_over_pixels(baseline):
    """Pixel by pixel, one picture at a time, from a map that has a value a cell and none twice."""
    model, images, steps, temperature = drawn_classifier(), pictures(), 8, 1.7
    values = np.random.default_rng(1).permutation(16 * 24).reshape(16, 24).astype(np.float32)
    under = blurred(images, BLUR) if baseline == "blur" else torch.zeros_like(images)
    by_pixel = values.repeat(4, 0).repeat(4, 1)
    deletion, insertion = [], []
    for i in range(steps + 1):
        limit = 16 * 24 * (1 - i / steps)  # values from here on are the strongest i / steps
        marked = torch.from_numpy(by_pixel >= limit)
        for found, picture in (
            (deletion, torch.where(marked, under, images)),
            (insertion, torch.where(marked, images, under)),
        ):
            found.append(float(F.softmax(model(picture).double() / temperature, 1)[0, 2]))
    found = [
        curve(model, images, values, 2, temperature, baseline, steps) for curve in (deletion_curve, insertion_curve)
    ]
    np.testing.assert_allclose(found, [deletion, insertion], atol=1e-5)
    assert deletion[0] != pytest.approx(deletion[-1], abs=1e-3)
    ends = endpoint_probabilities(model, images, 2, temperature, baseline)
    assert ends == pytest.approx((deletion[0], deletion[-1]), abs=1e-5)
    again = deletion_curve(model, images, values, 2, temperature, baseline, steps, ends=ends)
    np.testing.assert_allclose(again, deletion, atol=1e-5)


def test_strength_is_the_largest_lift_or_the_largest_score_of_either_sign():
    shares = np.array([[0.5, 0.25], [0.25, 0.0]], np.float32)
    assert peak_attribution(Explanation(shares, "rollout", None, {}, RELATIVE_SHARE, is_additive=True)) == 2
    lost = np.array([[0.5, -3.0]], np.float32)
    assert peak_attribution(Explanation(lost, "occlusion", 1, {}, SCORE_DROP, is_additive=False)) == 3


def test_what_cannot_be_covered_is_refused():
    images, values = pictures(), np.zeros((2, 2))
    with pytest.raises(ValueError, match="between 0 and 1"):
        mask_strongest(images, values, 1.2)
    with pytest.raises(ValueError, match="'black', expected blur or mean"):
        mask_strongest(images, values, 0.5, "black")
    with pytest.raises(ValueError, match="does not divide an image of 64 x 96 px"):
        mask_random(images, 0.5, 20)
