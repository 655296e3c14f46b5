"""Gallery and table of evaluated samples, for the views of the Evaluation page."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app.evaluation import words
from app.gallery import Tile, gallery
from app.words import counted
from hvit.csv_tables import to_csv
from hvit.runs.predictions import Predictions
from hvit.words import label_title


def sample_gallery(predictions: Predictions, rows: np.ndarray, key: str, suggested: np.ndarray | None = None) -> None:
    """Gallery and table of some photos.

    Args:
        suggested: the class to show for each of them; None for the prediction.
    """
    if suggested is None:
        lines = [words.tile_line(*_prediction(predictions, row)) for row in rows]
    else:
        lines = [
            words.suggestion_line(predictions.classes[k], float(predictions.probs[row, k]))
            for row, k in zip(rows, suggested)
        ]
    gallery(
        [_tile(predictions, row, line) for row, line in zip(rows, lines)], key, predictions.run, predictions.classes
    )
    st.download_button(
        f"CSV of {counted(len(rows), 'picture')}",
        lambda: to_csv([_csv_row(predictions, row) for row in rows]),
        f"{predictions.run}-{predictions.split}-{key}.csv",
        "text/csv",
        on_click="ignore",
        key=f"{key}_csv",
    )


def _tile(predictions: Predictions, row: int, line: str) -> Tile:
    label, predicted = (predictions.classes[numbers[row]] for numbers in (predictions.labels, predictions.predicted))
    return Tile(
        predictions.paths[row], predictions.sha256[row], label_title(label), line, label=label, predicted=predicted,
        probability=float(predictions.confidence[row]),
    )  # fmt: skip


def _prediction(predictions: Predictions, row: int) -> tuple[str, float, bool]:
    return (
        predictions.classes[predictions.predicted[row]],
        float(predictions.confidence[row]),
        bool(predictions.correct[row]),
    )


def _csv_row(predictions: Predictions, row: int) -> dict:
    true, predicted = predictions.labels[row], predictions.predicted[row]
    return {
        "path": predictions.paths[row],
        "sha256": predictions.sha256[row],
        "true": predictions.classes[true],
        "called": predictions.classes[predicted],
        "probability": float(predictions.probs[row, predicted]),
        "probability_of_true": float(predictions.probs[row, true]),
    }
