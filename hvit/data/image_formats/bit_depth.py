"""Converts images of more than 8 bits to uint8."""

from collections.abc import Iterator

import numpy as np

from hvit.data.invalid_photo import InvalidPhotoError as InvalidPhotoError
from hvit.data.invalid_photo import LostPhotoError as LostPhotoError

ROWS_AT_A_TIME = 256  # of deep grey values: bounds memory


def deep_to_grey(values: np.ndarray, mode: str) -> np.ndarray:
    """Scales grey values of more than 8 bits to uint8 (Pillow's conversion clips them to white)."""
    if mode.startswith("I;16"):
        scaled: np.ndarray = _scaled(np.arange(65536), 65535.0)[values]
        return scaled
    # 32 bits: the range is not recorded; the smallest common one that contains the values. Infinity is white.
    largest = max(float(np.where(np.isfinite(rows), rows, 0).max()) for rows in _row_blocks(values))
    top = next((top for top in (1.0, 255.0, 65535.0) if largest <= top), largest)
    return np.concatenate([_scaled(rows, top) for rows in _row_blocks(values)])


def _scaled(values: np.ndarray, top: float) -> np.ndarray:
    scaled: np.ndarray = np.clip(np.nan_to_num(values.astype(np.float32)) / top * 255, 0, 255).round().astype(np.uint8)
    return scaled


def _row_blocks(values: np.ndarray) -> Iterator[np.ndarray]:
    return (values[start : start + ROWS_AT_A_TIME] for start in range(0, len(values), ROWS_AT_A_TIME))
