"""Scales that put the same color on the same number in every photo, and grids that lose nothing."""

import numpy as np
import pytest

from hvit.explain import METHODS
from hvit.explain.color_scale import (
    FEATURE_CONTRIBUTION,
    PIXEL_CONTRIBUTION,
    RELATIVE_SHARE,
    SCORE_DROP,
    ColorScale,
    resample_area,
)
from hvit.explain.explanation import Explanation
from hvit.explain.overlay import DIVERGING_COLORS, SEQUENTIAL_COLORS, overlay_heatmap, render_explanation


def test_lift_is_logarithmic_from_half_to_twice_the_average():
    values = np.array([0.0, 0.5, 2**-0.5, 1.0, 2**0.5, 2.0, 9.0])
    np.testing.assert_allclose(RELATIVE_SHARE.normalize(values), [0, 0, 0.25, 0.5, 0.75, 1, 1], atol=1e-6)


def test_a_signed_scale_by_hand():
    """Knee 1 and end 3: a value v stands log2(1 + |v|) / 2 of the way to its end."""
    scale = ColorScale("points", (-3.0, 0.0, 3.0), linthresh=1.0)
    np.testing.assert_allclose(
        scale.normalize(np.array([-9.0, -3, -1, 0, 1, 3, 9])), [0, 0, 0.25, 0.5, 0.75, 1, 1], atol=1e-6
    )


@pytest.mark.parametrize("scale", [RELATIVE_SHARE, FEATURE_CONTRIBUTION, PIXEL_CONTRIBUTION, SCORE_DROP])
def test_the_neutral_value_is_in_the_middle_and_the_ticks_in_order(scale):
    positions = scale.normalize(np.array(scale.ticks))
    assert positions[0] == 0 and positions[-1] == 1 and positions[len(positions) // 2] == pytest.approx(0.5)
    assert (np.diff(positions) > 0.05).all() and len(scale.labels) == len(positions)


def test_a_value_has_its_color_whatever_lies_beside_it():
    few, more = (share(np.array(row)) for row in ([[0.5, 0.5]], [[0.5, 0.5], [3.0, 0.0]]))
    assert few.heatmap[0, 0] == share(np.array([[0.25, 0.25], [0.5, 0.0]])).heatmap[0, 0] == np.float32(0.5)
    assert more.heatmap[1, 0] == 1


def share(attribution):
    return Explanation(attribution.astype(np.float32), "rollout", None, {}, RELATIVE_SHARE, is_additive=True)


def test_resampling_takes_means_of_what_lies_under_each_cell():
    np.testing.assert_allclose(resample_area(np.array([[1.0, 2.0], [3.0, 4.0]]), 4, 4)[:2, 1:3], [[1, 2], [1, 2]])
    np.testing.assert_allclose(resample_area(np.array([[0.0, 3.0, 6.0]]), 1, 2), [[1, 5]])  # (0 + 0 + 3) / 3 by halves


@pytest.mark.parametrize("sides", [(7, 5), (16, 24), (301, 200)])
def test_shares_on_the_photo_still_sum_to_one_and_scores_stay_what_they_are(sides):
    values = np.random.default_rng(0).random((4, 6))
    shares = share(values / values.sum()).per_pixel(*sides)
    assert shares.shape == sides and shares.dtype == np.float32 and shares.sum() == pytest.approx(1, abs=1e-5)
    alone = Explanation(values.astype(np.float32), "occlusion", 0, {}, SCORE_DROP, is_additive=False).per_pixel(*sides)
    assert alone.mean() == pytest.approx(values.mean(), abs=1e-5)
    if sides == (16, 24):
        np.testing.assert_allclose(alone[:4, :4], values[0, 0], rtol=1e-5)


@pytest.mark.parametrize(
    ("height", "width", "shown"), [(96, 96, (512, 512)), (200, 800, (200, 800)), (90, 3000, (31, 1024))]
)
def test_a_picture_is_of_a_readable_size_with_the_scale_below(height, width, shown):
    pixels = np.full((height, width, 3), 128, np.uint8)
    picture = np.asarray(render_explanation(pixels, share(np.full((2, 2), 0.25)), "rollout, tiny"))
    assert picture.shape[0] > shown[0] and picture.shape[1] == shown[1]
    even = overlay_heatmap(np.full((1, 1, 3), 128, np.uint8), np.full((1, 1), 0.5, np.float32))[0, 0]
    assert (picture[: shown[0]] == even).all()
    assert (picture[shown[0] :, picture.shape[1] // 2] == even).all(-1).any()  # the middle of the scale has that color


def test_a_narrow_photo_has_room_for_the_scale():
    picture = render_explanation(np.zeros((900, 80, 3), np.uint8), share(np.full((2, 2), 0.25)), "rollout, tiny")
    assert picture.width >= 300


def test_values_with_a_sign_have_colors_of_their_own():
    pixels = np.full((64, 64, 3), 128, np.uint8)
    signed = Explanation(np.full((2, 2), -2, np.float32), "occlusion", 0, {}, SCORE_DROP, is_additive=False)
    expected = overlay_heatmap(pixels[:1, :1], np.zeros((1, 1), np.float32), DIVERGING_COLORS)[0, 0]
    assert (np.asarray(render_explanation(pixels, signed, "occlusion"))[5, 5] == expected).all()
    assert (expected != overlay_heatmap(pixels[:1, :1], np.zeros((1, 1), np.float32), SEQUENTIAL_COLORS)[0, 0]).any()


def test_the_methods_are_those_of_the_contract():
    assert list(METHODS) == ["rollout", "gradient_rollout", "integrated_gradients", "occlusion", "gradcam"]
    assert [m.name for m in METHODS.values() if not m.depends_on_class] == ["rollout"]
