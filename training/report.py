"""Writes docs/results.md: tables of the test results of runs.

python -m training.report --run runs/leaf45-tiny runs/leafsim-tiny --photos data --strange data/not-leaf
python -m training.report --run runs/leaf45-tiny --photos data --strange data/not-leaf data/green-not-crop-192
    data/other-leaves-160 data/apple-atldsd-256
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np

from hvit.calibration import softmax
from hvit.console import Parser, progress
from hvit.data.datasets.reading import RENDER_PX, Sample, read_samples, readers
from hvit.data.inspection.check import background_control
from hvit.data.leafsim import SCHEME, Address, plan, render
from hvit.data.leafsim.plan import HEALTHY
from hvit.processes import run_in_order, suggested_workers
from hvit.runs import Run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.runs.predictions import read_prediction_columns
from hvit.scoring.metrics import confusion_matrix, macro_f1, per_class, wilson
from hvit.scoring.predict import predict_pixels
from hvit.verdicts import verdicts
from hvit.words import PLANTS_UNKNOWN
from training.command_line import reports_os_errors
from training.tables.verdicts import (
    accepted_by_data,
    coverage_by_data,
    percent,
    predict_with_progress,
    prediction_sets,
    rounded,
    unknown_kinds,
)

RESAMPLES = 2000
COFFEE, LABORATORY = "coffee-leaf-256", "plantvillage-160"
CONTROL_LEAVES = 4000  # rendered again for the background control
SEVERITIES = (0.0, 0.02, 0.05, 0.1, 0.25, 1.0)  # ends of the bins


@reports_os_errors("training.report")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        pages = [report(run, args.photos, args.strange) for run in args.run]
    except ValueError as error:
        print(f"training.report: {error}", file=sys.stderr)
        return 2
    runs = " ".join(f"runs/{run.resolve().name}" for run in args.run)
    strange = " ".join(f"data/{folder.resolve().name}" for folder in args.strange)
    command = f"python -m training.report --run {runs} --strange {strange}"
    args.out.write_text(f"# Results\n\nWritten by `{command}`.\n\n" + "\n".join(pages), encoding="utf-8")
    print(args.out)
    return 0


def report(run_dir: Path, photos: Path, strange: list[Path]) -> str:
    """Markdown of the recorded test predictions of a run, and of its photos where a figure needs pixels.

    Args:
        run_dir: a finished run with eval/test.
        photos: folder with the run's data sets by name; not needed for rendered leaves.
        strange: data sets of unknown classes, with a test split.
    Raises:
        ValueError: the run has no recorded test predictions, or photos are missing.
    """
    checkpoint, run = load_checkpoint(run_dir), Run(run_dir)
    table = read_prediction_columns(run, "test")
    if table is None:
        command = f"python -m hvit evaluate --run {run_dir} --data DIR ... --save"
        raise ValueError(f"{run.name} has no test predictions; record them: {command}")
    classes = list(checkpoint.classes)
    labels = np.array([classes.index(name) for name in table["label"]])
    probs = softmax(np.stack(table["logits"]), checkpoint.temperature)
    samples = read_samples(_places(run, table["path"], photos))
    tested = _tested(samples, table["path"])
    packs = np.array([sample.source for sample in tested])
    found = predict_with_progress(checkpoint, tested)
    found_verdicts = verdicts(checkpoint, probs, found.stage_features, found.photo_logits)
    drawn = np.array([path.startswith(SCHEME) for path in table["path"]])
    sections = [made_by(run), _accuracy(probs, labels, packs, samples)]
    if drawn.any():
        addresses = [Address.parse(path) for path in np.array(table["path"])[drawn]]
        sections += [
            _conditions(probs[drawn], labels[drawn], classes),
            _severities(addresses, (probs.argmax(1) == labels)[drawn]),
        ]
    sections += [
        prediction_sets(checkpoint, probs, labels, found_verdicts),
        coverage_by_data(checkpoint, probs, labels, packs, found_verdicts, run.field_sets),
        accepted_by_data(packs, found_verdicts.accepted),
        unknown_kinds(checkpoint, strange),
    ]
    if {COFFEE, LABORATORY} <= set(packs):
        sections.append(_shape(checkpoint, tested))
    if (notes := run.notes()) is not None:
        sections.append(["### Notes", "", notes.rstrip()])
    return f"## {run.name}\n\n" + "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _places(run: Run, paths: list[str], photos: Path) -> list[Path]:
    """Data sets of recorded paths: folders by name, and rendered leaves as the configuration names them."""
    folders = sorted({path.split("/")[0] for path in paths if not path.startswith(SCHEME)})
    spans = [Path(name) for name in run.config["data"]["dirs"] if name.startswith(SCHEME)]
    return [photos / name for name in folders] + spans


def _tested(samples: list[Sample], paths: list[str]) -> list[Sample]:
    """Samples of recorded paths, in order."""
    by_path = {sample.relative: sample for sample in samples}
    missing = [path for path in paths if path not in by_path]
    if missing:
        raise ValueError(f"{missing[0]} was tested, but is not here; name the folder of the data sets: --photos DIR")
    return [by_path[path] for path in paths]


def made_by(run: Run) -> list[str]:
    """How a run was made and evaluated: command, seed and selection, as lines of Markdown."""
    info = run.info
    if "best_step" in info.summary:
        weights = [
            f"with seed {info.seed}; the weights are those after step {info.summary['best_step']}, which scored",
            "best on the selecting half of validation.",
        ]
    else:  # made by training.quick, which takes no steps
        weights = [f"with seed {info.seed}; the head is fitted to what the backbone of {info.parent} sees."]
    lines = [
        f"Made by `python {' '.join(word for word in info.argv if word != '--resume')}`",
        *weights[:-1],
        f"{weights[-1]} All figures are of test photos, which neither trained nor selected",
        f"nor calibrated; test was evaluated {_evaluations(run)}.",
    ]
    return [*lines, f"{PLANTS_UNKNOWN}."] if run.plants_known is False else lines


def _evaluations(run: Run) -> str:
    """Describes how often the run was evaluated on test."""
    count = len(run.test_evaluations())
    return {1: "once", 2: "twice"}[count] if count < 3 else f"{count} times"


def _accuracy(probs: np.ndarray, labels: np.ndarray, packs: np.ndarray, samples: list[Sample]) -> list[str]:
    lines = [
        "### Accuracy",
        "",
        "Top-1 with Wilson's and macro-F1 with the bootstrap's 95 % interval, in percent. Background: 7 nearest",
        "neighbors on four corner patches of the photo alone. Largest: always answering the most frequent class.",
        "",
        "| test photos | n | top-1 | macro-F1 | background | largest |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name in [*np.unique(packs), "together"]:
        chosen = np.ones(len(labels), dtype=bool) if name == "together" else packs == name
        predicted = probs[chosen].argmax(1)
        right = predicted == labels[chosen]
        top1 = _with_interval(float(right.mean()), *wilson(int(right.sum()), len(right)))
        f1 = _with_interval(*_bootstrap_f1(labels[chosen], predicted, probs.shape[1]))
        control = largest = ""
        if name != "together":
            pack = [sample for sample in samples if sample.source == name]
            pack = pack[:CONTROL_LEAVES] if pack[0].slow else pack
            control = f"{100 * background_control(pack, progress('background'), readers(pack)):.1f}"
            largest = f"{100 * np.bincount(labels[chosen]).max() / len(right):.1f}"
        lines.append(f"| {name} | {len(right)} | {top1} | {f1} | {control} | {largest} |")
    return lines


def _with_interval(value: float, low: float, high: float) -> str:
    return f"{100 * value:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _bootstrap_f1(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> tuple[float, float, float]:
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(labels), (RESAMPLES, len(labels)))
    values = [macro_f1(labels[rows], predicted[rows], num_classes) for rows in draws]
    low, high = np.quantile(values, (0.025, 0.975))
    return macro_f1(labels, predicted, num_classes), float(low), float(high)


def _conditions(probs: np.ndarray, labels: np.ndarray, classes: list[str]) -> list[str]:
    lines = [
        "### Conditions",
        "",
        "The leaves are drawn by LeafSim and are no photos: these figures compare runs and conditions with each other,",
        "and do not tell how good the run is on photos. Every picture can be drawn again from its path in",
        "`eval/test/predictions.parquet`: `render(Address.parse(path))`.",
        "",
        "| condition | n | precision % | recall % |",
        "|---|--:|--:|--:|",
    ]
    rows = per_class(confusion_matrix(labels, probs.argmax(1), len(classes)))
    return lines + [
        f"| {name} | {row['n']} | {rounded(row['precision'])} | {rounded(row['recall'])} |"
        for name, row in zip(classes, rows)
    ]


def _severities(addresses: list[Address], right: np.ndarray) -> list[str]:
    """Top-1 accuracy of diseased leaves by symptomatic share of the leaf."""
    calls = [partial(_severity, address) for address in addresses]
    severities = np.array([severity_of() for severity_of in run_in_order(calls, suggested_workers(len(calls)))])
    diseased = np.array([plan(address).condition != HEALTHY for address in addresses])
    lines = [
        "### Severity",
        "",
        "Leaves with a disease, by the share of the leaf that shows symptoms.",
        "",
        "| severity | n | top-1 % |",
        "|---|--:|--:|",
    ]
    for low, high in zip(SEVERITIES, SEVERITIES[1:]):
        chosen = diseased & (severities >= low) & ((severities < high) | (high == SEVERITIES[-1]))
        num_right, n = int(right[chosen].sum()), int(chosen.sum())
        top1 = _with_interval(num_right / n, *wilson(num_right, n)) if n else ""
        lines.append(f"| {100 * low:.0f} to {100 * high:.0f} % | {n} | {top1} |")
    return lines


def _severity(address: Address) -> float:
    return render(address, RENDER_PX).severity


def _shape(checkpoint: Checkpoint, tested: list[Sample]) -> list[str]:
    """Tests whether a photo's shape reveals the class: coffee padded to a square, laboratory photos cropped to 2:1."""
    coffee = _pixels([sample for sample in tested if sample.source == COFFEE])
    lab = _pixels([sample for sample in tested if sample.source == LABORATORY])
    before = predict_pixels(checkpoint, coffee).logits.argmax(1)
    after = predict_pixels(checkpoint, [padded_to_square(pixels) for pixels in coffee]).logits.argmax(1)
    cropped = predict_pixels(checkpoint, [cropped_to_wide(pixels) for pixels in lab]).logits.argmax(1)
    is_coffee = np.array([name.startswith("Coffee___") for name in checkpoint.classes])
    return [
        "### The shape of a photo",
        "",
        f"Padding the {len(coffee)} coffee photos to a square keeps the label of {percent((before == after).mean())}.",
        f"Cropping the {len(lab)} laboratory photos to 2:1 turns {percent(is_coffee[cropped].mean())} into coffee.",
    ]


def padded_to_square(pixels: np.ndarray) -> np.ndarray:
    """Pads a photo to a white square."""
    height, width = pixels.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.full((side, side, 3), 255, dtype=np.uint8)
    square[top : top + height, left : left + width] = pixels
    return square


def cropped_to_wide(pixels: np.ndarray) -> np.ndarray:
    """Crops the middle of a photo to an aspect ratio of 2:1."""
    height, width = pixels.shape[:2]
    if width >= 2 * height:
        left = (width - 2 * height) // 2
        return np.ascontiguousarray(pixels[:, left : left + 2 * height])
    top = (height - width // 2) // 2
    return np.ascontiguousarray(pixels[top : top + width // 2])


def _pixels(samples: list[Sample]) -> list[np.ndarray]:
    return [sample.read().pixels for sample in samples]


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="training.report", description="Write the results of runs as Markdown.")
    parser.add_argument("--run", nargs="+", type=Path, required=True, help="folders of runs with a recorded test")
    parser.add_argument("--photos", type=Path, default=Path("data"), help="folder that holds the data sets by name")
    parser.add_argument(
        "--strange",
        nargs="+",
        type=Path,
        required=True,
        metavar="DIR",
        help="data sets with photos of no class the runs know, with a test split",
    )
    parser.add_argument("--out", type=Path, default=Path("docs/results.md"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
