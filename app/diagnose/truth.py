"""What the pages say of a drawn leaf, and of an answer about it. Pure functions, no drawing."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from app.photos.drawn_leaves import Drawing
from app.words import percent
from hvit.data.classes import is_healthy
from hvit.words import class_in_text

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.diagnosis import Diagnosis


def judgement(diagnosis: Diagnosis, drawing: Drawing, insisted: bool = False) -> tuple[str, str]:
    """What was drawn, and whether the answer says so: words in bold, and what follows them.

    Args:
        insisted: the reader asked for the best guess about an unfamiliar leaf.
    """
    judged, is_wrong = _judged(diagnosis, drawing, insisted)
    plan, share = drawing.plan, f"{percent(drawing.severity)} of the leaf"
    if is_healthy(plan.condition):
        return (f"{judged}: drawn without a disease.", "") if is_wrong else (judged, "Drawn without a disease.")
    what = class_in_text(plan.condition)
    if plan.companion:
        what, share = f"{what} and, smaller, {class_in_text(plan.companion)}", f"together {share}"
    return (f"{judged}: drawn as {what},", f"{share}.") if is_wrong else (judged, f"Drawn as: {what}, {share}.")


def _judged(diagnosis: Diagnosis, drawing: Drawing, insisted: bool) -> tuple[str, bool]:
    """The judgement without its final words, and whether the answer is wrong; nothing where the run lacks the class."""
    plan = drawing.plan
    if plan.condition not in diagnosis.probabilities:
        return "", False
    if diagnosis.verdict == "unfamiliar" and not insisted:
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


def how_drawn(drawing: Drawing, run_name: str, learned_from: Collection[str]) -> list[str]:
    """What a drawn leaf is, and is not, good for."""
    said = [
        "A program draws these leaves from field notes on what leaves and their diseases look like. None is a "
        "photograph.",
        f"The address {drawing.address} is all it takes to draw this leaf again, with the exact outline of everything "
        "drawn as a symptom.",
    ]
    if set(learned_from) == {"drawings"}:
        said.append(f"{run_name} learned from drawn leaves only. Do not use it on photos of real leaves.")
    return said


def outline_legend(drawing: Drawing) -> str:
    """What the line over a drawn leaf means."""
    share = percent(drawing.severity)
    return (
        f"The white line runs around everything drawn as a symptom, pale halos included: {share} of the leaf. "
        "Small gaps lie within it."
    )


def cells(drawing: Drawing | None) -> dict:
    """Columns that a table with drawn leaves has in addition; empty for a photo."""
    if drawing is None:
        return {"address": "", "drawn_as": "", "drawn_severity": ""}
    conditions = [drawing.plan.condition] + ([drawing.plan.companion] if drawing.plan.companion else [])
    return {
        "address": str(drawing.address),
        "drawn_as": "; ".join(conditions),
        "drawn_severity": drawing.severity,
    }
