"""What a run can and cannot do, as a page of tables: docs/results.md.

python -m training.report --run runs/leaf33-tiny --photos data --strange data/not-leaf --out docs/results.md
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from hvit.calibration import prediction_set, softmax
from hvit.checkpoint import Checkpoint, load_checkpoint
from hvit.data.check import background_control
from hvit.data.dataset import Sample, read_samples
from hvit.data.photos import read_photo
from hvit.evaluation import predict_pixels, predict_samples
from hvit.metrics import macro_f1, wilson
from hvit.runs import Run

RESAMPLES = 2000


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        text = report(args.run, args.photos, args.strange)
    except ValueError as error:
        print(f"training.report: {error}", file=sys.stderr)
        return 2
    args.out.write_text(text, encoding="utf-8")
    print(args.out)
    return 0


def report(run_dir: Path, photos: Path, strange: Path) -> str:
    """Markdown from the recorded test predictions of a run, and from its photos where a figure needs pixels.

    Args:
        run_dir: a finished run with eval/test.
        photos: folder that holds the run's data sets by name.
        strange: data set with photos that are not leaves, with a test split.
    Raises:
        ValueError: the run has no recorded test predictions, or photos are missing.
    """
    checkpoint, run = load_checkpoint(run_dir), Run(run_dir)
    table = run.predictions("test")
    if table is None:
        raise ValueError(
            f"{run.name} has no test predictions; record them: python -m hvit evaluate --run {run_dir} --data ... --save"
        )
    classes = list(checkpoint.classes)
    labels = np.array([classes.index(name) for name in table["label"]])
    probs = softmax(np.stack(table["logits"]), checkpoint.temperature)
    packs = np.array([path.split("/")[0] for path in table["path"]])
    lines = [f"# Results of {run.name}", "", *_made_by(run), "", *_accuracy(probs, labels, packs, photos), ""]
    lines += [*_sets(checkpoint, probs, labels, packs, photos), ""]
    lines += [*_rejection(checkpoint, packs, photos, strange), "", *_shape(checkpoint, photos), ""]
    return "\n".join(lines)


def _made_by(run: Run) -> list[str]:
    info = run.info
    return [
        f"Made by `python {' '.join(info['argv'])}`, seed {info['seed']}, {info['summary'].get('best_step', 'unknown')} steps to the "
        f"selected weights. This page is written by `python -m training.report --run runs/{run.name} --photos data "
        "--strange data/not-leaf --out docs/results.md`; every number is of test photos that took no part in any choice.",
    ]


def _accuracy(probs: np.ndarray, labels: np.ndarray, packs: np.ndarray, photos: Path) -> list[str]:
    lines = [
        "## Accuracy",
        "",
        "Top-1 with Wilson's and macro-F1 with the bootstrap's 95 % interval. Background control: 7 nearest neighbors on four "
        "corner patches alone. Largest class: always answering the most frequent one.",
        "",
        "| test photos | n | top-1 % | macro-F1 % | background control % | largest class % |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name in [*np.unique(packs), "together"]:
        chosen = np.ones(len(labels), dtype=bool) if name == "together" else packs == name
        right = probs[chosen].argmax(1) == labels[chosen]
        low, high = wilson(int(right.sum()), len(right))
        f1, f1_low, f1_high = _bootstrap_f1(labels[chosen], probs[chosen].argmax(1), probs.shape[1])
        control, largest = "", ""
        if name != "together":
            samples = read_samples([photos / name])
            control = f"{100 * background_control(samples):.1f}"
            largest = f"{100 * np.bincount(labels[chosen]).max() / len(right):.1f}"
        lines.append(
            f"| {name} | {len(right)} | {100 * right.mean():.1f} ({100 * low:.1f} to {100 * high:.1f}) "
            f"| {100 * f1:.1f} ({100 * f1_low:.1f} to {100 * f1_high:.1f}) | {control} | {largest} |"
        )
    return lines


def _bootstrap_f1(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> tuple[float, float, float]:
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(labels), (RESAMPLES, len(labels)))
    values = [macro_f1(labels[rows], predicted[rows], num_classes) for rows in draws]
    low, high = np.quantile(values, (0.025, 0.975))
    return macro_f1(labels, predicted, num_classes), float(low), float(high)


def _sets(checkpoint: Checkpoint, probs: np.ndarray, labels: np.ndarray, packs: np.ndarray, photos: Path) -> list[str]:
    sets = prediction_set(probs, checkpoint.conformal["threshold"])
    accepted = np.concatenate([_accepted(checkpoint, photos, name) for name in np.unique(packs)])
    wrong = probs.argmax(1) != labels
    named = (sets.sum(1) == 1) & accepted
    covered = sets[np.arange(len(labels)), labels]
    right_named = (~wrong & named).sum() / max(1, named.sum())
    return [
        '## Saying "not sure"',
        "",
        f"Sets at {100 * (1 - checkpoint.conformal['alpha']):.1f} % hold the right class for {100 * covered.mean():.1f} % of the "
        f"photos, with {sets.sum(1).mean():.2f} classes on average. {100 * named.mean():.1f} % of the photos are named, and of "
        f"these {100 * right_named:.1f} % rightly. Of the {int(wrong.sum())} errors, {100 * (~named)[wrong].mean():.1f} % are not "
        "named: they are in a set of two or more, or called unfamiliar.",
    ]


def _accepted(checkpoint: Checkpoint, photos: Path, name: str) -> np.ndarray:
    predicted = predict_samples(checkpoint, read_samples([photos / name], "test"))
    return checkpoint.ood.score(predicted.stage_features) <= checkpoint.ood.threshold


def _rejection(checkpoint: Checkpoint, packs: np.ndarray, photos: Path, strange: Path) -> list[str]:
    rows = [(name, _accepted(checkpoint, photos, name)) for name in np.unique(packs)]
    rows.append(("together", np.concatenate([accepted for _, accepted in rows])))
    rows.append((f"{strange.name} (no leaves)", ~_accepted(checkpoint, strange.parent, strange.name)))
    lines = ['## Saying "unfamiliar"', "", "| test photos | n | accepted % | rejected % |", "|---|--:|--:|--:|"]
    for name, flags in rows[:-1]:
        lines.append(f"| {name} | {len(flags)} | {100 * flags.mean():.1f} | {100 * (1 - flags.mean()):.1f} |")
    name, flags = rows[-1]
    return [*lines, f"| {name} | {len(flags)} | {100 * (1 - flags.mean()):.1f} | {100 * flags.mean():.1f} |"]


def _shape(checkpoint: Checkpoint, photos: Path) -> list[str]:
    """Whether the shape of a photo tells the class: coffee photos padded to a square, laboratory photos cropped to 2:1."""
    coffee = _pixels(read_samples([photos / "coffee-leaf-256"], "test"))
    before = predict_pixels(checkpoint, coffee).logits.argmax(1)
    after = predict_pixels(checkpoint, [padded_to_square(pixels) for pixels in coffee]).logits.argmax(1)
    lab = _pixels(read_samples([photos / "plantvillage-160"], "test"))
    cropped = predict_pixels(checkpoint, [cropped_to_wide(pixels) for pixels in lab]).logits.argmax(1)
    is_coffee = np.array([name.startswith("Coffee___") for name in checkpoint.classes])
    return [
        "## The shape of a photo",
        "",
        f"Padding the {len(coffee)} coffee photos to a square keeps the label of {100 * (before == after).mean():.1f} %. "
        f"Cropping the {len(lab)} laboratory photos to 2:1 turns {100 * is_coffee[cropped].mean():.1f} % into coffee.",
    ]


def padded_to_square(pixels: np.ndarray) -> np.ndarray:
    """A photo centered on a white square."""
    height, width = pixels.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    white = (255, 255, 255)
    return cv2.copyMakeBorder(
        pixels, top, side - height - top, left, side - width - left, cv2.BORDER_CONSTANT, value=white
    )


def cropped_to_wide(pixels: np.ndarray) -> np.ndarray:
    """The middle of a photo, twice as wide as high."""
    height, width = pixels.shape[:2]
    if width >= 2 * height:
        left = (width - 2 * height) // 2
        return np.ascontiguousarray(pixels[:, left : left + 2 * height])
    top = (height - width // 2) // 2
    return np.ascontiguousarray(pixels[top : top + width // 2])


def _pixels(samples: list[Sample]) -> list[np.ndarray]:
    return [read_photo(sample.path).pixels for sample in samples]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="training.report", description="Write the results of a run as Markdown.")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--photos", type=Path, default=Path("data"), help="folder that holds the data sets by name")
    parser.add_argument("--strange", type=Path, required=True, help="photos that are not leaves, with a test split")
    parser.add_argument("--out", type=Path, default=Path("docs/results.md"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
