"""Prediction sets at another error level than that of the run, from its recorded predictions."""

from __future__ import annotations

from hvit.calibration import fit_conformal
from hvit.runs import Run
from hvit.runs.model_card import ConformalRecord
from hvit.runs.predictions import read_predictions

LEVELS = (0.1, 0.05, 0.02, 0.01)
SPLITS = ("cv", "test")  # held out; predictions on calibrating photos are not recorded


def conformal_at(run: Run, alpha: float) -> ConformalRecord | None:
    """Conformal threshold at error level `alpha`, fitted to held-out photos that the run recorded.

    One threshold for all crops (split conformal prediction, see `hvit.calibration.fit_conformal`). The photos served
    for testing: the coverage of these sets must not be reported on them.

    Returns:
        None where the run recorded no predictions.
    Raises:
        RunError: they are damaged.
    """
    for split in SPLITS:
        found = read_predictions(run, split)
        if found is not None:
            threshold = fit_conformal(found.probs, found.labels, alpha)
            return ConformalRecord(alpha, "lac", threshold, "pooled")
    return None
