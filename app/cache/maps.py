"""Cached feature maps of runs, and the photos of a session placed on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app.cache.photos import prepared
from app.cache.records import stamps
from app.cache.runs import identity, inference
from app.photos.photo_files import PhotoFile
from hvit.feature_space import FeatureMap, Place
from hvit.feature_space.mapped_samples import (
    MappedSamples,
    PhotoPrediction,
    PlacedPhoto,
    check_same_weights,
    predict_for_map,
    read_mapped_samples,
)
from hvit.runs import Run
from hvit.runs.layout import CARD, FEATURE_MAP, PREDICTIONS, in_split
from hvit.runs.snapshot import RunSnapshot

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.runs.checkpoint import Checkpoint


def mapped_splits(record: RunSnapshot) -> tuple[str, ...]:
    """Splits of a run with a map, test first."""
    return tuple(split for split in record.splits if (record.path / in_split(split, FEATURE_MAP)).exists())


def mapped_samples(record: RunSnapshot, split: str) -> MappedSamples:
    """The map of a split joined with the recorded predictions.

    Raises:
        MapError: the map is damaged, or older than the recorded predictions.
        RunError: the predictions are damaged.
    """
    names = [in_split(split, FEATURE_MAP), CARD, *(in_split(other, PREDICTIONS) for other in record.splits)]
    return _mapped_samples(str(record.path), split, stamps(record, *names))


@st.cache_resource(max_entries=8, show_spinner=False)
def _mapped_samples(path: str, split: str, stamps: tuple) -> MappedSamples:
    return read_mapped_samples(Run(Path(path)), split, f"{path} {split} {stamps}")


def placed(photo: PhotoFile, checkpoint: Checkpoint, samples: MappedSamples, refined: bool) -> PlacedPhoto:
    """Places a photo on the map of a run.

    Args:
        refined: by t-SNE, which takes seconds; else the median of its neighbors, at once.
    Raises:
        MapError: the map was made with other weights.
        InvalidPhotoError: the photo cannot be read.
    """
    check_same_weights(samples, checkpoint)
    found = _predicted(photo.key, identity(checkpoint), photo, checkpoint)
    embedding = found.embedding
    place = _refined(photo.key, samples.identity, embedding, samples.map) if refined else samples.map.place(embedding)
    return PlacedPhoto(place, found.distance, found.unfamiliar, found.label, found.confidence)


@st.cache_data(max_entries=256, show_spinner=False)
def _predicted(key: str, model: str, _photo: PhotoFile, _checkpoint: Checkpoint) -> PhotoPrediction:
    inputs = prepared(_photo, _checkpoint).inputs
    with inference:
        return predict_for_map(_checkpoint, inputs)


@st.cache_data(max_entries=64, show_spinner=False)
def _refined(key: str, identity: str, _embedding: np.ndarray, _map: FeatureMap) -> Place:
    return _map.refine(_embedding)
