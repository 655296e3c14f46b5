"""The model card of a run in Markdown: intended use, risks, scores, calibration, provenance."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hvit.data.classes import crops
from hvit.data.inspection.balance import ROLES, Balance, balance_of
from hvit.data.unknown_kinds import GREEN, KNOWN, NOT_LEAF, UNKNOWN_CROP, UNKNOWN_DISEASE
from hvit.paper.intended_use import intended_uses, out_of_scope_uses
from hvit.paper.sentences import DETECTORS
from hvit.runs import Run, RunError
from hvit.runs.layout import NOTES, WEIGHTS
from hvit.runs.predictions import Predictions, read_predictions
from hvit.runs.snapshot import RunSnapshot, read_parts, take_snapshot
from hvit.scoring.calibration_curves import data_sets_of, score_calibration_by_group
from hvit.scoring.detection import Detection, detect
from hvit.scoring.distances import detector_of, read_distances
from hvit.scoring.intervals import Interval
from hvit.scoring.recorded_scores import read_recorded_evaluation, score_predictions
from hvit.scoring.trust import TrustLine, trust_lines
from hvit.untrusted import inside, tensor_shapes
from hvit.words import PLANTS_UNKNOWN, class_title

MAX_WEIGHTS_BYTES = 8 * 2**30
ROLE_TITLES = {"train": "train", "select": "select", "calibrate": "calibrate", "cv": "cross-validation", "test": "test"}
KIND_TITLES = {
    KNOWN: "known class",
    UNKNOWN_DISEASE: "unknown disease of a known crop",
    UNKNOWN_CROP: "leaf of an unknown crop",
    GREEN: "green, but no leaf of a crop",
    NOT_LEAF: "no leaf",
}


def model_card(run: Run, trust: Sequence[TrustLine] | None = None, folder: Path | None = None) -> str:
    """Renders the model card of an evaluated run as Markdown, from its records.

    Args:
        trust: `trust_lines` of the run, where the caller has them.
        folder: where the card is written, from which evidence is linked; without it, files of the run are named.
    Raises:
        RunError: the run has no `model.json` or no predictions, or a record is damaged.
    """
    split = run.evaluated_split
    predictions = None if split is None else read_predictions(run, split)
    if split is None or predictions is None:
        raise RunError(
            f"run {run.name} recorded no predictions, so a card has nothing to report; evaluate it first: "
            f"python -m hvit evaluate --run {shlex.quote(run.name)} --data path/to/photos --save"
        )
    record = take_snapshot(run.path, read_parts(run))
    sections = [
        _what_it_is(run, record),
        _trust(trust_lines(run, split) if trust is None else trust, run, folder),
        _use(record),
        _data(run, record),
        _scores(run, split),
        _calibration(record, predictions),
        _unknown(run, split),
        _classes(predictions),
        _made(run, record),
        _notes(run),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _what_it_is(run: Run, record: RunSnapshot) -> list[str]:
    card = record.card
    assert card is not None  # a run with readable predictions has one
    known, size = crops(card.classes), _num_parameters(run)
    parts = [
        f"`{card.architecture}`" + (f", {size / 1e6:.1f} million parameters" if size else ""),
        f"{len(card.classes)} classes" + (f" of {len(known)} crops ({', '.join(known)})" if known else ""),
        f"input {card.preprocessing.img_size} px",
    ]
    if card.pretrained is not None:
        parts.append(f"started from weights trained on {card.pretrained.trained_on} ({card.pretrained.licence})")
    lines = [f"# Model card: {run.name}", "", f"{'; '.join(parts)}. Weights: SHA-256 `{card.sha256[:16]}...`."]
    if record.plants_known is False:
        lines += ["", f"{PLANTS_UNKNOWN}, as photos of one plant may lie on both sides of the split."]
    return lines


def _num_parameters(run: Run) -> int | None:
    """Number of parameters and buffers; None where the weights are not in this copy."""
    try:
        shapes, _ = tensor_shapes(inside(run.path, WEIGHTS), MAX_WEIGHTS_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return sum(math.prod(shape) for shape in shapes.values())


def _trust(lines: Sequence[TrustLine], run: Run, folder: Path | None) -> list[str]:
    rows = []
    for line in lines:
        text = line.text if line.command is None else f"{line.text} Measure it: `{line.command}`"
        evidence = f"`{line.file}`"
        if folder is not None:
            place = Path(os.path.relpath(run.path / line.file, folder)).as_posix()
            evidence = f"[{evidence}]({quote(place)})"
        rows.append(f"- **{line.title}.** {text}" + (f" ({evidence})" if line.n else ""))
    about = "Shares of photos that go wrong, with 95 % intervals (Wilson); the worst first."
    return ["## Can I trust it?", "", *rows, "", about]


def _use(record: RunSnapshot) -> list[str]:
    lines = ["## Intended use", "", *(f"- {text}" for text in intended_uses(record))]
    return [*lines, "", "Not for:", "", *(f"- {text}" for text in out_of_scope_uses(record))]


def _data(run: Run, record: RunSnapshot) -> list[str]:
    assert record.card is not None
    balance, licences = balance_of(run), record.card.licences
    roles = [role for role in ROLES if role in balance.roles]
    names = sorted({*balance.sources, *licences})
    if not names:
        return []
    rows = [
        [name, *(_count(balance, name, role) for role in roles), licences.get(name, "not recorded")] for name in names
    ]
    field = f" Photos from the field: {', '.join(run.field_sets)}." if run.field_sets else ""
    return [
        "## Data and licences", "", *_table(["data set", *(ROLE_TITLES[r] for r in roles), "licence"], rows), "",
        f"Numbers of photos by what they were used for; test photos chose nothing.{field}",
    ]  # fmt: skip


def _count(balance: Balance, source: str, role: str) -> str:
    count = balance.count(source=source, role=role)
    return f"{count:,}" if count else ""


def _scores(run: Run, split: str) -> list[str]:
    recorded = read_recorded_evaluation(run, split)
    rows, by_data = [], recorded.document.get("by_data") or {}
    parts = [("all", recorded.document), *sorted(by_data.items() if len(by_data) > 1 else [])]
    for name, part in parts:
        rows.append(
            [
                name,
                f"{part['n']:,}",
                _share(part.get("top1"), part.get("top1_ci")),
                _share(part.get("macro_f1"), recorded.macro_f1_ci if name == "all" else None),
                *(_share(part.get(key)) for key in ("coverage",)),
                _number(part.get("mean_set_size"), 2),
                *(_share(part.get(key)) for key in ("accepted", "named", "named_correct")),
            ]
        )
    header = [
        "data set", "n", "top-1, %", "macro-F1, %", "sets hold the class, %", "classes in a set", "accepted, %",
        "given one name, %", "right of those, %",
    ]  # fmt: skip
    times = recorded.times_evaluated
    looked = "" if not times else f" Test was evaluated {'once' if times == 1 else f'{times} times'}."
    return [
        f"## Scores ({split})", "", *_table(header, rows), "",
        f"95 % intervals in brackets: Wilson for top-1, bootstrap over photos for macro-F1.{looked}",
    ]  # fmt: skip


def _calibration(record: RunSnapshot, predictions: Predictions) -> list[str]:
    assert record.card is not None
    card, lines = record.card, []
    if card.temperature is None:
        lines.append("- Probabilities are not calibrated: read them as an order, not as chances.")
    else:
        lines.append(f"- Temperature {card.temperature:.3f}, fitted on the calibrating half of validation.")
    if card.conformal is not None:
        how = "" if card.conformal.groups is None else f", {card.conformal.groups} thresholds"
        lines.append(f"- Prediction sets at level {100 * card.conformal.alpha:g} % ({card.conformal.method}{how}).")
    if card.ood is not None:
        limits = f"called unfamiliar above {card.ood.threshold:.2f}"
        if card.ood.unsure_threshold is not None:
            limits += f", never given a single name above {card.ood.unsure_threshold:.2f}"
        lines.append(f"- Detector of unfamiliar photos: {DETECTORS[card.ood.method][0]}; {limits}.")
    scores = score_calibration_by_group(predictions.probs, predictions.labels, data_sets_of(predictions.paths))
    rows = [
        [
            row.group, f"{row.n:,}", _share(row.ece, row.ece_ci), _share(row.ece_expected),
            _number(row.nll, 3, row.nll_ci), _number(row.brier, 3, row.brier_ci),
        ]
        for row in scores
    ]  # fmt: skip
    header = ["data set", "n", "ECE, %", "ECE if calibrated, %", "NLL, nats", "Brier"]
    note = "ECE over 15 bins of equal mass; intervals of 95 % by the bootstrap. Binning alone makes ECE larger than 0."
    return ["## Calibration", "", *lines, "", *_table(header, rows), "", note]


def _unknown(run: Run, split: str) -> list[str]:
    card = run.model_card()
    distances = None if card is None or card.ood is None else read_distances(run, split, detector_of(card))
    if card is None or card.ood is None or distances is None:
        return []
    found = detect(distances, card.ood.threshold, card.ood.unsure_threshold, by_data=True)
    header = ["kind", "data set", "n", "accepted, %", "given one name, %", "AUROC"]
    note = (
        "For unknown photos accepted is wrong, and a single name always is. AUROC: how often such a photo is farther "
        "from the training photos than a known one; intervals Wilson and DeLong."
    )
    return ["## Unknown photos", "", *_table(header, [_detection_row(row) for row in found]), "", note]


def _detection_row(row: Detection) -> list[str]:
    return [
        KIND_TITLES[row.kind], row.data, f"{row.n:,}", _share(row.accepted, row.accepted_ci), _share(row.named),
        _number(row.auroc, 3, row.auroc_ci),
    ]  # fmt: skip


def _classes(predictions: Predictions) -> list[str]:
    rows = [
        [
            class_title(row.name), f"{row.n:,}", _share(row.recall, row.recall_ci),
            _share(row.precision, row.precision_ci),
        ]
        for row in score_predictions(predictions).per_class
        if row.n
    ]  # fmt: skip
    return ["## Class by class", "", *_table(["class", "n", "recall, %", "precision, %"], rows)]


def _made(run: Run, record: RunSnapshot) -> list[str]:
    info, lines = record.info, ["## How to reproduce it", ""]
    if info.argv:
        lines += ["```", "python " + shlex.join(word for word in info.argv if word != "--resume"), "```", ""]
    parts = [] if info.parent is None else [f"started from run `{info.parent}`"]
    parts += [] if info.seed is None else [f"seed {info.seed}"]
    if info.git is not None and info.git.commit:
        parts.append(f"code at {info.git.commit[:10]}{' with changes' if info.git.dirty else ''}")
    parts += [info.device] if info.device else []
    parts += [f"{info.elapsed_s / 60:,.0f} minutes"] if info.elapsed_s else []
    parts += [f"{name} {version}" for name, version in info.libraries.items()]
    text = "; ".join(parts)
    lines += [f"{text[:1].upper()}{text[1:]}.", ""] if text else []
    return [
        *lines,
        f"The configuration is in `config.yaml` of the run. A paragraph for a paper: `python -m hvit methods --run "
        f"{shlex.quote(run.name)}`; this card: `python -m hvit card --run {shlex.quote(run.name)}`.",
    ]


def _notes(run: Run) -> list[str]:
    notes = run.notes()
    return [] if notes is None else [f"## Notes (`{NOTES}`)", "", notes.strip()]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Markdown table; columns of numbers are right-aligned."""
    numeric = [all(not row[i] or row[i][:1].isdigit() for row in rows) for i in range(len(header))]
    lines = [header, ["--:" if right else "---" for right in numeric], *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _share(value: float | None, interval: Any = None) -> str:
    """`94.3 (93.3 to 95.2)`, in percent; empty where it was not measured."""
    return _number(None if value is None else 100 * value, 1, interval and [100 * end for end in interval])


def _number(value: float | None, digits: int, interval: Interval | Sequence[float] | None = None) -> str:
    if value is None:
        return ""
    text = f"{value:.{digits}f}"
    return text if interval is None else f"{text} ({interval[0]:.{digits}f} to {interval[1]:.{digits}f})"
