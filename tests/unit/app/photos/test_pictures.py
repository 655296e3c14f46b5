"""Photos on screen: sizes, the heat scale, and cuts."""

import cv2
import numpy as np
import pytest

from app.photos import pictures
from hvit.explain.overlay import apply_colormap, overlay_heatmap


def gradient(height: int, width: int) -> np.ndarray:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.arange(width) % 256
    pixels[..., 1] = (np.arange(height) % 256)[:, None]
    return pixels


def test_a_photo_is_shrunk_to_its_longer_side_and_never_enlarged():
    assert pictures.shrunk(gradient(300, 600), 100).shape == (50, 100, 3)
    assert pictures.shrunk(gradient(30, 60), 100).shape == (30, 60, 3)


def test_the_heat_scale_runs_from_dark_to_light():
    dark, middle, light = apply_colormap(np.array([[0.0, 0.5, 1.0]]))[0]
    assert dark.tolist() == [0, 0, 4] and light.tolist() == [252, 255, 164]
    assert dark.sum() < middle.sum() < light.sum()


def test_the_same_attribution_has_the_same_color_in_every_picture():
    photo = np.full((8, 8, 3), 120, np.uint8)
    alone = overlay_heatmap(photo, np.full((2, 2), 0.5, np.float32))
    beside_more = overlay_heatmap(photo, np.array([[0.5, 0.5], [0.5, 1.0]], np.float32))
    assert alone[0, 0].tolist() == beside_more[0, 0].tolist()


def test_a_cut_holds_exactly_the_pixels_inside_the_box():
    photo = gradient(200, 200)
    cut = cv2.imdecode(np.frombuffer(pictures.cut_out(photo, (0.25, 0.5, 0.75, 1.0)), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(cv2.cvtColor(cut, cv2.COLOR_BGR2RGB), photo[100:200, 50:150])


@pytest.mark.parametrize("box", [(0.5, 0.5, 0.5, 0.5), (0.0, 0.0, 0.01, 0.01), (0.99, 0.99, 1.0, 1.0)])
def test_a_cut_is_never_smaller_than_can_be_read(box):
    left, top, right, bottom = pictures.edges_px(box, 300, 400)
    assert (right - left, bottom - top) == (64, 64)
    assert 0 <= left and right <= 400 and 0 <= top and bottom <= 300


def test_the_proposed_box_surrounds_the_one_colored_leaf():
    photo = np.full((240, 320, 3), 200, np.uint8)
    cv2.ellipse(photo, (200, 120), (60, 40), 0, 0, 360, (40, 130, 50), -1)
    assert pictures.propose_leaf(photo) == pytest.approx((140 / 320, 80 / 240, 260 / 320, 160 / 240), abs=0.04)


def test_a_grey_picture_gets_a_box_in_its_middle():
    assert pictures.propose_leaf(np.full((100, 100, 3), 128, np.uint8)) == (0.1, 0.1, 0.9, 0.9)


def test_an_outline_surrounds_the_mask_and_leaves_its_inside_alone():
    photo = np.full((320, 320, 3), (60, 120, 50), np.uint8)
    mask = np.zeros((160, 160), bool)
    mask[60:100, 60:100] = True
    shown = pictures.with_outline(photo, mask)
    assert shown.shape == (960, 960, 3)
    assert (shown[380:580, 380:580] == photo[0, 0]).all() and (shown[:330, :330] == photo[0, 0]).all()
    edge = shown[480, 330:380]
    assert edge.min(1).max() > 240 and edge.max(1).min() < 60  # light and dark: seen on every color


def test_a_small_gap_gets_no_line_and_a_large_one_does():
    photo = np.full((960, 960, 3), (60, 120, 50), np.uint8)
    mask = np.ones((960, 960), bool)
    mask[100:120, 100:120] = mask[400:600, 400:600] = False
    shown = pictures.with_outline(photo, mask)
    assert (shown[80:140, 80:140] == photo[0, 0]).all()
    assert shown[500, 380:440].min(1).max() > 240


def test_a_picture_without_anything_to_outline_stays_as_it_is():
    photo = np.full((960, 960, 3), 90, np.uint8)
    assert np.array_equal(pictures.with_outline(photo, np.zeros((960, 960), bool)), photo)


def test_a_thumbnail_is_a_small_square_jpeg():
    small = pictures.thumbnail(gradient(300, 500))
    assert small[:2] == b"\xff\xd8"
    assert cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR).shape == (112, 112, 3)
