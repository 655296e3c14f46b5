"""Five risks of a run in plain words, each with its number, interval and evidence, the worst first."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from hvit.data.inspection.balance import TRAIN, balance_of
from hvit.data.unknown_kinds import GREEN, NOT_LEAF, UNKNOWN_CROP, UNKNOWN_DISEASE
from hvit.runs import Run, RunError
from hvit.runs.layout import AUDIT, DATA_CHECK, DISTANCES, PREDICTIONS, ROBUSTNESS, in_split
from hvit.runs.predictions import Predictions, read_predictions
from hvit.scoring.audit import read_audit
from hvit.scoring.audit_rows import ANOTHER_BACKGROUND
from hvit.scoring.calibration_curves import data_sets_of
from hvit.scoring.detection import detect
from hvit.scoring.distances import detector_of, read_distances
from hvit.scoring.intervals import Interval
from hvit.scoring.metrics import wilson
from hvit.scoring.robustness_records import Robustness, read_robustness, stress_settings
from hvit.words import class_in_text

Recorded = TypeVar("Recorded")
RARE_SHARE = 0.25  # of the classes: those with the fewest training photos
QUARTER_TURN, WHOLE_BACKGROUND = ("turn", 4), ("background", 5)  # kind and strength of `hvit.data.corruptions`
UNKNOWN_TITLES = {
    UNKNOWN_DISEASE: "diseases it never learned",
    UNKNOWN_CROP: "leaves of crops it never learned",
    GREEN: "green things that are no leaf of a crop",
    NOT_LEAF: "things that are no leaf",
}


@dataclass(frozen=True)
class TrustLine:
    """One risk.

    Attributes:
        topic: outdoors, unknown, turned, background or rare.
        title: the same for a reader.
        text: a sentence or two with the number.
        wrong: share of photos that go wrong for this reason, in [0, 1]; None where it was not measured.
        interval: of it, 95 % (Wilson).
        n: photos it was measured on.
        page, query: page of the dashboard with the evidence, and its query parameters.
        file: of the run, which holds it.
        command: that measures it; None where it was measured.
    """

    topic: str
    title: str
    text: str
    wrong: float | None
    interval: Interval | None
    n: int
    page: str
    file: str
    query: dict[str, str] = field(default_factory=dict)
    command: str | None = None


def trust_lines(run: Run, split: str | None = None) -> list[TrustLine]:
    """The five risks of a run: measured ones first, the worst of them on top.

    Args:
        split: whose recorded predictions are read; `Run.evaluated_split` where left out.
    Raises:
        RunError: the run recorded no predictions, or a record is damaged.
    """
    split = split or run.evaluated_split
    predictions = None if split is None else read_predictions(run, split)
    if split is None or predictions is None:
        raise RunError(
            f"run {run.name} recorded no predictions; evaluate it first: "
            f"python -m hvit evaluate --run {shlex.quote(run.name)} --data path/to/photos --save"
        )
    robustness_split, robustness = _first_recorded(split, lambda name: _robustness_of_now(run, name))
    lines = [
        _outdoors(run, split, predictions),
        _unknown(run, split),
        _changed(run, robustness_split, robustness, QUARTER_TURN, "turned", "Turned photos", "Turned by a quarter"),
        _background(run, robustness_split, robustness),
        _rare(run, split, predictions),
    ]
    return sorted(lines, key=lambda line: -1.0 if line.wrong is None else -line.wrong - 2)


def _first_recorded(split: str, read: Callable[[str], Recorded | None]) -> tuple[str, Recorded | None]:
    """Reads a record of a split, else of test or validation; also returns the name of that split."""
    for name in dict.fromkeys([split, "test", "val"]):
        if (found := read(name)) is not None:
            return name, found
    return split, None


def _robustness_of_now(run: Run, split: str) -> Robustness | None:
    """Recorded predictions under corruptions, but for those of other weights than the run has now."""
    card, weights = run.model_card(), stress_settings(run, split).get("weights_sha256")
    outdated = card is not None and weights is not None and weights != card.sha256
    return None if outdated else read_robustness(run, split)


def _outdoors(run: Run, split: str, predictions: Predictions) -> TrustLine:
    file = in_split(split, PREDICTIONS)
    line = TrustLine("outdoors", "Outdoors", "", None, None, 0, "calibration", file)
    is_field = np.isin(data_sets_of(predictions.paths), run.field_sets)
    if not is_field.any():
        drawn = run.learned_from == {"drawings"}
        text = "It learned from drawn leaves and was tested on drawn leaves" if drawn else "No photos from the field"
        return replace(
            line,
            text=f"{text}: how it does outdoors is not measured.",
            command=f"python -m hvit evaluate --run {shlex.quote(run.name)} --data path/to/field-photos",
        )
    wrong, n = int((~predictions.correct[is_field]).sum()), int(is_field.sum())
    text = f"{_share(wrong, n)} of {n:,} photos from the field get a wrong answer"
    if not is_field.all():
        text += f"; of those from the laboratory {100 * float((~predictions.correct[~is_field]).mean()):.1f} % do"
    return replace(line, text=f"{text}.", wrong=wrong / n, interval=wilson(wrong, n), n=n)


def _unknown(run: Run, split: str) -> TrustLine:
    card = run.model_card()
    detector = detector_of(card)
    split, distances = _first_recorded(split, lambda name: read_distances(run, name, detector))
    line = TrustLine(
        "unknown", "Unknown diseases", "", None, None, 0, "calibration", in_split(split, DISTANCES),
        {"calibration": "Unfamiliar photos"},
    )  # fmt: skip
    if card is None or card.ood is None:
        return replace(
            line,
            text="It has no detector: every photo is given one of its names, whatever it shows.",
            command=f"python -m training.calibrate --run {shlex.quote(run.name)} --data path/to/photos",
        )
    found = [] if distances is None else detect(distances, card.ood.threshold, card.ood.unsure_threshold, by_data=False)
    row = next((row for kind in UNKNOWN_TITLES for row in found if row.kind == kind), None)
    if row is None:
        return replace(
            line,
            text="What it says of diseases and crops it never learned is not measured.",
            command=f"python -m hvit evaluate --run {shlex.quote(run.name)} --data path/to/unknown-photos "
            "--unknown-classes report --save-distances",
        )
    what = f"{row.n:,} photos of {UNKNOWN_TITLES[row.kind]}"
    text = (
        f"{_share(round(row.accepted * row.n), row.n)} of {what} are not called unfamiliar; {100 * row.named:.1f} % "
        "are given a single name, which is always wrong."
    )
    return replace(line, text=text, wrong=row.accepted, interval=row.accepted_ci, n=row.n)


def _changed(
    run: Run, split: str, robustness: Robustness | None, cell: tuple[str, int], topic: str, title: str, how: str
) -> TrustLine:
    """Share of correctly predicted photos that become wrong under one corruption."""
    line = TrustLine(topic, title, "", None, None, 0, "robustness", in_split(split, ROBUSTNESS))
    command = f"python -m training.stress --run {shlex.quote(run.name)} --data path/to/photos"
    if robustness is None or cell not in robustness.cells:
        return replace(line, text="How the answers of its weights change is not measured.", command=command)
    clean, changed = robustness.clean, robustness.cells[cell]
    right = np.intersect1d(clean.photos[clean.correct], changed.photos)
    lost, n = len(np.intersect1d(right, changed.photos[~changed.correct])), len(right)
    if not n:
        return replace(line, text="It got no photo right to begin with, so none can go wrong.", command=command)
    text = f"{how}, {_share(lost, n)} of {n:,} photos that were right go wrong."
    return replace(line, text=text, wrong=lost / n, interval=wilson(lost, n), n=n)


def _background(run: Run, split: str, robustness: Robustness | None) -> TrustLine:
    line = _changed(run, split, robustness, WHOLE_BACKGROUND, "background", "Background", "With another background")
    if line.wrong is None:
        line = _audited_background(run, split) or line
    from hvit.data.inspection.check import recorded_check  # imports torch, which a page's first frame does not wait for

    control = (recorded_check(run) or {}).get("background_control")
    if not control:
        return line
    corners = (
        f"Four corners without the leaf give away the class of {100 * control['top1']:.1f} % of {control['n']:,} "
        f"photos ({100 * control['largest_class']:.1f} % by guessing)"
    )
    helps = control["top1"] > control["largest_class"]
    corners += ", so part of its score may come from the background." if helps else ": they do not help."
    if line.wrong is None:
        return replace(line, text=f"{corners} {line.text}", n=control["n"], page="data", file=DATA_CHECK)
    return replace(line, text=f"{line.text} {corners}")


def _audited_background(run: Run, split: str) -> TrustLine | None:
    """Background risk from the audit of shortcuts, if it was made with the current weights."""
    split, audit = _first_recorded(split, lambda name: read_audit(run, name))
    card = run.model_card()
    cue = next((c for c in audit.cues if c.name == ANOTHER_BACKGROUND), None) if audit is not None else None
    if audit is None or cue is None or cue.lost is None or card is None or card.sha256 != audit.weights_sha256:
        return None
    n = round(cue.n * (cue.clean_top1 or 0))
    text = f"With another background, {_share(round(cue.lost * n), n)} of {n:,} photos that were right go wrong."
    return TrustLine(
        "background", "Background", text, cue.lost, cue.lost_ci, n, "evaluation", in_split(split, AUDIT),
        {"errors": "Shortcuts"},
    )  # fmt: skip


def _rare(run: Run, split: str, predictions: Predictions) -> TrustLine:
    line = TrustLine(
        "rare", "Rare classes", "", None, None, 0, "evaluation", in_split(split, PREDICTIONS),
        {"errors": "Class by class"},
    )  # fmt: skip
    shown = np.bincount(predictions.labels, minlength=len(predictions.classes))
    known = {name: int(n) for name, n in zip(predictions.classes, shown) if n}
    if len(known) < 2:
        return replace(line, text="Only one class was evaluated, so none is rarer than another.")
    photos, counted = _training_photos(run), "training"
    if not sum(photos.values()):
        photos, counted = Counter(known), "evaluated"
    rare = sorted(known, key=lambda name: (photos[name], name))[: max(1, round(RARE_SHARE * len(known)))]
    inside = np.isin(predictions.labels, [predictions.classes.index(name) for name in rare])
    wrong, n = int((~predictions.correct[inside]).sum()), int(inside.sum())
    classes = f"the {len(rare)} classes" if len(rare) > 1 else "the class"
    span = f"{photos[rare[0]]:,} to {photos[rare[-1]]:,}" if len(rare) > 1 else f"{photos[rare[0]]:,}"
    text = (
        f"{_share(wrong, n)} of {n:,} photos of {classes} with the fewest {counted} photos ({span}) get a wrong "
        f"answer; over all classes {100 * float((~predictions.correct).mean()):.1f} % do. {_worst(predictions, rare)}"
    )
    return replace(line, text=text, wrong=wrong / n, interval=wilson(wrong, n), n=n)


def _training_photos(run: Run) -> Counter[str]:
    """Training photos of each class; empty where the run does not list them."""
    counts = Counter[str]()
    for (_, label, role), count in balance_of(run).counts.items():
        if role == TRAIN:
            counts[label] += count
    return counts


def _worst(predictions: Predictions, names: list[str]) -> str:
    """The class with the lowest recall."""
    recalls = []
    for name in names:
        own = predictions.labels == predictions.classes.index(name)
        recalls.append(
            (float(predictions.correct[own].mean()), int(predictions.correct[own].sum()), int(own.sum()), name)
        )
    _, right, n, name = min(recalls)
    return f"Hardest of them: {class_in_text(name)}, {right} of {n} right."


def _share(count: int, n: int) -> str:
    """`11.8 % (8.9 to 15.4)`."""
    low, high = wilson(count, n)
    return f"{100 * count / n:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
