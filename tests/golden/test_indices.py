"""Vegetation indices by hand: ExG, VARI, GLI and NGRDI of single pixels, from the formulas of their papers."""

import pytest
import torch

from hvit.data.spectral import INDICES, vegetation_indices

BY_HAND = {  # (R, G, B): ExG (2G-R-B)/(R+G+B), VARI (G-R)/(G+R-B), GLI (2G-R-B)/(2G+R+B), NGRDI (G-R)/(G+R)
    (60, 120, 20): (160 / 200, 60 / 160, 160 / 320, 60 / 180),
    (200, 100, 50): (-50 / 350, -100 / 250, -50 / 450, -100 / 300),
    (0, 255, 0): (2, 1, 1, 1),
    (255, 0, 0): (-1, -1, -1, -1),
    (100, 60, 158): (-138 / 318, -1, -138 / 378, -40 / 160),  # VARI is -40 / 2: cut
    (100, 50, 150): (-150 / 300, 0, -150 / 350, -50 / 150),  # G + R - B is 0
    (0, 0, 90): (-1, 0, -1, 0),  # G + R is 0; VARI is 0 / -90
    (0, 0, 0): (0, 0, 0, 0),
}


@pytest.mark.parametrize("rgb", BY_HAND)
def test_indices_of_a_pixel(rgb):
    pixel = torch.tensor(rgb, dtype=torch.uint8).reshape(1, 3, 1, 1)
    assert INDICES == ("ExG", "VARI", "GLI", "NGRDI")
    assert vegetation_indices(pixel).flatten().tolist() == pytest.approx(BY_HAND[rgb], abs=1e-6)


def test_indices_of_a_picture_are_those_of_its_pixels():
    pixels = torch.tensor(list(BY_HAND), dtype=torch.float32).T.reshape(1, 3, 2, 4)
    expected = torch.tensor(list(BY_HAND.values())).T.reshape(1, 4, 2, 4)
    torch.testing.assert_close(vegetation_indices(pixels), expected, atol=1e-6, rtol=0)


def test_gli_is_a_function_of_exg():
    """With g = G / (R + G + B): ExG = 3g - 1 and GLI = (3g - 1) / (g + 1), so GLI = 3 ExG / (ExG + 4)."""
    colors = torch.randint(1, 256, (1, 3, 40, 40), generator=torch.Generator().manual_seed(0))
    exg, _, gli, _ = vegetation_indices(colors)[0]
    torch.testing.assert_close(gli, 3 * exg / (exg + 4), atol=1e-6, rtol=1e-5)
