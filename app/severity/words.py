"""Texts of the Severity page. Pure functions, no drawing."""

import numpy as np

from hvit.scoring.concordance import LimitsOfAgreement
from hvit.scoring.severity import Estimate, SeverityScores
from hvit.severity.records import CLASSICAL, HEAD

TITLES = {
    "coffee": "Coffee leaves, masks by hand",
    "rice-brown-spot": "Rice brown spot, symptom masks by hand",
    "rice-tungro": "Rice tungro, symptom masks by hand",
}
BOTH_MASKS = "Opened, a photo is shown with its symptoms outlined twice: as in its mask, and as measured."
METHODS = {HEAD: "Segmentation head", CLASSICAL: "Color thresholds"}
THRESHOLDS = "color thresholds that were tuned on training photos of the same data set"


def data_title(name: str) -> str:
    """Title of a data set."""
    return "Rendered leaves, exact masks" if name.startswith("leafsim") else TITLES.get(name, name)


def figure(estimate: Estimate, points: bool = False) -> str:
    """Formats a score: `0.93`, or a share in points; a dash where undefined."""
    if estimate.value is None:
        return "-"
    return f"{100 * estimate.value:.1f}" if points else f"{estimate.value:.2f}"


def interval(estimate: Estimate, points: bool = False) -> str:
    """`0.90 to 0.95`; nothing where there is no interval."""
    if estimate.interval is None:
        return ""
    low, high = estimate.interval
    return f"{100 * low:.1f} to {100 * high:.1f}" if points else f"{low:.2f} to {high:.2f}"


def cells(scores: SeverityScores) -> list[tuple[str, str, str]]:
    """Main scores: name, value and note."""
    held = interval(scores.coverage, True)
    found = [
        ("IoU of symptoms", figure(scores.symptom_iou), interval(scores.symptom_iou)),
        ("IoU of the leaf", figure(scores.leaf_iou), interval(scores.leaf_iou) or "leaf not in the masks"),
        ("Concordance (Lin)", figure(scores.concordance), interval(scores.concordance)),
        ("Mean absolute error", figure(scores.mae, True), f"points; {interval(scores.mae, True)}".rstrip("; ")),
        ("Coverage, %", figure(scores.coverage, True), f"of 90 % intervals; {held}".rstrip("; ")),
        ("Photos", f"{scores.n:,}", f"{scores.measured:,} with areas to compare"),
    ]
    return [cell for cell in found if cell[1] != "-"]


def outlines(true: np.ndarray | None, measured: np.ndarray | None) -> str:
    """What the outlines on a photo are.

    Args:
        true, measured: symptoms in the mask and as measured, bool; None where not at hand.
    """
    in_mask = _outline("White", "in the mask", true, "No mask lies beside this photo.")
    as_measured = _outline("Orange", "as measured", measured, "The head of this run is not at hand.")
    return f"{in_mask} {as_measured}"


def _outline(color: str, source: str, mask: np.ndarray | None, absent: str) -> str:
    if mask is None:
        return absent
    return f"{color}: symptoms {source}." if mask.any() else f"{color}: no symptoms {source}."


def limits(found: LimitsOfAgreement) -> str:
    """Bias and limits of agreement in a sentence."""
    return (
        f"On average {100 * found.bias:+.1f} points; 95 % of the differences lie between {100 * found.low:+.1f} and "
        f"{100 * found.high:+.1f} points (Bland-Altman)."
    )


def method_title(method: str) -> str:
    """Title of a method; an encoder that was trained end to end is called by its own name."""
    return METHODS.get(method) or method.removeprefix("timm:")


def gain(estimate: Estimate, method: str) -> str:
    """Gain of the head over another method on the same photos."""
    if estimate.value is None or estimate.interval is None:
        return f"Not measured on these photos: {method_title(method)}."
    low, high = estimate.interval
    verdict = "better than" if low > 0 else "worse than" if high < 0 else "not significantly different from"
    other = THRESHOLDS if method == CLASSICAL else f"{method_title(method)}, trained end to end on the same masks"
    return f"Symptom IoU {estimate.value:+.2f} ({low:+.2f} to {high:+.2f}): {verdict} {other}."
