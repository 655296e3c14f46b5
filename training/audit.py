"""Audits shortcuts of a run: its predictions without color, without detail, stretched, without leaf or background.

python -m training.audit --run leaf45-tiny --data data/plantvillage-160 data/field-256
python -m training.audit --run my-run --data my-photos --split val --photos 300 --json

Writes eval/<split>/audit.json into the run. Leaf masks are found by color; photos whose leaf cannot be separated so are
left out of the rows that need one. The laboratory-to-field transfer is read off the recorded predictions, and the
corners off the report of `hvit data check`, where the run has them.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from hvit.console import Parser, positive, print_json, print_table, progress
from hvit.data import cues
from hvit.data.corruptions import corrupt, sample_index
from hvit.data.corruptions.ground import leaf_mask_from_color
from hvit.data.datasets.reading import DataError, Sample, read_samples, spelled_as
from hvit.data.inspection.check import recorded_check
from hvit.data.invalid_photo import InvalidPhotoError
from hvit.data.leafsim import EARLY_STRESS
from hvit.data.photos import Photo
from hvit.device import chosen_device
from hvit.runs import Run, find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.runs.predictions import read_predictions
from hvit.scoring import audit
from hvit.scoring.evaluation import predict_pixels
from training.calibrate import stratified
from training.command_line import reports_os_errors

PHOTOS, SEED = 800, 0
WHOLE_BACKGROUND = 5  # strength of the corruption "background"
Change = Callable[[int], np.ndarray]


@reports_os_errors("training.audit")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        run = find_run(args.run)
        checkpoint = load_checkpoint(run.path, chosen_device(args.device))
        samples = _chosen(checkpoint, args.data, args.split, args.photos)
        found = audit_run(run, checkpoint, samples, args.split, args.batch_size)
        audit.record_audit(run, args.split, found)
    except ValueError as error:
        print(f"training.audit: {error}", file=sys.stderr)
        return 2
    if args.json:
        print_json({"run": run.name, "split": args.split} | found.to_dict())
    else:
        _print(run, found)
    return 0


def _chosen(checkpoint: Checkpoint, dirs: list[Path], split: str, count: int) -> list[Sample]:
    """Photos of the classes of the run, sampled evenly over data sets and classes."""
    samples = read_samples(dirs, early_stress=EARLY_STRESS in checkpoint.classes)
    if any(sample.split for sample in samples):
        samples = [sample for sample in samples if sample.split == split]
    samples = spelled_as(samples, checkpoint.classes)
    if unknown := sorted({sample.label for sample in samples} - set(checkpoint.classes)):
        raise DataError(
            f"run {checkpoint.name} does not know the class {unknown[0]}; name data sets of its own classes"
        )
    if not samples:
        raise DataError(f"{', '.join(map(str, dirs))}: no photos in split {split!r}")
    return [samples[i] for i in stratified(samples, count, SEED)]


def audit_run(
    run: Run, checkpoint: Checkpoint, samples: Sequence[Sample], split: str, batch_size: int = 32
) -> audit.Audit:
    """Compares predictions on photos with one cue removed at a time with those on the original photos.

    Args:
        split: of the recorded predictions that the laboratory-to-field transfer is read from.
    Raises:
        DataError: a photo cannot be read.
    """
    photos = [_read(sample) for sample in samples]
    pixels, indices = [photo.pixels for photo in photos], [sample_index(photo.sha256) for photo in photos]
    labels = np.array([checkpoint.classes.index(sample.label) for sample in samples])
    masks = [leaf_mask_from_color(image) for image in pixels]
    usable = np.array([cues.is_single_leaf(mask) for mask in masks])
    everywhere = np.arange(len(samples))
    changes: dict[str, tuple[np.ndarray, Change]] = {
        audit.GREY: (everywhere, lambda i: cues.grey(pixels[i])),
        audit.LOW_PASS: (everywhere, lambda i: cues.low_pass(pixels[i])),
        audit.ASPECT: (everywhere, lambda i: cues.stretched(pixels[i])),
        audit.LEAF_ONLY: (np.flatnonzero(usable), lambda i: cues.leaf_only(pixels[i], masks[i])),
        audit.BACKGROUND_ONLY: (np.flatnonzero(usable), lambda i: cues.background_only(pixels[i], masks[i])),
        audit.ANOTHER_BACKGROUND: (
            np.flatnonzero(usable), lambda i: _another_background(pixels[i], masks[i], indices[i]),
        ),
    }  # fmt: skip
    show, total = progress("photos"), len(samples) + sum(len(rows) for rows, _ in changes.values())

    def correct(rows: np.ndarray, change: Change, done: int) -> np.ndarray:
        def seen() -> Iterator[np.ndarray]:
            for k, i in enumerate(rows):
                yield change(int(i))
                show(done + k + 1, total)

        predicted: np.ndarray = predict_pixels(checkpoint, seen(), batch_size).logits.argmax(1)
        return predicted == labels[rows]

    clean, done, rows_of = correct(everywhere, lambda i: pixels[i], 0), len(samples), []
    for name, (rows, change) in changes.items():
        if len(rows):
            rows_of.append(audit.measure_cue(name, clean[rows], correct(rows, change, done), labels[rows]))
        done += len(rows)
    control = (recorded_check(run) or {}).get("background_control")
    if control:
        rows_of.append(audit.corners_cue(control))
    predictions = read_predictions(run, split)
    transfer = [] if predictions is None else audit.measure_transfer(predictions, run.field_sets)
    return audit.Audit(len(samples), int(usable.sum()), checkpoint.sha256, tuple(rows_of), tuple(transfer))


def _read(sample: Sample) -> Photo:
    try:
        return sample.read()
    except InvalidPhotoError as error:
        raise DataError(f"{sample.path} cannot be read: {error}") from None


def _another_background(image: np.ndarray, mask: np.ndarray, index: int) -> np.ndarray:
    changed = corrupt(image[None], "background", WHOLE_BACKGROUND, SEED, [index], mask[None])
    single: np.ndarray = changed[0]
    return single


def _print(run: Run, found: audit.Audit) -> None:
    print(f"{run.name}, {found.n} photos, {found.masked} with a leaf that can be separated")
    rows = [
        [audit.TITLES[cue.name], cue.n, _percent(cue.top1), _percent(cue.clean_top1), _percent(cue.lost)]
        for cue in found.cues
    ]
    print_table(["", "n", "top-1 %", "as they are %", "of the right lost %"], rows)
    for cue in found.cues:
        print(f"- {audit.meaning(cue)}")
    for row in found.transfer:
        print(f"- {audit.transfer_meaning(row)}")


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f}"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="training.audit", description=__doc__.split("\n", 1)[0], epilog=__doc__.split("\n", 2)[2])
    parser.add_argument("--run", required=True, help="path or name of a run with weights")
    parser.add_argument("--data", nargs="+", type=Path, required=True, metavar="DIR", help="data sets of its classes")
    parser.add_argument("--split", default="test", choices=["train", "val", "test"], help="of them (default test)")
    parser.add_argument(
        "--photos", type=positive, default=PHOTOS, metavar="N", help=f"at most, over all classes (default {PHOTOS})"
    )
    parser.add_argument("--batch-size", type=positive, default=32, metavar="N")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
