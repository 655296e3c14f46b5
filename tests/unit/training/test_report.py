import numpy as np

from training.report import cropped_to_wide, padded_to_square


def test_padding_keeps_the_photo_in_the_middle_of_white():
    photo = np.zeros((40, 80, 3), dtype=np.uint8)
    square = padded_to_square(photo)
    assert square.shape == (80, 80, 3)
    assert (square[20:60] == 0).all() and (square[:20] == 255).all() and (square[60:] == 255).all()


def test_cropping_takes_the_middle_twice_as_wide_as_high():
    rows = np.repeat(np.arange(80, dtype=np.uint8)[:, None, None], 80, 1).repeat(3, 2)
    wide = cropped_to_wide(rows)
    assert wide.shape == (40, 80, 3) and wide[0, 0, 0] == 20
    assert cropped_to_wide(np.zeros((40, 200, 3), dtype=np.uint8)).shape == (40, 80, 3)
