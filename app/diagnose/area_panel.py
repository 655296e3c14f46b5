"""Panel of the measured symptom area on the Diagnose page: values, correction, and outlines on the photo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app import state, theme
from app.diagnose import area as correction
from app.diagnose import words
from app.figures.regions import regions_figure
from app.photos import pictures
from app.theme import NO_MODEBAR
from app.widgets import sentence
from hvit.severity.words import area_percent

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.diagnosis import Diagnosis
    from hvit.runs.checkpoint import Checkpoint
    from hvit.severity.estimator import Measurement


def area(diagnosis: Diagnosis, photo_key: str, checkpoint: Checkpoint) -> None:
    """Measured symptom area, and an expander to correct it."""
    for text in words.area_details(diagnosis):
        sentence(text, "standing")
    if diagnosis.severity is None or diagnosis.areas is None:
        return
    with st.expander("Correct the area"):
        _correction(diagnosis, photo_key, checkpoint)


def _correction(diagnosis: Diagnosis, photo_key: str, checkpoint: Checkpoint) -> None:
    """Slider of the mask threshold, and selection of regions to leave out."""
    estimator, key = checkpoint.severity, _key(photo_key, checkpoint)
    regions = correction.numbered_regions(diagnosis.areas, estimator)
    chosen = _chosen_correction(photo_key, checkpoint)
    st.slider(
        "Strictness: how sure a spot must be", *correction.LEVELS, estimator.symptom_threshold, 0.05,
        key=state.area_level_key(key), persist_state="session",
    )  # fmt: skip
    if regions:
        _leave_out(diagnosis.pixels, regions, key)
        if diagnosis.severity.lesions > len(regions):
            sentence(f"Only the {len(regions)} largest regions can be left out.", "standing")
    if chosen is None:
        state.correct_area(photo_key, checkpoint.sha256, None)
        return
    found = correction.corrected(diagnosis.areas, estimator, chosen)
    if isinstance(found, str):
        sentence(f"Nothing to measure: {found}.", "notice")
        return
    state.correct_area(photo_key, checkpoint.sha256, found.lesion_fraction)
    after = area_percent(found.lesion_fraction)
    before = area_percent(diagnosis.severity.lesion_fraction)
    st.html(f'<p class="area">Corrected: {after} of the leaf (measured: {before}).</p>')
    sentence("CSV and report carry both values. The interval belongs to the measured one.", "standing")


def _key(photo_key: str, checkpoint: Checkpoint) -> str:
    """Key of the corrections of a photo by one severity head: another head finds other regions."""
    return f"{photo_key}_{checkpoint.severity.sha256[:12]}"


def _leave_out(pixels: np.ndarray, regions: Sequence[tuple[int, np.ndarray]], key: str) -> None:
    """Photo with clickable regions to leave out, and the same as chips for the keyboard."""
    left_out = state.left_out(key)
    counted = [mask for number, mask in regions if number not in left_out]
    outlined = pictures.with_outline(pixels, np.any(counted, axis=0)) if counted else pixels
    st.plotly_chart(
        regions_figure(outlined, regions, left_out, theme.palette(st.context.theme.type)),
        key=state.regions_key(key), on_select=partial(state.take_clicked_region, key),
        selection_mode="points", config=NO_MODEBAR, alt=f"The photo with {len(regions)} numbered regions",
    )  # fmt: skip
    st.pills(
        "No symptom: leave out (a click on the photo does the same)", [number for number, _ in regions],
        selection_mode="multi", key=state.left_out_key(key), persist_state="session",
    )  # fmt: skip


def _chosen_correction(photo_key: str, checkpoint: Checkpoint) -> correction.Correction | None:
    """Chosen correction of a photo; None where it equals the measurement of the run."""
    own, key = checkpoint.severity.symptom_threshold, _key(photo_key, checkpoint)
    level, left_out = state.area_level(key, own), state.left_out(key)
    return None if math.isclose(level, own) and not left_out else correction.Correction(level, left_out)


def measured_outlines(diagnosis: Diagnosis, checkpoint: Checkpoint) -> np.ndarray:
    """The photo with the measured outlines of leaf and symptoms."""
    found = checkpoint.severity.measure(diagnosis.areas)
    return diagnosis.pixels if isinstance(found, str) else _with_outlines(diagnosis.pixels, found)


def _with_outlines(pixels: np.ndarray, found: Measurement) -> np.ndarray:
    shown = pictures.with_outline(pixels, found.leaf, width_px=1)
    return pictures.with_outline(shown, found.symptom) if found.symptom.any() else shown


def outlined(diagnosis: Diagnosis, pixels: np.ndarray, photo_key: str, checkpoint: Checkpoint) -> np.ndarray:
    """The photo with the corrected outlines of leaf and symptoms, and numbers of the largest regions."""
    estimator = checkpoint.severity
    chosen = _chosen_correction(photo_key, checkpoint) or correction.Correction(estimator.symptom_threshold)
    found = correction.corrected(diagnosis.areas, estimator, chosen)
    if isinstance(found, str):
        return pixels
    return correction.with_numbers(
        _with_outlines(pixels, found), correction.numbered_regions(diagnosis.areas, estimator)
    )
