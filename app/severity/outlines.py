"""A photo with its symptoms outlined twice: as its mask has them, and as the segmentation head measures them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cache.diagnoses import diagnose_with_heatmap
from app.cache.photos import rendering_of, whole_photo
from app.cache.runs import load_model
from app.photos import pictures
from app.reviewing.sample_dialog import Shown
from app.severity import words
from hvit.data.datasets.masks import SYMPTOM, mask_beside
from hvit.severity.masks import masks_of

if TYPE_CHECKING:
    import numpy as np

    from app.photos.photo_files import PhotoFile
    from hvit.runs.snapshot import RunSnapshot

MEASURED = (255, 170, 60)  # orange, on green, brown and soil


def with_both_masks(record: RunSnapshot, photo: PhotoFile) -> Shown:
    """The photo with both outlines, white for the mask; what is not at hand is left out, and the caption says so.

    Raises:
        ValueError: the photo, its mask or the weights of the run cannot be read.
    """
    true, measured = _true_symptoms(photo), _measured_symptoms(record, photo)
    pixels = whole_photo(photo)
    for mask, color in ((true, pictures.WHITE), (measured, MEASURED)):
        if mask is not None and mask.any():
            pixels = pictures.with_outline(pixels, mask, width_px=2, color=color)
    return Shown(pixels, words.outlines(true, measured))


def _true_symptoms(photo: PhotoFile) -> np.ndarray | None:
    """Symptoms (H, W) bool of a rendered leaf, or in the mask beside a photo; None without a mask."""
    rendering = rendering_of(photo)
    if rendering is not None:
        return rendering.symptom_mask
    mask = None if photo.path is None else mask_beside(photo.path)
    return None if mask is None else mask == SYMPTOM


def _measured_symptoms(record: RunSnapshot, photo: PhotoFile) -> np.ndarray | None:
    """Symptoms (h, w) bool as the head finds them; None where the weights or the head are not at hand."""
    if not record.can_predict:
        return None
    checkpoint = load_model(record)
    areas = None if checkpoint.severity is None else diagnose_with_heatmap(photo, checkpoint, None).areas
    return None if areas is None else masks_of(areas, checkpoint.severity.symptom_threshold)[1]
