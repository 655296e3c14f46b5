"""`hvit evaluate`: score a run on photos with known classes."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvit.console import Subparsers, positive, print_json, print_notes, print_table, progress
from hvit.data.unknown_kinds import UNKNOWN_KINDS
from hvit.words import PLANTS_UNKNOWN, counted

if TYPE_CHECKING:
    from hvit.data.datasets.reading import Sample
    from hvit.runs import Run
    from hvit.scoring.evaluation import Evaluation

NAMED_UNREADABLE = 10
EXAMPLES = """examples:
  python -m hvit evaluate --run leaf45-tiny --data data/field-256
  python -m hvit evaluate --run leaf45-tiny --data data/field-256 data/coffee-leaf-256 --split test --json
  python -m hvit evaluate --run runs/my-run --data my-photos --save
  python -m hvit evaluate --run leaf45-tiny --data data/field-256 --tta
  python -m hvit evaluate --run leaf45-tiny --data data/not-leaf --unknown-classes report
  python -m hvit evaluate --run leaf45-tiny --data data/weeds --unknown-classes report --save-distances
  python -m hvit evaluate --run leafsim-tiny --data leafsim:v1/1/0-23999
  python -m hvit evaluate --run runs/my-dfca --data photos-with-bands --without-bands

A folder with train/val/test is scored on test, one with classes only on all of its photos.
leafsim:v1/SEED/FIRST-LAST are leaves drawn by LeafSim, without any files; a run that knows Early_stress is asked
for it. A run that takes bands reads leaf.npy or leaf.bands.tif beside leaf.jpg; photos without are answered from color.
Photos that cannot be read are left out and named. The run is not changed, unless --save records the predictions in it,
or --save-distances how far each photo is from the training photos, known or not (the Calibration page reads that).
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("evaluate", help="score a run", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("--run", dest="run_name", required=True, metavar="RUN", help="path or name")
    parser.add_argument(
        "--data", nargs="+", type=Path, required=True, metavar="DIR", help="data sets: folders, or rendered leaves"
    )
    parser.add_argument("--split", metavar="NAME", help="train, val or test (default: test where there are splits)")
    parser.add_argument(
        "--unknown-classes",
        choices=["error", "report"],
        default="error",
        help="report: predict photos of classes the run does not know, leave them out of the figures, and count what "
        "it says of them",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--save", action="store_true", help="record predictions and scores in the run")
    parser.add_argument(
        "--save-distances",
        action="store_true",
        help="record only how far each photo is from the training photos; recorded predictions stay as they are",
    )
    parser.add_argument(
        "--unknown-kind",
        choices=UNKNOWN_KINDS,
        help="what photos of unknown classes show, for --save and --save-distances (default: by the name of the class)",
    )
    parser.add_argument("--tta", action="store_true", help="average over each photo and its mirror image")
    parser.add_argument("--without-bands", action="store_true", help="leave bands unread, as if there were none")
    parser.add_argument(
        "--batch-size", type=positive, default=32, metavar="N", help="photos computed together (default 32)"
    )
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to compute (default auto)"
    )
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    _check_options(args)
    from hvit.data.datasets.reading import DataError, readers
    from hvit.data.leafsim import EARLY_STRESS
    from hvit.device import chosen_device
    from hvit.runs import find_run
    from hvit.runs.checkpoint import load_checkpoint
    from hvit.scoring.evaluation import evaluate

    found = find_run(args.run_name)
    plants_known = found.plants_known  # here, where a damaged run.json ends the command before anything runs
    checkpoint = load_checkpoint(found.path, chosen_device(args.device))
    if args.without_bands and not checkpoint.takes_bands:
        raise ValueError(f"--without-bands: run {checkpoint.name} takes no bands; leave the option out")
    if args.save_distances and checkpoint.ood is None:
        raise ValueError(
            f"--save-distances: run {checkpoint.name} has no detector; calibrate it: python -m training.calibrate"
        )
    early_stress = EARLY_STRESS in checkpoint.classes
    notes: list[str] = []
    try:
        samples = [sample for folder in args.data for sample in _samples(folder, args.split, early_stress, notes)]
        result = evaluate(
            checkpoint, samples, args.batch_size, progress("photos"), readers(samples), args.tta, args.without_bands,
            args.unknown_classes, args.unknown_kind,
        )  # fmt: skip
    except DataError as error:  # skipped files are often the reason
        raise DataError("; ".join([str(error), *dict.fromkeys(notes)])) from None
    if args.save or args.save_distances:
        _record(args.save, found, samples[0].split or "all", result)
    print_notes([*notes, *_left_out(result.document, len(samples))])
    if plants_known is False:
        print(f"{found.name}: {PLANTS_UNKNOWN}", file=sys.stderr)
    if args.json:
        print_json(result.document)
    else:
        _print(result.document, checkpoint.name)
    return 0


def _check_options(args: argparse.Namespace) -> None:
    """Checks that options are compatible, before anything is imported or read."""
    if args.tta and args.save:
        raise ValueError("--tta --save: a run records what it says of the photo alone; leave one of the two out")
    if args.without_bands and args.save:
        raise ValueError("--without-bands --save: a run records what it says with its bands; leave one of the two out")
    if args.unknown_kind and args.unknown_classes != "report":
        raise ValueError("--unknown-kind: photos of unknown classes are refused; add --unknown-classes report")
    if args.save and args.save_distances:
        raise ValueError("--save records the distances too; leave --save-distances out")
    if args.save_distances and (args.tta or args.without_bands):
        raise ValueError("--save-distances: a run records the photo alone, with its bands; leave the other option out")
    if args.split is not None and not args.split.strip():
        raise ValueError("--split is empty; name train, val or test, or leave the option out")
    if len({folder.resolve() for folder in args.data}) < len(args.data):
        raise ValueError(f"--data names a data set twice: {' '.join(map(str, args.data))}")


def _record(predictions: bool, run: "Run", split: str, result: "Evaluation") -> None:
    """Records predictions with their distances, or the distances alone."""
    from hvit.scoring.distances import record_distances
    from hvit.scoring.evaluation import record_evaluation

    if predictions and not result.samples:
        raise ValueError(
            f"run {run.name} knows no class of these photos, so there are no predictions to save; record how far "
            "they are from its training photos: --save-distances"
        )
    if predictions:
        record_evaluation(run.path, split, result)
    else:
        assert result.distances is not None  # a checkpoint without a detector was refused before
        record_distances(run, split, result.distances)
    print(f"recorded in {run.path}/eval/{split}", file=sys.stderr)


def _samples(folder: Path, split: str | None, early_stress: bool, notes: list[str]) -> "list[Sample]":
    from hvit.data.datasets.reading import of_split, read_samples

    samples = read_samples([folder], early_stress=early_stress, log=notes.append)
    if split is None and any(sample.split for sample in samples):
        split = "test"
    return of_split(samples, split, [folder]) if split else samples


def _left_out(document: dict[str, Any], num_samples: int) -> list[str]:
    """Lines that name the first ten unreadable photos."""
    unreadable = document.get("unreadable", {})
    if not unreadable:
        return []
    verb = "is" if len(unreadable) == 1 else "are"
    lines = [f"{len(unreadable)} of {counted(num_samples, 'photo')} cannot be read and {verb} left out:"]
    lines += [f"  {path}: {reason}" for path, reason in list(unreadable.items())[:NAMED_UNREADABLE]]
    if (rest := len(unreadable) - NAMED_UNREADABLE) > 0:
        lines.append(f"  and {rest} more; --json lists all")
    return lines


def _print(document: dict[str, Any], name: str) -> None:
    if not document["n"]:
        print(f"{name}: it knows the class of none of these photos, so there is nothing to score")
    else:
        print(f"{name} on {counted(document['n'], 'photo')}")
        low, high = document["top1_ci"]
        top1 = f"{100 * document['top1']:.1f} % (95 % interval {100 * low:.1f} to {100 * high:.1f})"
        print(f"  top-1               {top1}")
    for key, title in (
        ("top5", "top-5"),
        ("macro_f1", "macro-F1"),
        ("balanced_accuracy", "balanced accuracy"),
        ("coverage", "sets hold the class"),
        ("accepted", "accepted"),
        ("named", "named"),
        ("named_correct", "correct if named"),
    ):
        if document[key] is not None:
            print(f"  {title:<19} {100 * document[key]:.1f} %")
    for key, title in (("mean_set_size", "mean set size"), ("nll", "NLL"), ("ece", "ECE"), ("brier", "Brier score")):
        if document[key] is not None:
            print(f"  {title:<19} {document[key]:.3f}")
    if len(document["by_data"]) > 1:
        print("by data set, %")
        keys = ("top1", "coverage", "accepted", "named", "named_correct")
        rows = [[name, part["n"], *(_percent(part[key]) for key in keys)] for name, part in document["by_data"].items()]
        print_table(["", "n", "top-1", "coverage", "accepted", "named", "correct if named"], rows)
    if document.get("unknown"):
        print("classes the run does not know")
        rows = [[name, *counts.values()] for name, counts in document["unknown"].items()]
        print_table(["", *next(iter(document["unknown"].values()))], rows)


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f}"
