"""Corruptions and quality measures against scikit-image, Albumentations, kornia, and numbers by hand."""

import io
import math
import os

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from hvit.data.corruptions import CORRUPTIONS, geometry, ground, lighting, optics, sensor
from hvit.data.corruptions.calibration import psnr, ssim
from hvit.data.leafsim import Address, render
from hvit.data.leafsim.random_stream import RandomStream

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # read on import: it would ask for its newest version


@pytest.fixture(scope="module")
def leaf():
    return render(Address(11, 9), 128).picture


@pytest.fixture
def stream():
    return RandomStream(Address(0, 0), "test")


def stream_with(heads):
    index = next(i for i in range(50) if RandomStream(Address(0, i), "coin").chance(0.5) == heads)
    return RandomStream(Address(0, index), "coin")


@pytest.mark.parametrize("amount", [0.02, 0.1])
def test_ssim_and_psnr_are_those_of_scikit_image(leaf, stream, amount):
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    noisy = sensor.noise(leaf, amount, stream)
    luma = [image @ np.array([0.299, 0.587, 0.114]) for image in (leaf, noisy)]
    expected = structural_similarity(*luma, gaussian_weights=True, use_sample_covariance=False, data_range=255)
    assert ssim(leaf, noisy) == pytest.approx(expected, abs=1e-6)
    assert psnr(leaf, noisy) == pytest.approx(peak_signal_noise_ratio(leaf, noisy, data_range=255))


def test_jpeg_is_that_of_pillow_and_of_albumentations(leaf, stream):
    import albumentations

    encoded = io.BytesIO()
    Image.fromarray(leaf).save(encoded, "JPEG", quality=17)
    assert np.array_equal(sensor.jpeg(leaf, 17, stream), np.asarray(Image.open(encoded)))
    # Albumentations hands its channels as they come to an encoder that expects blue first.
    bgr = np.ascontiguousarray(leaf[..., ::-1])
    theirs = albumentations.ImageCompression(quality_range=(17, 17), p=1)(image=bgr)["image"]
    assert np.array_equal(sensor.jpeg(leaf, 17, stream), theirs[..., ::-1])


def test_defocus_is_that_of_albumentations(leaf, stream):
    import albumentations

    expected = albumentations.Defocus(radius=(4, 4), alias_blur=(0.1, 0.1), p=1)(image=leaf)["image"]
    assert psnr(optics.defocus(leaf, 4 / 128, stream), expected) > 50
    assert psnr(leaf, expected) < 32


def test_noise_has_the_distribution_of_albumentations():
    import albumentations

    grey = np.full((128, 128, 3), 128, np.uint8)
    ours = sensor.noise(grey, 0.1, RandomStream(Address(0, 0), "noise")).astype(float) - 128
    theirs = albumentations.GaussNoise(std_range=(0.1, 0.1), p=1)(image=grey)["image"].astype(float) - 128
    assert ours.std() == pytest.approx(25.5, rel=0.02)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)
    assert ours.mean() == pytest.approx(0, abs=0.5)
    assert abs(np.corrcoef(ours[..., 0].ravel(), ours[..., 1].ravel())[0, 1]) < 0.03


def test_contrast_is_that_of_hendrycks_and_dietterich(leaf, stream):
    x = leaf / 255.0
    means = np.mean(x, axis=(0, 1), keepdims=True)
    expected = np.clip((x - means) * 0.4 + means, 0, 1) * 255  # their make_imagenet_c.py
    assert np.abs(lighting.contrast(leaf, 0.4, stream) - expected).max() <= 0.51


@pytest.mark.parametrize("over", [True, False])
def test_exposure_scales_the_linear_light_of_kornia(leaf, over):
    from kornia.color import linear_rgb_to_rgb, rgb_to_linear_rgb

    image = torch.from_numpy(leaf).permute(2, 0, 1)[None] / 255
    light = (rgb_to_linear_rgb(image) * (2 if over else 0.5)).clamp(0, 1)
    expected = linear_rgb_to_rgb(light)[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(lighting.exposure(leaf, 1, stream_with(over)) - expected).max() <= 0.51


def test_a_color_cast_of_grey_keeps_the_product_of_the_gains(stream):
    grey = np.full((16, 16, 3), 100, np.uint8)
    cast = lighting.color_cast(grey, 0.6, stream)[0, 0]
    gains = lighting.LINEAR[cast] / lighting.LINEAR[100]
    assert np.ptp(np.log2(gains)) > 0.6  # the channels differ
    assert np.log2(gains).sum() == pytest.approx(0, abs=0.05)  # of three cosines, a third of a turn apart


def test_shade_darkens_half_of_a_photo_to_the_light_that_is_left(stream):
    white = np.full((128, 128, 3), 255, np.uint8)
    shaded = lighting.shade(white, 0.75, stream)[..., 0]
    dark = lighting.LINEAR[shaded] < 0.26
    assert lighting.LINEAR[shaded].min() == pytest.approx(0.25, abs=0.01)
    assert 0.2 < dark.mean() < 0.5


def test_a_disk_kernel_by_hand():
    weights = np.array([[0, 0.5, 0], [0.5, 1, 0.5], [0, 0.5, 0]])  # 0.5 px beyond the center of the next pixel
    weights[::2, ::2] = 1.5 - math.sqrt(2)
    assert optics.disk_kernel(1.0) == pytest.approx(weights / weights.sum(), abs=1e-6)
    assert optics.disk_kernel(0).tolist() == [[1]]


def test_a_horizontal_line_kernel_by_hand():
    kernel = optics.line_kernel(2, 0)  # from -1 to 1: three pixels, of which two are half covered
    expected = np.zeros((5, 5))
    expected[2, 1:4] = np.array([0.5, 1, 0.5]) / 2
    assert kernel == pytest.approx(expected)


def test_a_quarter_turn_of_a_square_is_exact(leaf):
    assert np.array_equal(geometry.turn(leaf, 90, stream_with(True)), np.rot90(leaf))
    assert np.array_equal(geometry.turn(leaf, 90, stream_with(False)), np.rot90(leaf, -1))


def test_tilting_keeps_the_center_and_foreshortens_across_the_axis():
    matrix = geometry.tilt_homography(101, 101, math.radians(60), 0.0)  # about the horizontal axis
    center, along, near, far = (
        cv2.perspectiveTransform(np.array([[point]], float), matrix)[0, 0]
        for point in ((50, 50), (60, 50), (50, 60), (50, 40))
    )
    assert center == pytest.approx([50, 50])
    assert along == pytest.approx([60, 50])
    depth = 10 * math.sin(math.radians(60)) / 101
    assert near[1] - 50 == pytest.approx(5 / (1 + depth))
    assert 50 - far[1] == pytest.approx(5 / (1 - depth))


def test_scaling_by_two_shows_the_photo_at_half_its_sides(leaf, stream):
    small = geometry.scale(leaf, 2, stream)[32:96, 32:96]
    assert np.array_equal(small, cv2.resize(leaf, (64, 64), interpolation=cv2.INTER_AREA))


def test_a_partial_leaf_is_a_part_of_the_photo(stream):
    down, across = np.mgrid[0:100, 0:100]
    image = np.stack([down, across, down], axis=2).astype(np.uint8)
    part = geometry.partial_leaf(image, 0.75, stream)
    assert np.ptp(part[5:-5, 5:-5, 0]) == pytest.approx(45, abs=2)  # half of the sides, enlarged
    assert np.ptp(part[5:-5, 5:-5, 1]) == pytest.approx(45, abs=2)


def test_the_leaf_of_a_drawing_on_plain_ground_is_found():
    agreement = []
    for index in (9, 29, 39, 49, 59, 79):
        drawn = render(Address(11, index), 128)
        found = ground.leaf_mask_from_color(drawn.picture)
        agreement.append((found & drawn.leaf_mask).sum() / (found | drawn.leaf_mask).sum())
    assert np.median(agreement) > 0.75


def test_a_full_background_is_the_rendered_scene(leaf, stream):
    nothing = np.zeros(leaf.shape[:2], bool)
    changed = ground.background(leaf, 1.0, stream, nothing)
    number = RandomStream(Address(0, 0), "test").count(0, ground.SCENES - 1)
    assert np.array_equal(changed, np.rint(ground.rendered_scene(number, 128)).astype(np.uint8))


def test_water_drops_show_what_is_around_them_upside_down():
    down = np.tile(np.arange(128, dtype=np.uint8)[:, None, None], (1, 128, 3))
    wet = CORRUPTIONS["water_drops"].apply(down, 1.5, RandomStream(Address(0, 1), "drops"))
    slope = np.diff(wet[..., 0].astype(int), axis=0)
    assert (slope < 0).mean() > 0.03  # it only rises without drops
