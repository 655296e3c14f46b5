"""Cached predictions of runs under corruptions, and corrupted versions of one photo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app.cache.photos import whole_photo
from app.cache.records import stamps
from app.cache.runs import identity, inference
from app.photos import pictures
from app.photos.photo_files import PhotoFile
from hvit.data.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from hvit.data.corruptions.ground import leaf_mask_from_color
from hvit.data.leafsim import Address, render
from hvit.runs import Run
from hvit.runs.layout import ROBUSTNESS, in_split
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.recorded_tables import splits_with
from hvit.scoring.robustness_records import Robustness, read_robustness, stress_settings

if TYPE_CHECKING:  # these import torch, which the first frame does not wait for
    from hvit.runs.checkpoint import Checkpoint
    from hvit.scoring.stress import StressPrediction

EXAMPLE = Address(5, 49)  # of the test split of a data set that no shipped run learned from
EXAMPLE_PX, TILE_PX = 160, 256
MAX_CACHED = 32


def stressed_splits(record: RunSnapshot) -> tuple[str, ...]:
    """Splits of a run with recorded predictions under corruptions: test, then others by name."""
    return splits_with(record.path, ROBUSTNESS)


def robustness_of(record: RunSnapshot, split: str) -> Robustness | None:
    """Recorded predictions of a run under corruptions, read-only; None where there are none.

    Raises:
        RunError: they are damaged.
    """
    return _robustness(str(record.path), split, stamps(record, in_split(split, ROBUSTNESS)))


@st.cache_resource(max_entries=MAX_CACHED, show_spinner=False)
def _robustness(path: str, split: str, stamps: tuple) -> Robustness | None:
    return read_robustness(Run(Path(path)), split)


def of_other_weights(record: RunSnapshot, split: str) -> bool:
    """Whether the recorded predictions under corruptions are of other weights than the run has now.

    Raises:
        RunError: the summary is damaged.
    """
    weights = stress_settings(Run(record.path), split).get("weights_sha256")
    return record.card is not None and weights is not None and weights != record.card.sha256


def found_leaves(record: RunSnapshot, split: str) -> str:
    """What found the leaves for changes of the background: "color", or the name of a run.

    Raises:
        RunError: the summary is damaged.
    """
    return stress_settings(Run(record.path), split).get("leaf_masks") or "color"


@st.cache_data(max_entries=len(STRENGTHS) + 1, show_spinner=False)
def example_pictures(strength: int) -> dict[str, bytes]:
    """A rendered leaf under every corruption at one strength, as JPEG by kind; "clean" is unchanged."""
    leaf = render(EXAMPLE, EXAMPLE_PX)
    images, masks = leaf.picture[None], leaf.leaf_mask[None]
    changed = {kind: corrupt(images, kind, strength, masks=masks)[0] for kind in CORRUPTIONS}
    return {name: pictures.jpeg(pixels) for name, pixels in ({"clean": leaf.picture} | changed).items()}


def ladder_of(photo: PhotoFile, checkpoint: Checkpoint, kind: str) -> list[tuple[bytes, StressPrediction]]:
    """A photo at strengths 0 to 5 of a corruption: image as JPEG, and the prediction of a run.

    Raises:
        InvalidPhotoError: the photo cannot be read.
    """
    return _ladder(photo.key, identity(checkpoint), kind, photo, checkpoint)


@st.cache_data(max_entries=64, show_spinner=False)
def _ladder(
    key: str, model: str, kind: str, _photo: PhotoFile, _checkpoint: Checkpoint
) -> list[tuple[bytes, StressPrediction]]:
    from hvit.scoring.leaf_masks import segmented_leaf_mask
    from hvit.scoring.stress import predict_clean, predict_corrupted, working_copy

    pixels = working_copy(whole_photo(_photo))
    leaf_mask = leaf_mask_from_color if _checkpoint.severity is None else segmented_leaf_mask(_checkpoint)
    with inference:
        mask = leaf_mask(pixels)
        changed = predict_corrupted(_checkpoint, [pixels], [0], kind, leaf_mask=lambda _: mask)[0]
        predictions = predict_clean(_checkpoint, [pixels]) + changed
    versions = [corrupt(pixels[None], kind, prediction.strength, masks=mask[None])[0] for prediction in predictions]
    return [(_tile(version), prediction) for version, prediction in zip(versions, predictions)]


def _tile(pixels: np.ndarray) -> bytes:
    return pictures.jpeg(pictures.shrunk(pixels, TILE_PX))
