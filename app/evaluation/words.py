"""Texts of the Evaluation page. Pure functions, no drawing."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime

from app.words import NBSP, counted, joined, percent, rate
from hvit.data.classes import crops
from hvit.scoring.trust import TrustLine
from hvit.words import class_in_text, class_title

KINDS = {
    "right": "Correct",
    "wrong_disease": "Wrong disease of the right crop",
    "missed_disease": "Missed disease: a diseased leaf called healthy",
    "false_alarm": "False alarm: a healthy leaf called diseased",
    "wrong_crop": "Wrong crop",
}
WITHOUT_CROPS = {"wrong_disease": "Wrong disease"}


def kind_title(kind: str, classes: Sequence[str]) -> str:
    """Title of a kind of error; `correct` replaces the right crop where classes name no crops."""
    return KINDS[kind] if crops(classes) else (KINDS | WITHOUT_CROPS)[kind]


def kinds_shown(classes: Sequence[str]) -> list[str]:
    """Kinds of error that a run with these classes can make."""
    return [kind for kind in KINDS if kind not in ("right", *(() if len(crops(classes)) > 1 else ("wrong_crop",)))]


def times_evaluated(evaluations: Sequence[dict], split: str) -> str | None:
    """Number of evaluations on test, in a sentence: with each, the estimate gets more optimistic."""
    if split != "test" or not evaluations:
        return None
    if len(evaluations) == 1:
        return f"Test was evaluated once, on {_day(evaluations[0])}."
    days = list(dict.fromkeys(_day(row) for row in evaluations))
    text = f"Test was evaluated {len(evaluations)} times ({joined(days)})"
    tops = {row.get("top1") for row in evaluations}
    if len(tops) == 1:
        return f"{text}, each time with the same result."
    return f"{text}. A choice made by looking at test makes its numbers too good."


def _day(row: dict) -> str:
    try:
        return datetime.fromisoformat(row["time"]).strftime("%d %b %Y").lstrip("0")
    except (KeyError, TypeError, ValueError):
        return "an unknown day"


def confusion_line(true: str, predicted: str, count: int, n: int) -> str:
    """Button label: `**7 of 40** Tomato: early blight, predicted tomato: late blight`, in Markdown."""
    return f"**{count} of {n}** {class_title(true)}, predicted {class_in_text(predicted)}"


def cell_sentence(true: str | None, predicted: str | None, count: int, n: int) -> str:
    """Describes the images of a selected cell.

    Args:
        true, predicted: None where any class may be.
        n: images of the true class, or all.
    """
    if true is None and predicted is None:
        return "Choose one of the confusions, or classes, to see the pictures."
    if true is None:
        return f"{counted(count, 'picture')} predicted as {class_in_text(predicted)}."
    if predicted is None:
        return f"All {counted(count, 'picture')} of {class_in_text(true)}."
    share = f"{count:,} of {counted(n, 'picture')} of {class_in_text(true)}"
    tail = "correct" if true == predicted else f"predicted as {class_in_text(predicted)}"
    return f"{share} {'was' if count == 1 else 'were'} {tail}" + (f" ({rate(count / n)})." if n else ".")


def tile_line(predicted: str, probability: float, right: bool) -> str:
    """Caption of an image: `predicted early blight, 94 %`, `correct, 94 %`."""
    return f"{'correct' if right else 'predicted ' + class_in_text(predicted)}, {percent(probability)}"


def suggestion_line(name: str, probability: float) -> str:
    """Caption of a possible label error: `or early blight? 94 %`."""
    return f"or {class_in_text(name)}? {percent(probability)}"


def label_issues(count: int, n: int, learned_from: frozenset[str]) -> list[str]:
    """Explains the list of possible label errors."""
    if not count:
        return [f"None of the {counted(n, 'label')} stands out: no picture claims another class than its own."]
    sentences = [
        f"{counted(count, 'label')} of {n:,} {'is' if count == 1 else 'are'} worth a second look: the model is as sure "
        "of another class as it usually is of that class. It may be the label that is wrong, or the model; look at "
        "the leaf."
    ]
    if learned_from == {"drawings"}:
        sentences.append("These leaves are drawn, and their labels are right by construction: what is listed is hard.")
    return sentences


def trust_row(line: TrustLine) -> str:
    """One risk as HTML: the share of errors, a description, and the command where it was not measured."""
    number = "not measured" if line.wrong is None else percent(line.wrong)
    command = "" if line.command is None else f"<code>{html.escape(line.command)}</code>"
    text = html.escape(line.text.replace(" %", f"{NBSP}%"))
    style = "trust-row unmeasured" if line.wrong is None else "trust-row"
    return (
        f'<div class="{style}"><b>{number}</b><p><strong>{html.escape(line.title)}.</strong> {text}{command}</p></div>'
    )
