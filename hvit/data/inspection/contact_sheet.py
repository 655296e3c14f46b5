"""Contact sheet of a data set: random photos, one row per class."""

import hashlib
from collections import defaultdict

import cv2
import numpy as np
from PIL import Image, ImageDraw

from hvit.data.classes import spoken
from hvit.data.datasets.reading import DataError, Sample, class_names
from hvit.fonts import Labels, drawing_font, figure_labels
from hvit.words import capitalized

GAP, MARGIN = 4, 24  # pixels
PAPER, INK = (255, 255, 255), (40, 44, 40)


def contact_sheet(samples: list[Sample], columns: int = 8, side: int = 160, seed: int = 0) -> np.ndarray:
    """Renders a contact sheet: some photos of every class, one row per class.

    Args:
        samples: photos of a data set.
        columns: photos per class; fewer where a class has fewer.
        side: of the square each photo is fitted into, in px.
        seed: of the random choice of photos.
    Returns:
        (H, W, 3) uint8, RGB.
    Raises:
        DataError: there are no photos.
        InvalidPhotoError: a chosen photo cannot be read.
    """
    if not samples:
        raise DataError("there are no photos for a sheet")
    of_class = defaultdict(list)
    for sample in sorted(samples, key=lambda s: hashlib.sha256(f"{seed}/{s.relative}".encode()).digest()):
        of_class[sample.label].append(sample)
    titles = row_titles(samples)
    font = drawing_font(titles.drawn, 13)
    width = MARGIN * 2 + columns * (side + GAP) - GAP
    sheet = Image.new("RGB", (width, MARGIN + len(of_class) * (side + 24) + MARGIN // 2), PAPER)
    pen = ImageDraw.Draw(sheet)
    for row, (name, title) in enumerate(zip(sorted(of_class), titles.drawn)):
        top = MARGIN // 2 + row * (side + 24)
        pen.text((MARGIN, top), title, INK, font)
        for column, sample in enumerate(of_class[name][:columns]):
            photo = _fitted(sample.read().pixels, side)
            sheet.paste(Image.fromarray(photo), (MARGIN + column * (side + GAP), top + 20))
    return np.asarray(sheet)


def row_titles(samples: list[Sample]) -> Labels:
    """Titles of the rows, sorted, as far as installed fonts have their characters."""
    return figure_labels([capitalized(spoken(name)) for name in class_names(samples)])


def _fitted(pixels: np.ndarray, side: int) -> np.ndarray:
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(
        pixels, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=interpolation
    )
