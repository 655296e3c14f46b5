"""Texts of the Robustness page. Pure functions, no drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.words import percent, rate
from hvit.data.corruptions import CORRUPTIONS
from hvit.scoring.robustness import CellScores
from hvit.scoring.robustness_comparison import PairedDifference
from hvit.verdicts import NAMED, UNFAMILIAR
from hvit.words import capitalized, class_in_text, class_title

if TYPE_CHECKING:
    from hvit.scoring.stress import StressPrediction

MEAN = "mean"
ATTACKS = {"fgsm": "FGSM attack", "pgd": "PGD attack", "random_sign": "Random control"}
MEASURES = {
    "top1": "Top-1 accuracy",
    "named": "Share named",
    "named_correct": "Correct among named",
    "coverage": "Coverage of the sets",
}
VIEWS = {"curves": "Curves", "table": "Table", "kinds": "The sixteen kinds", "photo": "Your photo"}
SIGNIFICANT = 0.05


def kind_title(kind: str) -> str:
    """Title of a corruption."""
    if kind == MEAN:
        return "All corruptions, mean"
    return CORRUPTIONS[kind].title if kind in CORRUPTIONS else ATTACKS.get(kind, kind)


def basis(n: int, split: str, kind: str) -> str:
    """Data behind the curves."""
    if kind in ATTACKS:
        return (
            f"n = {n:,} {split} pictures. Largest change of a value: 0.5, 1, 2, 4 and 8 of 255 at strengths 1 to 5. "
            "Attacks know the weights; the control changes every value as much by chance."
        )
    ladder = CORRUPTIONS[kind].ladder if kind in CORRUPTIONS else None
    parts = [f"n = {n:,} {split} pictures, each in its own random version. Strength 0 is the picture as it is."]
    if kind == MEAN:
        parts.append("Attacks are left out. Bars: 95 % interval over pictures.")
    else:
        parts.append("Bars: 95 % interval (Wilson).")
    if ladder == "ssim":
        parts.append(
            "Strengths 1 to 5 lower SSIM to about 0.92, 0.84, 0.75, 0.66 and 0.57, as for other kinds like it."
        )
    elif ladder == "psnr":
        parts.append("Strengths 1 to 5 lower PSNR to about 27, 23, 20, 17.5 and 15.5 dB, as for other kinds like it.")
    elif kind in CORRUPTIONS:
        amounts = ", ".join(f"{amount:g}" for amount in CORRUPTIONS[kind].amounts)
        parts.append(f"Strengths 1 to 5 are {amounts} ({CORRUPTIONS[kind].unit}).")
    return " ".join(parts)


def amount_line(kind: str, strength: int) -> str:
    """Amount of a corruption at one strength, in its unit."""
    corruption = CORRUPTIONS[kind]
    return f"{capitalized(corruption.unit)}: {corruption.amounts[strength - 1]:g}"


def drop_sentence(name: str, kind: str, strength: int, change: PairedDifference) -> str:
    """Loss of accuracy under a corruption."""
    return (
        f"{kind_title(kind)} at strength {strength}, {name}: {points(change.difference)} points of accuracy "
        f"({points(change.low)} to {points(change.high)}), from {100 * change.first:.1f} to {rate(change.second)}."
    )


def comparison_sentence(first: str, second: str, strength: int, change: PairedDifference) -> str:
    """Difference of two runs under the same corruption."""
    text = f"{points(change.difference)} points ({points(change.low)} to {points(change.high)})"
    end = "" if change.test.p < SIGNIFICANT else ": no significant difference"
    return (
        f"{second} against {first} at strength {strength}: {text}, exact McNemar's test p = {change.test.p:.2g}{end}."
    )


def points(share: float) -> str:
    """Formats a difference of shares in points: `-3.1`, `+0.4`."""
    return f"{100 * share:+.1f}"


def verdict_line(prediction: StressPrediction) -> str:
    """Prediction for one version of a photo, in a few words."""
    if prediction.verdict == UNFAMILIAR:
        return f"Unfamiliar (best guess {class_in_text(prediction.label)}, {percent(prediction.probability)})"
    if prediction.verdict == NAMED:
        return f"{class_title(prediction.label)}, {percent(prediction.probability)}"
    names = [class_in_text(name) for name in prediction.prediction_set]
    if len(names) > 2:
        return f"Not sure: {len(names)} are possible, most likely {names[0]}"
    return f"Not sure: {' or '.join(names)}"


def ladder_summary(kind: str, predictions: Sequence[StressPrediction]) -> str:
    """Largest strength at which the prediction of the unchanged photo holds."""
    first, num = predictions[0], len(predictions)
    changed = [i for i, prediction in enumerate(predictions) if prediction.label != first.label]
    kept = (changed[0] if changed else num) - 1
    named = [predictions[i] for i in changed if predictions[i].verdict == NAMED]
    held = "at every strength" if kept == num - 1 else f"up to strength {kept}" if kept else "at no strength"
    text = f"{kind_title(kind)}: the most likely class stays the same {held}."
    if named:
        text += f" At strength {named[0].strength} another class is named."
    return text


def scores_row(kind: str, curve: Sequence[CellScores], measure: str) -> dict:
    """Row of the table: number of pictures and the score at each strength, in percent."""
    row = {"Kind": kind_title(kind), "Pictures": curve[0].n}
    for scores in curve:
        value = getattr(scores, measure)
        name = "As it is, %" if scores.strength == 0 else f"{scores.strength}, %"
        row[name] = None if value is None else 100 * value
    return row
