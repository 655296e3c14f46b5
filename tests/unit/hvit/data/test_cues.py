"""Photos with one cue left or taken away."""

import numpy as np
import pytest

from hvit.data import cues


@pytest.fixture
def photo() -> np.ndarray:
    """A green leaf with a brown spot on red ground, 60 x 80."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[:] = [200, 30, 30]
    image[15:45, 20:60] = [40, 160, 40]
    image[25:30, 30:35] = [90, 60, 20]
    return image


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.zeros((60, 80), bool)
    mask[15:45, 20:60] = True
    return mask


def test_grey_keeps_luminance_alone(photo):
    found = cues.grey(photo)
    assert (found[..., 0] == found[..., 1]).all() and (found[..., 1] == found[..., 2]).all()
    assert found[0, 0, 0] == round(0.299 * 200 + 0.587 * 30 + 0.114 * 30)


def test_low_pass_keeps_the_mean_and_loses_what_is_small(photo):
    found = cues.low_pass(photo)
    assert found.shape == photo.shape
    assert np.allclose(found.reshape(-1, 3).mean(0), photo.reshape(-1, 3).mean(0), atol=3)
    stripes = np.repeat(np.tile([0, 255], 32)[None, :, None], 64, axis=0).repeat(3, 2).astype(np.uint8)
    assert np.ptp(cues.low_pass(stripes)[8:-8, 8:-8].astype(int)) <= 2  # half black, half white: all grey


def test_stretching_widens_the_photo(photo):
    assert cues.stretched(photo).shape == (60, 100, 3)


def test_leaf_only_keeps_the_leaf_to_the_bit_and_greys_the_rest(photo, mask):
    found = cues.leaf_only(photo, mask)
    assert (found[mask] == photo[mask]).all() and (found[~mask] == cues.GREY).all()


def test_background_only_leaves_no_color_of_the_leaf(photo, mask):
    found = cues.background_only(photo, mask)
    assert (found[mask] == [200, 30, 30]).all() and (found[:10] == photo[:10]).all()


def test_a_leaf_that_is_widened_over_the_frame_takes_the_color_of_what_is_left():
    image = np.full((20, 20, 3), 50, np.uint8)
    image[:, 0] = 250
    mask = np.ones((20, 20), bool)
    mask[:, 0] = False
    assert (cues.background_only(image, mask)[:, 5] == 250).all()


@pytest.mark.parametrize(("share", "single"), [(0.02, False), (0.5, True), (0.9, False)])
def test_a_mask_of_hardly_anything_or_of_nearly_all_is_no_single_leaf(share, single):
    mask = np.zeros((10, 100), bool)
    mask[:, : round(100 * share)] = True
    assert cues.is_single_leaf(mask) is single
