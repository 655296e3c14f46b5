"""Trains a linear head on the frozen backbone of another run, with your own photos, in a minute.

python -m training.quick my-photos --run leaf45-tiny
"""

import copy
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hvit.calibration import fit_temperature, softmax
from hvit.console import Parser, at_least, escape_unprintable, print_json, print_table, progress
from hvit.data.caching.photo_cache import data_fingerprint
from hvit.device import chosen_device
from hvit.models import HViT
from hvit.rejection import OodDetector
from hvit.rejection.neighbors import NearestNeighbors
from hvit.runs import DEFAULT_RUN, INFO, RunError, RunWriter, find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.runs.layout import LEARNING_CURVE, in_split
from hvit.runs.results import record_results
from hvit.runs.saving import save_checkpoint
from hvit.scoring.evaluation import Evaluation, record_evaluation
from hvit.scoring.model_outputs import ModelOutputs
from hvit.scoring.scores import score
from hvit.words import PLANTS_UNKNOWN
from training.calibration.conformal import CalibrationSet, ChosenLevel, choose_level, supported_levels
from training.calibration.unknown_classes import rejection_threshold
from training.frozen_features.cross_validation import FOLDS, CrossValidation, cross_validate
from training.frozen_features.learning_curve import Gain, gain_of_twice
from training.frozen_features.linear_head import C, LinearHead
from training.inputs.datasets import write_roles
from training.inputs.own_photos import OwnPhotos, extract_features, list_own_photos
from training.inputs.random_streams import uniform

SPLIT = "cv"  # under eval/: out-of-fold predictions
ALPHAS = (0.1, 0.05, 0.02)  # of the prediction sets, the mildest first
MOST_REFERENCE = 6000  # photos that the out-of-distribution detector is fitted to
REFERENCE = 4100  # random stream
EXAMPLES = """examples:
  python -m training.quick my-photos
  python -m training.quick my-photos --run leaf45-tiny --run-dir runs/my-leaves
  python -m training.quick my-photos --group-from 'plant(\\d+)'
  python -m training.quick my-photos --groups-csv plants.csv --json
  python -m training.quick leafsim:v1/7/0-299

DIR holds a folder a class (my-photos/Tomato___Late_blight/*.jpg), or is a CSV file with the columns path, label and, if
plants are known, group. Where it has train, val and test, test is left alone. Nothing is written into it.
"""


def main(argv: list[str] | None = None) -> int:
    escape_unprintable()
    args = _parser().parse_args(argv)
    try:
        result = quick(args, lambda line: print(line, file=sys.stderr, flush=True))
    except ValueError as error:
        print(f"training.quick: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"training.quick: {error.filename or 'a file'}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ntraining.quick: stopped", file=sys.stderr)
        return 130
    if args.json:
        print_json(result)
    else:
        _print(result)
    return 0


def quick(args, log: Callable[[str], None] = lambda line: None) -> dict:
    """Reads photos, cross-validates heads, fits one to all photos, and writes the run.

    Args:
        args: of the command line.
        log: called with progress messages.
    Returns:
        The document of `--json`.
    Raises:
        ValueError: an error in the photos, the run or the output folder.
    """
    began = time.monotonic()
    samples, known, warnings = list_own_photos(args.place, args.group_from, args.groups_csv)
    run_dir = args.run_dir or Path("runs") / samples[0].source
    _check_overwrite(run_dir, samples[0].root)
    parent = load_checkpoint(find_run(args.run_name).path, chosen_device(args.device), headless=True)
    if parent.takes_bands:
        raise RunError(f"run {parent.name} takes spectral bands, which are not read here; choose another --run")
    log(f"{len(samples)} photos seen through {parent.name}")
    photos = extract_features(parent, samples, known, warnings, progress("photos"))
    for warning in photos.warnings:
        log(f"warning: {warning}")
    writer = RunWriter(
        run_dir,
        "finetune",
        _config(args, parent),
        args.seed,
        sys.argv,
        data_fingerprint(photos.samples, photos.sha256),
        parent=parent.name,
        plants_known=photos.plants_known,
        tags=["quick"],
        device=str(parent.device),
    )
    try:
        with writer.beating():
            summary, document, gain = _write_run(writer, parent, photos, args.seed)
    except BaseException:
        writer.finish("failed", {})
        raise
    return {
        "run": run_dir.resolve().name,
        "path": str(run_dir),
        "seconds": time.monotonic() - began,
        "warnings": photos.warnings,
        "plants_known": photos.plants_known,
        "summary": summary,
        "top1_ci": document["top1_ci"],
        "per_class": document["per_class"],
        "twice": gain.sentence(),
        "twice_unknown": gain.reason,
    }


def _check_overwrite(run_dir: Path, photos: Path) -> None:
    if (run_dir / INFO).exists():
        raise RunError(f"{run_dir} holds a run already; choose another --run-dir")
    if run_dir.exists() and (not run_dir.is_dir() or any(run_dir.iterdir())):
        raise RunError(f"{run_dir} is there already and not an empty folder; choose another --run-dir")
    if photos.is_dir() and run_dir.resolve().is_relative_to(photos.resolve()):
        raise RunError(f"{run_dir} lies among the photos, where nothing is written; choose another --run-dir")


def _config(args, parent: Checkpoint) -> dict:
    """The resolved configuration of the run."""
    return {
        "data": {
            "dirs": [args.place.as_posix()],
            "group_from": args.group_from,
            "groups_csv": None if args.groups_csv is None else args.groups_csv.as_posix(),
        },
        "init": parent.name,
        "init_sha256": parent.sha256,
        "model": {"name": parent.card.architecture, "frozen": True},
        "serve_img_size": parent.preprocessing.img_size,
        "head": {"kind": "logistic regression", "C": C, "standardize": True},
        "folds": FOLDS,
        "seed": args.seed,
    }


def _write_run(writer: RunWriter, parent: Checkpoint, photos: OwnPhotos, seed: int) -> tuple[dict, dict, Gain]:
    """Writes the run; returns its summary, scores and the gain of twice the photos."""
    run_dir, labels = writer.path, photos.labels
    validated = cross_validate(photos, seed, progress("learning curve"))
    temperature = fit_temperature(validated.logits, labels)
    sources = np.array([sample.source for sample in photos.samples])
    threshold = rejection_threshold(validated.strangeness, sources)
    accepted = validated.strangeness <= threshold
    alphas = supported_levels(ALPHAS, len(labels)) or ALPHAS[:1]
    probs = softmax(validated.logits, temperature)
    level = choose_level(CalibrationSet(probs, labels, photos.groups, sources, accepted, photos.classes), alphas)
    save_checkpoint(
        run_dir,
        _with_head(parent.model, LinearHead.fit(photos.embeddings, labels, len(photos.classes))),
        parent.card.architecture,
        dict(parent.card.arguments) | {"num_classes": len(photos.classes)},
        photos.classes,
        parent.preprocessing,
        writer.info.data_fingerprint,
        parent.card.licences,  # the backbone learned from those data; whose the new photos are, their owner knows
        temperature=temperature,
        conformal=level.to_record(),
        ood=OodDetector(_neighbors(photos, seed), threshold),
        spectral=parent.spectral,
        pretrained=parent.card.pretrained,
        half=False,  # the head is then the fitted one to the last digit that counts
    )
    checkpoint = load_checkpoint(run_dir)
    held_out = ModelOutputs(validated.logits, photos.stage_features, photos.sha256)
    # All photos are in the detector's reference set, so their out-of-distribution scores are not meaningful.
    document = score(replace(checkpoint, ood=None), held_out, labels) | {"accepted": float(accepted.mean())}
    gain = gain_of_twice(validated.curve, photos.groups, seed)
    twice = {"gain": gain.gain, "low": gain.low, "high": gain.high, "unknown": gain.reason}
    write_roles(run_dir, photos.samples, photos.sha256, [f"fold {fold + 1}" for fold in validated.folds])
    summary = _summary(document, validated, photos, temperature, level, gain)
    writer.finish("done", summary | {"serve_img_size": parent.preprocessing.img_size})
    record_results(run_dir, {in_split(SPLIT, LEARNING_CURVE): {"points": validated.curve.rows(), "twice": twice}})
    record_evaluation(run_dir, SPLIT, Evaluation(document, photos.samples, held_out))
    return writer.info.summary, document, gain


def _with_head(backbone: HViT, head: LinearHead) -> HViT:
    model = copy.deepcopy(backbone)
    head.put_into(model)
    return model


def _neighbors(photos: OwnPhotos, seed: int) -> NearestNeighbors:
    keys = uniform(seed, np.arange(len(photos.samples)), 1, REFERENCE)[:, 0]
    chosen = np.sort(np.argsort(keys, kind="stable")[:MOST_REFERENCE])
    return NearestNeighbors.fit([stage[chosen] for stage in photos.stage_features])


def _summary(
    document: dict, validated: CrossValidation, photos: OwnPhotos, temperature: float, level: ChosenLevel, gain: Gain
) -> dict:
    """Summary of the run, numbers only; those of each class are in eval/cv/metrics.json."""
    low, high = document["top1_ci"]
    return {
        "cv_n": document["n"],
        "cv_groups": int(photos.groups.max() + 1),
        "cv_folds": int(validated.folds.max() + 1),
        "cv_top1": document["top1"],
        "cv_top1_low": low,
        "cv_top1_high": high,
        "cv_macro_f1": document["macro_f1"],
        "cv_nll": document["nll"],
        "cv_ece": document["ece"],
        "twice_gain": gain.gain,
        "twice_low": gain.low,
        "twice_high": gain.high,
        "temperature": temperature,
        "alpha": level.alpha,
        "errors_not_named": level.errors_not_named,
    }


def _print(result: dict) -> None:
    summary, (low, high) = result["summary"], result["top1_ci"]
    print_table(
        ["class", "photos", "found %", "right when named %"],
        [
            [name, row["n"], _rounded(row["recall"]), _rounded(row["precision"])]
            for name, row in result["per_class"].items()
        ],
    )
    counted = f"{summary['cv_n']} photos in {summary['cv_groups']} groups"
    print(
        f"\n{100 * summary['cv_top1']:.1f} % of {counted} correct "
        f"when held out (95 %: {100 * low:.1f} to {100 * high:.1f}); macro-F1 {100 * summary['cv_macro_f1']:.1f} %"
    )
    if result["twice"]:
        print(result["twice"])
    if not result["plants_known"]:
        print(PLANTS_UNKNOWN)
    print(f"{result['path']}, {result['seconds']:.0f} s; {_how_to_open(Path(result['path']))}")


def _how_to_open(run_dir: Path) -> str:
    """How to see a run in the dashboard, which lists those in `runs`."""
    if run_dir.resolve().parent == Path("runs").resolve():
        return "open it with: make app"
    return "the dashboard lists the runs in runs/: move it there, then open it with: make app"


def _rounded(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f}"


def _parser() -> Parser:
    parser = Parser(
        prog="training.quick",
        description="Make a run of your own photos in a minute: frozen features and logistic regression.",
        epilog=EXAMPLES,
    )
    parser.add_argument(
        "place", type=Path, metavar="DIR", help="photos in a folder a class, a CSV file, or rendered leaves"
    )
    parser.add_argument(
        "--run", dest="run_name", default=DEFAULT_RUN, metavar="RUN", help="whose backbone sees (default %(default)s)"
    )
    plants = parser.add_mutually_exclusive_group()
    plants.add_argument("--group-from", metavar="PATTERN", help="regular expression that finds the plant in a path")
    plants.add_argument("--groups-csv", type=Path, metavar="FILE", help="table of the plants: columns path and group")
    parser.add_argument(
        "--run-dir",
        "--out",
        type=Path,
        metavar="DIR",
        help="folder to write (default runs/<name of the photos' folder>)",
    )
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="S", help="of the folds (default 0)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="default auto")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
