"""Texts on rendered leaves: their ground truth, and predictions compared with it. Pure functions, no drawing."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from app.photos.rendered_leaves import Rendering
from app.words import percent
from hvit.data.classes import is_healthy
from hvit.words import class_in_text

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.diagnosis import Diagnosis


def compare_prediction(diagnosis: Diagnosis, rendering: Rendering, leaf_confirmed: bool = False) -> tuple[str, str]:
    """Compares a diagnosis with the ground truth: bold words, and the rest of the sentence.

    Args:
        leaf_confirmed: the user asked for the best guess about an unfamiliar leaf.
    """
    verdict, is_wrong = _correctness(diagnosis, rendering, leaf_confirmed)
    plan, share = rendering.plan, f"{percent(rendering.severity)} of the leaf"
    if is_healthy(plan.condition):
        return (f"{verdict}: drawn without a disease.", "") if is_wrong else (verdict, "Drawn without a disease.")
    what = class_in_text(plan.condition)
    if plan.companion:
        what, share = f"{what} and, smaller, {class_in_text(plan.companion)}", f"together {share}"
    return (f"{verdict}: drawn as {what},", f"{share}.") if is_wrong else (verdict, f"Drawn as: {what}, {share}.")


def _correctness(diagnosis: Diagnosis, rendering: Rendering, leaf_confirmed: bool) -> tuple[str, bool]:
    """Sentence on correctness, and whether the prediction is wrong; empty where the run lacks the class."""
    plan = rendering.plan
    if plan.condition not in diagnosis.probabilities:
        return "", False
    if diagnosis.verdict == "unfamiliar" and not leaf_confirmed:
        return "No answer, so none to check.", False
    if diagnosis.verdict == "unsure":
        if plan.condition in diagnosis.prediction_set:
            return "The right name is among these.", False
        if plan.companion in diagnosis.prediction_set:
            return "Among these is only the smaller of two infections.", False
        return "The right name is not among these", True
    what = "guess" if diagnosis.verdict == "unfamiliar" else "answer"
    if diagnosis.label == plan.condition:
        return f"The {what} is right.", False
    if diagnosis.label == plan.companion:
        return f"The {what} is half right: it names the smaller of two infections.", False
    return f"The {what} is wrong", True


def about_rendering(rendering: Rendering, run_name: str, learned_from: Collection[str]) -> list[str]:
    """What a rendered leaf is, and its limitations."""
    sentences = [
        "A program draws these leaves from field notes on what leaves and their diseases look like. None is a "
        "photograph.",
        f"The address {rendering.address} is all it takes to draw this leaf again, with the exact outline of "
        "everything drawn as a symptom.",
    ]
    if set(learned_from) == {"drawings"}:
        sentences.append(f"{run_name} learned from drawn leaves only. Do not use it on photos of real leaves.")
    return sentences


def outline_legend(rendering: Rendering) -> str:
    """Legend of the outline over a rendered leaf."""
    share = percent(rendering.severity)
    return (
        f"The white line runs around everything drawn as a symptom, pale halos included: {share} of the leaf. "
        "Small gaps lie within it."
    )


def csv_columns(rendering: Rendering | None) -> dict:
    """Additional columns of a table with rendered leaves; empty for a photo."""
    if rendering is None:
        return {"address": "", "drawn_as": "", "drawn_severity": ""}
    conditions = [rendering.plan.condition] + ([rendering.plan.companion] if rendering.plan.companion else [])
    return {
        "address": str(rendering.address),
        "drawn_as": "; ".join(conditions),
        "drawn_severity": rendering.severity,
    }
