"""Compares out-of-distribution detectors of a run on validation photos, and recommends one for calibration.

python -m training.compare_rejection --run leaf45-tiny --known data/plantvillage-160 data/field-256 data/coffee-leaf-256
    --unknown data/not-leaf data/green-not-crop-192 data/other-leaves-160 --field field-256
python -m training.compare_rejection --run leaf45-tiny --known data/* --unknown data/not-leaf --json

Detectors are fitted to training photos; thresholds accept the requested shares of known calibrating photos in
each data set. Unknown diseases: each class in turn is taken out of index and head (the backbone has seen it). The run
is not changed. Do not use test photos here: they must not influence the choice.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hvit.calibration import softmax
from hvit.console import Parser, print_json, print_table, progress
from hvit.data.datasets.reading import DataError, Sample, read_samples, readers
from hvit.device import chosen_device
from hvit.rejection import METHODS, OodDetector
from hvit.runs import Run, find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.scoring.model_outputs import ModelOutputs
from hvit.scoring.predict import predict_samples
from hvit.verdicts import Verdicts, decide
from training.calibration.conformal import choose_conformal, levels_for
from training.calibration.fitting import calibration_photos
from training.calibration.recorded_photos import find_recorded
from training.calibration.unknown_classes import (
    Acceptance,
    SetRecipe,
    calibration_set,
    leave_one_class_out,
    pooled_shares,
    rejection_threshold,
    unsure_quantile,
)
from training.frozen_features.labeled_features import LabeledFeatures

MAX_NAMED = 0.08  # of unknown diseases, for the unsure threshold


@dataclass(frozen=True)
class Photos:
    """Features and logits of all photos the detectors are compared on, computed once.

    Attributes:
        reference: training photos.
        calibrating: photos that set thresholds.
        held: evaluated photos of known classes: all of validation.
        unknown: of each data set of unknowns, by name.
    """

    reference: LabeledFeatures
    calibrating: LabeledFeatures
    held: LabeledFeatures
    unknown: dict[str, ModelOutputs]


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        run = find_run(args.run)
        field = tuple(args.field) if args.field is not None else run.field_sets
        acceptance = Acceptance(args.accepted_laboratory, args.accepted_field, field)
        checkpoint = load_checkpoint(run.path, chosen_device(args.device))
        photos = gather(run, checkpoint, args.known, args.unknown, args.split, args.by_path)
        document = compare(checkpoint, photos, acceptance, args.method or list(METHODS))
    except ValueError as error:
        print(f"training.compare_rejection: {error}", file=sys.stderr)
        return 2
    if args.json:
        print_json(document)
    else:
        _print(document)
    return 0


def gather(
    run: Run, checkpoint: Checkpoint, known: list[Path], unknown: list[Path], split: str, by_path: bool
) -> Photos:
    """Computes features of the photos in the run's split.csv and of photos of unknown classes.

    Args:
        split: of the unknown photos; all photos of data sets without splits.
    Raises:
        ValueError: photos are missing, or `unknown` holds a class the run knows.
    """
    recorded = find_recorded(run.path, known, by_path)
    reference, calibrating = calibration_photos(recorded, run.config or {})
    selecting = recorded.of_role("select")
    unknown_photos = {folder.resolve().name: _unknown_outputs(folder, split, checkpoint) for folder in unknown}
    parts = [_labeled(checkpoint, samples) for samples in (reference, calibrating, selecting)]
    return Photos(
        parts[0],
        parts[1],
        parts[1].joined(parts[2]),
        {name: _predicted(checkpoint, samples) for name, samples in unknown_photos.items()},
    )


def _unknown_outputs(folder: Path, split: str, checkpoint: Checkpoint) -> list[Sample]:
    samples = read_samples([folder])
    if any(sample.split for sample in samples):
        samples = [sample for sample in samples if sample.split == split]
    if not samples:
        raise DataError(f"{folder}: no photos in split {split!r}")
    if known := sorted({sample.label for sample in samples} & set(checkpoint.classes)):
        raise DataError(f"{folder} holds {known[0]}, which run {checkpoint.name} knows; name it with --known")
    return samples


def _labeled(checkpoint: Checkpoint, samples: list[Sample]) -> LabeledFeatures:
    return LabeledFeatures.of(_predicted(checkpoint, samples), samples, checkpoint.classes)


def _predicted(checkpoint: Checkpoint, samples: list[Sample]) -> ModelOutputs:
    return predict_samples(checkpoint, samples, progress=progress("photos"), workers=readers(samples))


def compare(checkpoint: Checkpoint, photos: Photos, acceptance: Acceptance, methods: list[str]) -> dict:
    """Compares detectors; returns the document of `--json`: one row a detector, and the name of the best.

    Best has the lowest mean, over the kinds of unknown (each data set, and classes left out), of the share that is
    given a single name or, for data sets, is accepted: both are errors.
    """
    rows = []
    for done, name in enumerate(methods, 1):
        rows.append(_row(name, checkpoint, photos, acceptance))
        progress("detectors")(done, len(methods))
    best = min(rows, key=lambda row: row["mean_wrong"])
    return {
        "run": checkpoint.name,
        "n": {"reference": len(photos.reference), "calibrating": len(photos.calibrating), "known": len(photos.held)},
        "best": best["method"],
        "methods": rows,
    }


def _row(name: str, checkpoint: Checkpoint, photos: Photos, acceptance: Acceptance) -> dict:
    reference, calibrating, held = photos.reference, photos.calibrating, photos.held
    method = METHODS[name].fit(reference.features, reference.logits, reference.labels)
    scores = method.score(calibrating.features, calibrating.logits)
    ood = OodDetector(method, rejection_threshold(scores, calibrating.sources, acceptance))
    temperature = checkpoint.temperature
    chosen = calibration_set(calibrating, temperature, acceptance.field_sets, ood.accepts(scores))
    level, _, _ = choose_conformal(chosen, levels_for(len(calibrating)))
    conformal = level.to_record()

    def decided(features, logits):
        return decide(softmax(logits, temperature), checkpoint.classes, conformal, ood, features, logits)

    known = decided(held.features, held.logits)
    unknown = {
        source: _unknown_scores(known, decided(found.stage_features, found.photo_logits))
        for source, found in photos.unknown.items()
    }
    recipe = SetRecipe(temperature, level.alpha, level.strategy)
    left_out = leave_one_class_out(METHODS[name], reference, calibrating, held, recipe, acceptance)
    wrong = [1 - part["rejected"] for part in unknown.values()]
    classes_out = pooled_shares(left_out)
    return {
        "method": name,
        "threshold": ood.threshold,
        "conformal": conformal.groups,
        "known": _known_scores(known, held),
        "unknown": unknown,
        "classes_left_out": classes_out | {"classes": {found.name: found.shares() for found in left_out}},
        "with_unsure_threshold": _second_threshold(left_out, scores, ood, known, held),
        "mean_wrong": float(np.mean([*wrong, classes_out["named"]])),
    }


def _known_scores(known: Verdicts, held: LabeledFeatures) -> dict[str, dict]:
    """Shares of accepted and of named photos of known classes, by data set."""
    return {
        str(source): {
            "n": int((rows := held.sources == source).sum()),
            "accepted": float(known.accepted[rows].mean()),
            "named": float(known.named[rows].mean()),
        }
        for source in np.unique(held.sources)
    }


def _unknown_scores(known: Verdicts, unknown: Verdicts) -> dict:
    """AUROC against photos of known classes, and shares of rejected and of named photos of unknown classes."""
    from sklearn.metrics import roc_auc_score

    is_unknown = np.r_[np.zeros(len(known.scores)), np.ones(len(unknown.scores))]
    return {
        "n": len(unknown.scores),
        "auroc": float(roc_auc_score(is_unknown, np.r_[known.scores, unknown.scores])),
        "rejected": float((~unknown.accepted).mean()),
        "named": float(unknown.named.mean()),
    }


def _second_threshold(left_out, scores, ood: OodDetector, known, held: LabeledFeatures) -> dict:
    """Share of known photos still named when at most 8 % of the photos of left-out classes are."""
    quantile = unsure_quantile(left_out, MAX_NAMED)
    limit = min(float(np.quantile(scores, quantile)), ood.threshold)
    named = known.named & (known.scores <= limit)
    shares = {str(source): float(named[held.sources == source].mean()) for source in np.unique(held.sources)}
    return {"unsure_threshold": limit, "named": shares, "classes_left_out": pooled_shares(left_out, quantile)}


def _print(document: dict) -> None:
    rows = document["methods"]
    sources, unknown_photos = list(rows[0]["known"]), list(rows[0]["unknown"])
    print(f"{document['run']}: accepted of known photos, rejected of unknown ones, in percent (AUROC)")
    print_table(
        ["", *sources, *unknown_photos],
        [
            [
                row["method"],
                *(_percent(row["known"][name]["accepted"]) for name in sources),
                *(_rejected(row["unknown"][name]) for name in unknown_photos),
            ]
            for row in rows
        ],
    )
    print("\nunknown diseases: each class in turn out of index and head (the backbone has seen it), in percent")
    keys = ("named", "unsure", "unfamiliar")
    print_table(
        ["", *keys],
        [[row["method"], *(_percent(row["classes_left_out"][key]) for key in keys)] for row in rows],
    )
    print(f"\nnamed of known photos, without and with a second threshold that names at most {100 * MAX_NAMED:g} %")
    print_table(
        ["", *sources],
        [
            [
                row["method"],
                *(_named(row["known"][name], row["with_unsure_threshold"]["named"][name]) for name in sources),
            ]
            for row in rows
        ],
    )
    print(f"\nbest: {document['best']} (python -m training.calibrate --ood-method {document['best']} ...)")


def _rejected(part: dict) -> str:
    return f"{_percent(part['rejected'])} ({part['auroc']:.3f}), {_percent(part['named'])} named"


def _named(part: dict, with_second: float) -> str:
    return f"{_percent(part['named'])} -> {_percent(with_second)}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="training.compare_rejection",
        description=__doc__.split("\n", 1)[0],
        epilog=__doc__.split("\n", 2)[2],
    )
    parser.add_argument("--run", required=True, help="path or name of a finished run")
    parser.add_argument("--known", nargs="+", type=Path, required=True, metavar="DIR", help="the run's data sets")
    parser.add_argument("--unknown", nargs="+", type=Path, required=True, metavar="DIR", help="photos it must reject")
    parser.add_argument("--split", choices=["train", "val"], default="val", help="of the unknown photos (default val)")
    parser.add_argument(
        "--field", nargs="*", metavar="NAME", help="data sets of field photos (default: as the run says)"
    )
    parser.add_argument("--method", nargs="+", choices=list(METHODS), help="detectors (default: all)")
    parser.add_argument("--accepted-laboratory", type=float, default=0.96, metavar="SHARE")
    parser.add_argument("--accepted-field", type=float, default=0.92, metavar="SHARE")
    parser.add_argument("--by-path", action="store_true", help="match photos by path, without their suffix")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
