"""Measures robustness: predictions under sixteen corruptions at five strengths, and under adversarial attacks.

python -m training.stress --run leaf45-tiny --data data/field-256 data/plantvillage-160
python -m training.stress --run my-run --data my-photos --photos 100 --kinds defocus noise --baseline leaf45-tiny
torchrun --standalone --nproc-per-node=2 -m -- training.stress --run leaf45-tiny --data data/field-256
python -m training.stress --ladder --split val --photos 48 --data data/field-256 data/plantvillage-160

Writes eval/<split>/robustness.parquet and robustness.json into the run, in the place of those of before. A run that is
interrupted goes on where it was when the same command is given again. On the CPU, ONNX Runtime computes where the model
can be exported. Leaves are found by the segmentation head of the run where it has one, else by color; compare only runs
that were stressed with the same masks. Without the `--`, torchrun takes --run for an option of its own.
"""

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from hvit.console import Parser, at_least, positive, print_json, print_table
from hvit.data.corruptions import CORRUPTIONS, corruption_named
from hvit.data.corruptions.calibration import measured_ladder
from hvit.data.corruptions.ground import leaf_mask_from_color
from hvit.data.datasets.reading import DataError, Sample, log_nothing, log_to_stderr, read_samples, spelled_as
from hvit.data.leafsim import EARLY_STRESS, SCHEME
from hvit.runs import Run, find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.runs.layout import CHECKPOINTS
from hvit.scoring import robustness
from hvit.scoring.leaf_masks import BY_COLOR, run_that_segments, segmented_leaf_mask
from hvit.scoring.onnx_outputs import OnnxPredict
from hvit.scoring.predict import predict_pixels
from hvit.scoring.robustness_records import (
    COLUMNS,
    SEPARATOR,
    assembled_rows,
    read_robustness,
    record_robustness,
)
from hvit.scoring.stress import (
    Predict,
    working_copy,
)
from hvit.untrusted import read_parquet
from training.calibration.fitting import stratified
from training.command_line import reports_os_errors
from training.parallel.world import World, join_world
from training.stressing.parts import Plan, do_parts, read_photo

PHOTOS = 300
AUTO, ONNX, TORCH = "auto", "onnx", "torch"
BATCH_SIZES = {ONNX: 5, TORCH: 32}  # by ONNX Runtime, the five strengths of one photo: their sides are equal


@reports_os_errors("training.stress")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        if args.ladder:
            return _print_ladder(_chosen(args, None, log_to_stderr), args)
        if args.run is None:
            raise ValueError("--run is missing; name a run with weights, or measure the --ladder of photos without one")
        with join_world(args.device) as world:
            return _stress(args, world)
    except ValueError as error:
        print(f"training.stress: {error}", file=sys.stderr)
        return 2


def _stress(args: argparse.Namespace, world: World) -> int:
    run = find_run(args.run)
    checkpoint = load_checkpoint(run.path, world.device)
    baseline = None if args.baseline is None else _baseline(args.baseline, args.split)
    plan = _plan(run, checkpoint, args, world)
    do_parts(checkpoint, plan, world)
    world.barrier()
    if world.is_main:
        _finish(run, args, checkpoint, plan, baseline)
    world.barrier()
    return 0


def _plan(run: Run, checkpoint: Checkpoint, args: argparse.Namespace, world: World) -> Plan:
    segments = run_that_segments(checkpoint, args.leaf_masks)
    leaf_mask = leaf_mask_from_color if segments is None else segmented_leaf_mask(segments)
    masked_by = None if segments is None else segments.name
    samples = _chosen(args, checkpoint, log_to_stderr if world.is_main else log_nothing)
    kinds = tuple(corruption_named(name).name for name in dict.fromkeys(args.kinds or CORRUPTIONS))
    runtime = _runtime(args.runtime, checkpoint)
    size = args.batch_size or BATCH_SIZES[runtime]
    predict: Predict = partial(predict_pixels, checkpoint, batch_size=size)
    if runtime == ONNX:
        predict = OnnxPredict(checkpoint, size, torch.get_num_threads())
    digest = _digest(checkpoint, samples, kinds, args, masked_by, runtime)
    folder = run.path / CHECKPOINTS / f"stress-{args.split}-{digest}"
    return Plan(samples, kinds, args.attacks, args.seed, folder, leaf_mask, masked_by, runtime, predict)


def _runtime(asked: str, checkpoint: Checkpoint) -> str:
    """Selects the runtime: by `AUTO`, ONNX Runtime for a model on the CPU that takes photos alone."""
    able = checkpoint.device.type == "cpu" and checkpoint.spectral is None
    if asked == ONNX and not able:
        raise ValueError("--runtime onnx: ONNX Runtime computes on the CPU, for runs that take RGB alone; take torch")
    return (ONNX if able else TORCH) if asked == AUTO else asked


def _chosen(args: argparse.Namespace, checkpoint: Checkpoint | None, log: Callable[[str], None]) -> list[Sample]:
    """Selects the photos to stress, balanced over data sets and classes; those to attack come first.

    Raises:
        DataError: the run does not know a class.
    """
    split = None if args.split == "all" else args.split
    early_stress = checkpoint is not None and EARLY_STRESS in checkpoint.classes
    samples = read_samples(args.data, split, early_stress, log)
    if checkpoint is not None:
        samples = spelled_as(samples, checkpoint.classes)
        if unknown := sorted({sample.label for sample in samples} - set(checkpoint.classes)):
            raise DataError(
                f"run {checkpoint.name} does not know the class {unknown[0]}; name data sets of its classes"
            )
    samples = [samples[row] for row in stratified(samples, args.photos, args.seed)]
    attacked = stratified(samples, args.attacks, args.seed)
    others = sorted(set(range(len(samples))) - set(attacked))
    return [samples[row] for row in [*attacked, *others]]


def _digest(
    checkpoint: Checkpoint,
    samples: list[Sample],
    kinds: tuple[str, ...],
    args: argparse.Namespace,
    masked_by: str | None,
    runtime: str,
) -> str:
    """Hash of everything the predictions depend on: parts of another plan or calibration are not reused."""
    what = [
        checkpoint.card.to_dict(),
        kinds,
        args.attacks,
        args.seed,
        masked_by,
        runtime,
        [sample.relative for sample in samples],
    ]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]


def _finish(
    run: Run,
    args: argparse.Namespace,
    checkpoint: Checkpoint,
    plan: Plan,
    baseline: robustness.Robustness | None,
) -> None:
    """Joins the parts, records them with their scores, and removes them."""
    parts = [read_parquet(plan.part(chunk)) for chunk in plan.chunks()]
    columns = {name: [value for part in parts for value in part[name]] for name in COLUMNS}
    about = {
        "data": [_public_name(place) for place in args.data],
        "seed": args.seed,
        "attacked": min(args.attacks, len(plan.samples)),
        "leaf_masks": plan.masked_by,
        "runtime": plan.runtime,
        "weights_sha256": checkpoint.sha256,
    }
    document = robustness.summary(assembled_rows(run.name, args.split, columns), baseline) | about
    columns["prediction_set"] = [text.split(SEPARATOR) for text in columns["prediction_set"]]
    rows = [dict(zip(columns, values)) for values in zip(*columns.values())]
    record_robustness(run.path, args.split, rows, document)
    shutil.rmtree(plan.folder)
    if args.json:
        print_json(document)
    else:
        _print(document)


def _baseline(name: str, split: str) -> robustness.Robustness:
    run = find_run(name)
    found = read_robustness(run, split)
    if found is None:
        raise ValueError(f"run {run.name} has no robustness on {split} to compare with; stress it first")
    return found


def _print(document: dict) -> None:
    clean, errors = document["clean"], document.get("baseline")
    print(
        f"{document['run']}, {document['n']} photos of {document['split']}: top-1 {_percent(clean['top1'])} %, "
        f"named {_percent(clean['named'])} %, correct if named {_percent(clean['named_correct'])} %"
    )
    header = ["top-1 %", "1", "2", "3", "4", "5", "named at 5 %", "correct if named %", "covered %"]
    rows = []
    for kind, cells in [("mean", document["mean"][1:]), *document["kinds"].items()]:
        last = cells[-1] if cells else None
        if last is None:
            continue
        shares = [_percent(last[name]) for name in ("named", "named_correct", "coverage")]
        rows.append([kind, *(_percent(cell["top1"]) for cell in cells), *shares])
        if errors:
            rows[-1].append("" if kind not in errors["by_kind"] else _number(errors["by_kind"][kind]))
    print_table(header + (["CE"] if errors else []), rows)
    if errors:
        mean, relative = _number(errors["mean"]), _number(errors["relative_mean"])
        print(f"mCE relative to {errors['run']}: {mean}, relative mCE: {relative}")


def _print_ladder(samples: list[Sample], args: argparse.Namespace) -> int:
    """Prints the mean SSIM and PSNR of the corruptions on photos; nothing is recorded."""
    photos = [working_copy(read_photo(sample).pixels) for sample in samples]
    kinds = [corruption_named(name) for name in args.kinds or CORRUPTIONS]
    found = {kind.name: measured_ladder(kind, photos, args.seed) for kind in kinds}
    if args.json:
        print_json({"n": len(photos), "ladder": found})
        return 0
    header = ["", "ladder", *(f"SSIM {strength}" for strength in range(1, 6)), *(f"PSNR {i}" for i in range(1, 6))]
    rows = [
        [
            kind.name,
            kind.ladder,
            *(f"{x:.2f}" for x in found[kind.name]["ssim"]),
            *(f"{x:.1f}" for x in found[kind.name]["psnr"]),
        ]
        for kind in kinds
    ]
    print_table(header, rows)
    return 0


def _public_name(place: Path) -> str:
    """Name of a data set without machine-specific folders."""
    return place.as_posix() if place.as_posix().startswith(SCHEME) else place.resolve().name


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="training.stress", description=__doc__.split("\n", 1)[0], epilog=__doc__.split("\n", 2)[2])
    parser.add_argument("--run", help="path or name of a run with weights")
    parser.add_argument("--data", nargs="+", type=Path, required=True, metavar="DIR", help="data sets")
    parser.add_argument("--split", default="test", metavar="NAME", help="train, val, test or all (default test)")
    parser.add_argument(
        "--photos", type=positive, default=PHOTOS, metavar="N", help=f"spread over classes (default {PHOTOS})"
    )
    parser.add_argument(
        "--kinds", nargs="+", metavar="KIND", help=f"corruptions (default all): {', '.join(CORRUPTIONS)}"
    )
    parser.add_argument(
        "--attacks", type=at_least(0), default=0, metavar="N", help="photos attacked by FGSM and PGD too (default 0)"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="of all random numbers (default 0)")
    parser.add_argument("--baseline", metavar="RUN", help="a stressed run that corruption errors are relative to")
    parser.add_argument(
        "--leaf-masks",
        metavar="RUN",
        help=f"a run whose segmentation head finds the leaf, or {BY_COLOR} (default: the run itself where it has one)",
    )
    parser.add_argument("--ladder", action="store_true", help="print SSIM and PSNR at each strength, and end")
    parser.add_argument(
        "--runtime", choices=[AUTO, ONNX, TORCH], default=AUTO, help="what computes (default onnx, if it can)"
    )
    parser.add_argument(
        "--batch-size",
        type=positive,
        metavar="N",
        help="pictures together (default 5, with torch 32)",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
