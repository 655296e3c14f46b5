"""Audits shortcuts of a run: what it answers without color, detail, leaf or background, and where it looks.

python -m training.audit --run leaf45-tiny --data data/plantvillage-160 data/field-256
python -m training.audit --run my-run --data my-photos --split val --photos 300 --leaf-masks leaf45-tiny --json

Writes eval/<split>/audit.json into the run. Leaves are found by the segmentation head of the run, or of another
(--leaf-masks), where there is one, else by color; drawn leaves have exact masks. Photos whose leaf cannot be separated
are left out of the rows that need one. The best method of the recorded tests of explanations (`training.explain`) says
where the run looks. The laboratory-to-field transfer is read off the recorded predictions, and the corners off the
report of `hvit data check`, where the run has them.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from hvit.console import Parser, positive, print_json, print_table, progress
from hvit.data import cues
from hvit.data.corruptions import corrupt, sample_index
from hvit.data.corruptions.ground import leaf_mask_from_color
from hvit.data.datasets.reading import DataError, RenderedSample, Sample, read_samples, spelled_as
from hvit.data.inspection.check import recorded_check
from hvit.data.invalid_photo import InvalidPhotoError
from hvit.data.leafsim import EARLY_STRESS, Address, render
from hvit.data.photos import Photo
from hvit.device import chosen_device
from hvit.explain.ranking import best_method
from hvit.runs import Run, find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.runs.predictions import read_predictions
from hvit.scoring import audit, audit_rows, audit_words
from hvit.scoring.explained_regions import explained_regions
from hvit.scoring.leaf_masks import BY_COLOR, LeafMasks, run_that_segments, segmented
from hvit.scoring.predict import predict_pixels
from training.calibration.fitting import stratified
from training.command_line import reports_os_errors

PHOTOS, SEED = 800, 0
WHOLE_BACKGROUND = 5  # strength of the corruption "background"
ORIENTATION, QUARTER_TURNED = 0x0112, 5  # the tag of EXIF, and its values from which height and width change places
Change = Callable[[int], np.ndarray]


@reports_os_errors("training.audit")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        run = find_run(args.run)
        checkpoint = load_checkpoint(run.path, chosen_device(args.device))
        segments = run_that_segments(checkpoint, args.leaf_masks)
        samples, training = _chosen(checkpoint, args.data, args.split, args.photos)
        found = audit_run(run, checkpoint, samples, args.split, args.batch_size, training, segments)
        audit.record_audit(run, args.split, found)
    except ValueError as error:
        print(f"training.audit: {error}", file=sys.stderr)
        return 2
    if args.json:
        print_json({"run": run.name, "split": args.split} | found.to_dict())
    else:
        _print(run, found)
    return 0


def _chosen(checkpoint: Checkpoint, dirs: list[Path], split: str, count: int) -> tuple[list[Sample], list[Sample]]:
    """Photos of the classes of the run, sampled evenly over data sets and classes; and all training photos."""
    samples = spelled_as(read_samples(dirs, early_stress=EARLY_STRESS in checkpoint.classes), checkpoint.classes)
    if unknown := sorted({sample.label for sample in samples} - set(checkpoint.classes)):
        raise DataError(
            f"run {checkpoint.name} does not know the class {unknown[0]}; name data sets of its own classes"
        )
    training = [sample for sample in samples if sample.split == "train"] if split != "train" else []
    if any(sample.split for sample in samples):
        samples = [sample for sample in samples if sample.split == split]
    if not samples:
        raise DataError(f"{', '.join(map(str, dirs))}: no photos in split {split!r}")
    return [samples[i] for i in stratified(samples, count, SEED)], training


@dataclass(frozen=True)
class Photos:
    """The photos of an audit, decoded, with their masks."""

    samples: Sequence[Sample]
    pixels: list[np.ndarray]
    masks: list[LeafMasks]
    indices: list[int]
    labels: np.ndarray

    @property
    def usable(self) -> np.ndarray:
        """Rows of photos whose leaf can be separated."""
        return np.flatnonzero([masks.problem is None for masks in self.masks])


def audit_run(
    run: Run,
    checkpoint: Checkpoint,
    samples: Sequence[Sample],
    split: str,
    batch_size: int = 32,
    training: Sequence[Sample] = (),
    segments: Checkpoint | None = None,
) -> audit.Audit:
    """Compares predictions on photos with one cue removed at a time with those on the original photos.

    Args:
        split: of the recorded predictions that the laboratory-to-field transfer is read from.
        training: photos that the classifier of proportions learns from; without any, it is left out.
        segments: the run whose segmentation head finds leaves; None for color.
    Raises:
        DataError: a photo cannot be read.
    """
    photos = _photos(checkpoint, samples, segments)
    rows = _cues(checkpoint, photos, batch_size)
    files = [sample for sample in training if not isinstance(sample, RenderedSample)]
    if files and not any(isinstance(sample, RenderedSample) for sample in samples):
        number = {name: k for k, name in enumerate(checkpoint.classes)}
        sides = np.array([pixels.shape[:2] for pixels in photos.pixels])
        learned = np.array([_sides(sample) for sample in files])
        rows.append(audit.aspect_cue(sides, photos.labels, learned, np.array([number[s.label] for s in files])))
    if control := (recorded_check(run) or {}).get("background_control"):
        rows.append(audit.corners_cue(control))
    predictions, usable = read_predictions(run, split), photos.usable
    transfer = [] if predictions is None else audit.measure_transfer(predictions, run.field_sets)
    method = best_method(run)
    regions: tuple[audit_rows.AttributionShare, ...] = ()
    if method is not None:
        chosen = [(photos.pixels[i], photos.masks[i]) for i in usable]
        regions = explained_regions(checkpoint, method, chosen, progress("explanations"))
    name = None if segments is None else segments.name
    return audit.Audit(len(samples), len(usable), checkpoint.sha256, tuple(rows), tuple(transfer), name, regions)


def _photos(checkpoint: Checkpoint, samples: Sequence[Sample], segments: Checkpoint | None) -> Photos:
    find = masks_by_color if segments is None else segmented(segments)
    read, masks, show = [], [], progress("masks")
    for number, sample in enumerate(samples):
        photo = _read(sample)
        if isinstance(sample, RenderedSample):
            leaf = render(Address.parse(sample.relative), sample.size)
            masks.append(LeafMasks(leaf.leaf_mask, leaf.symptom_mask, None))
        else:
            masks.append(find(photo.pixels))
        read.append(photo)
        show(number + 1, len(samples))
    indices = [sample_index(photo.sha256) for photo in read]
    labels = np.array([checkpoint.classes.index(sample.label) for sample in samples])
    return Photos(samples, [photo.pixels for photo in read], masks, indices, labels)


def masks_by_color(pixels: np.ndarray) -> LeafMasks:
    """Masks of a photo (H, W, 3) uint8 without a segmentation head: no symptoms are found."""
    leaf = leaf_mask_from_color(pixels)
    problem = None if cues.is_single_leaf(leaf) else "color finds no single leaf"
    return LeafMasks(leaf, None, problem)


def _cues(checkpoint: Checkpoint, photos: Photos, batch_size: int) -> list[audit_rows.Cue]:
    pixels, everywhere, usable = photos.pixels, np.arange(len(photos.samples)), photos.usable
    leaves = {int(i): photos.masks[i].single_leaf for i in usable}
    changes: dict[str, tuple[np.ndarray, Change]] = {
        audit_rows.GREY: (everywhere, lambda i: cues.grey(pixels[i])),
        audit_rows.LOW_PASS: (everywhere, lambda i: cues.low_pass(pixels[i])),
        audit_rows.ASPECT: (everywhere, lambda i: cues.stretched(pixels[i])),
        audit_rows.LEAF_ONLY: (usable, lambda i: cues.leaf_only(pixels[i], leaves[i])),
        audit_rows.BACKGROUND_ONLY: (usable, lambda i: cues.background_only(pixels[i], leaves[i])),
        audit_rows.ANOTHER_BACKGROUND: (
            usable, lambda i: _another_background(pixels[i], leaves[i], photos.indices[i]),
        ),
    }  # fmt: skip
    show, total = progress("photos"), len(everywhere) + sum(len(rows) for rows, _ in changes.values())

    def correct(rows: np.ndarray, change: Change, done: int) -> np.ndarray:
        def seen() -> Iterator[np.ndarray]:
            for k, i in enumerate(rows):
                yield change(int(i))
                show(done + k + 1, total)

        predicted: np.ndarray = predict_pixels(checkpoint, seen(), batch_size).logits.argmax(1)
        return predicted == photos.labels[rows]

    clean, done, found = correct(everywhere, lambda i: pixels[i], 0), len(everywhere), []
    for name, (rows, change) in changes.items():
        if len(rows):
            found.append(audit.measure_cue(name, clean[rows], correct(rows, change, done), photos.labels[rows]))
        done += len(rows)
    return found


def _sides(sample: Sample) -> tuple[int, int]:
    """Height and width of a photo from its header, upright."""
    try:
        with Image.open(sample.path) as image:
            turned = image.getexif().get(ORIENTATION, 1) >= QUARTER_TURNED
            return image.size if turned else (image.height, image.width)
    except OSError as error:
        raise DataError(f"{sample.path} cannot be read: {error}") from None


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
    print(
        f"{run.name}, {found.n} photos, {found.masked} with a leaf that can be separated, "
        f"by {'color' if found.leaf_masks is None else 'the segmentation head of ' + found.leaf_masks}"
    )
    rows = [
        [audit_rows.TITLES[cue.name], cue.n, _percent(cue.top1), _percent(cue.clean_top1), _percent(cue.lost)]
        for cue in found.cues
    ]
    print_table(["", "n", "top-1 %", "as they are %", "of the right lost %"], rows)
    for cue in found.cues:
        print(f"- {audit_words.meaning(cue)}")
    for share in found.attribution:
        print(f"- {audit_words.attribution_meaning(share)}")
    for row in found.transfer:
        print(f"- {audit_words.transfer_meaning(row)}")
    if not found.attribution and best_method(run) is None:
        print(
            f"Where it looks is not measured: first test its explanations, python -m training.explain --run {run.name}"
        )


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
    parser.add_argument(
        "--leaf-masks",
        metavar="RUN",
        help=f"a run whose segmentation head finds the leaf, or {BY_COLOR} (default: the run itself where it has one)",
    )
    parser.add_argument("--batch-size", type=positive, default=32, metavar="N")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
