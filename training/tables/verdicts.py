"""Sections of docs/results.md on verdicts: named, unsure, unfamiliar, and photos of unknown classes."""

from pathlib import Path

import numpy as np

from hvit.console import progress
from hvit.data.datasets.reading import Sample, read_samples, readers
from hvit.runs.checkpoint import Checkpoint
from hvit.scoring.model_outputs import ModelOutputs
from hvit.scoring.predict import predict_samples
from hvit.scoring.scores import count_unknown, figures
from hvit.verdicts import Verdicts


def prediction_sets(checkpoint: Checkpoint, probs: np.ndarray, labels: np.ndarray, verdicts: Verdicts) -> list[str]:
    """Markdown section on prediction sets and named photos."""
    sets, named = verdicts.sets, verdicts.named
    wrong = probs.argmax(1) != labels
    covered = sets[np.arange(len(labels)), labels]
    rightly = f"{percent((~wrong)[named].mean())} of them rightly" if named.any() else "so none wrongly"
    return [
        '### Saying "not sure"',
        "",
        f"Prediction sets are made for {percent(1 - checkpoint.conformal.alpha)}. They hold the right class of",
        f"{percent(covered.mean())} of the {len(labels)} test photos with {sets.sum(1).mean():.2f} classes each.",
        f"{percent(named.mean())} of the photos are named, {rightly}. Of the",
        f"{int(wrong.sum())} errors {percent((~named)[wrong].mean())} are not named: they are in a larger set,",
        "or called unfamiliar.",
    ]


def percent(share: float) -> str:
    """Formats a share in percent, one decimal."""
    return f"{100 * share:.1f} %"


def predict_with_progress(checkpoint: Checkpoint, samples: list[Sample]) -> ModelOutputs:
    """Predicts test photos with a progress counter."""
    return predict_samples(checkpoint, samples, progress=progress("test photos"), workers=readers(samples))


def coverage_by_data(
    checkpoint: Checkpoint,
    probs: np.ndarray,
    labels: np.ndarray,
    packs: np.ndarray,
    verdicts: Verdicts,
    field_sets: tuple[str, ...],
) -> list[str]:
    """Markdown table of coverage and accuracy of named photos in each data set, and over all field photos."""
    lines = [
        "### Promises, data set by data set",
        "",
        "ECE: calibration error. Set: classes in a prediction set. Named: accepted, with a set of one class.",
        "",
        "| test photos | n | ECE | coverage % | set | named % | correct if named % | accepted % |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    groups = {name: packs == name for name in np.unique(packs)}
    if len(field_sets) > 1:
        groups["field, together"] = np.isin(packs, field_sets)
    for name, rows in {**groups, "together": np.ones(len(packs), dtype=bool)}.items():
        if not rows.any():
            continue
        part = figures(checkpoint, probs[rows], labels[rows], verdicts.only(rows))
        shares = [rounded(part[key]) for key in ("named", "named_correct", "accepted")]
        lines.append(
            f"| {name}{' (field)' if name in field_sets else ''} | {part['n']} | {part['ece']:.3f} "
            f"| {rounded(part['coverage'])} | {part['mean_set_size']:.2f} | {' | '.join(shares)} |"
        )
    return lines


def accepted_by_data(packs: np.ndarray, accepted: np.ndarray) -> list[str]:
    """Share of accepted photos of each data set, in Markdown."""
    rows = [*((name, accepted[packs == name]) for name in np.unique(packs)), ("together", accepted)]
    lines = ['### Saying "unfamiliar"', "", "| test photos | n | accepted % | rejected % |", "|---|--:|--:|--:|"]
    for name, flags in rows:
        share = flags.mean()
        lines.append(f"| {name} | {len(flags)} | {100 * share:.1f} | {100 * (1 - share):.1f} |")
    return lines


def unknown_kinds(checkpoint: Checkpoint, strange: list[Path]) -> list[str]:
    """Markdown table of verdicts on photos of unknown classes; known classes in the same folders are left out."""
    lines = [
        "### What the run never learned",
        "",
        "Shares of the photos, in percent; one that is named is given a single wrong name. Told healthy: named, as a",
        "leaf without disease. Weights that start from ImageNet have seen the kinds of things in `not-leaf`.",
        "",
        "| test photos | n | named | unsure | unfamiliar | told healthy |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for folder in strange:
        samples = [s for s in read_samples([folder], "test") if s.label not in checkpoint.classes]
        if not samples:
            raise ValueError(f"{folder} holds only classes that run {checkpoint.name} knows; leave it out of --strange")
        found = predict_with_progress(checkpoint, samples)
        counts = count_unknown(checkpoint, found, [folder.resolve().name] * len(samples))
        for name, row in counts.items():
            shares = [f"{100 * row[key] / row['n']:.1f}" for key in ("named", "unsure", "unfamiliar", "told_healthy")]
            lines.append(f"| {name} | {row['n']} | {' | '.join(shares)} |")
    return lines


def rounded(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"
