"""Evaluates a run trained on rendered leaves on real photos of the same conditions (simulation to real).

python -m training.transfer --run runs/leafsim-tiny --data data/plantvillage-160 data/field-256 data/coffee-leaf-256
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hvit.console import Parser, progress
from hvit.data.datasets.reading import DataError, Sample, read_samples
from hvit.runs import find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.runs.layout import SCORES, in_split
from hvit.runs.results import record_results
from hvit.scoring.metrics import balanced_accuracy, confusion_matrix, per_class, wilson
from hvit.scoring.predict import predict_samples
from training.command_line import reports_os_errors

# Suffix of a real class name -> the rendered condition.
COUNTERPARTS = {
    "___Early_blight": "Early_blight",
    "___Late_blight": "Late_blight",
    "___Common_rust": "Rust",
    "___Rust": "Rust",
    "___Cercospora_leaf_spot_Gray_leaf_spot": "Gray_leaf_spot",
    "___Powdery_mildew": "Powdery_mildew",
    "___Mosaic": "Mosaic_virus",
    "___Spider_mites_Two-spotted_spider_mite": "Spider_mites",
    "___healthy": "healthy",
}
RESAMPLES = 2000


@reports_os_errors("training.transfer")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        run_dir = find_run(args.run).path
        result = transfer(load_checkpoint(run_dir), read_samples(args.data, args.split), progress("photos"))
        result |= {"split": args.split, "data": [folder.resolve().name for folder in args.data]}
        record_results(run_dir, {in_split("transfer", SCORES): result})
    except ValueError as error:
        print(f"training.transfer: {error}", file=sys.stderr)
        return 2
    low, high = result["top1_ci"]
    print(
        f"{100 * result['top1']:.1f} % of {result['n']} photos of {len(result['classes'])} conditions correct "
        f"(95 %: {100 * low:.1f} to {100 * high:.1f}); guessing: {100 * result['chance']:.1f} %, always "
        f"{result['largest_class']}: {100 * result['largest_share']:.1f} %; mean over conditions "
        f"{100 * result['balanced_accuracy']:.1f} %"
    )
    return 0


def counterpart(name: str) -> str | None:
    """The rendered condition of a real class, or None."""
    return next((condition for end, condition in COUNTERPARTS.items() if name.endswith(end)), None)


def transfer(
    checkpoint: Checkpoint, samples: list[Sample], progress: Callable[[int, int], None] = lambda done, total: None
) -> dict:
    """Scores a run on real photos of the conditions it was trained to recognize on rendered leaves.

    Predictions are restricted to the conditions that occur among the photos.

    Args:
        samples: real photos; classes without a counterpart are left out.
    Returns:
        top1 with its Wilson interval, balanced accuracy with a bootstrap interval (resampled within conditions), chance
        level, and recall and precision of each condition.
    Raises:
        DataError: no photo has a condition the run knows.
    """
    known = [s for s in samples if counterpart(s.label) in checkpoint.classes]
    if not known:
        raise DataError(f"no photo shows a condition that run {checkpoint.name} knows")
    truth = [counterpart(s.label) for s in known]
    classes = sorted(set(truth))
    predictions = predict_samples(checkpoint, known, progress=progress)
    columns = [checkpoint.classes.index(name) for name in classes]
    predicted = predictions.logits[:, columns].argmax(1)
    labels = np.array([classes.index(name) for name in truth])
    K, right = len(classes), int((predicted == labels).sum())
    counts = np.bincount(labels, minlength=K)
    confusion = confusion_matrix(labels, predicted, K)
    return {
        "n": len(known),
        "classes": classes,
        "top1": right / len(known),
        "top1_ci": list(wilson(right, len(known))),
        "balanced_accuracy": balanced_accuracy(labels, predicted, K),
        "balanced_accuracy_ci": _bootstrap(labels, predicted == labels, K),
        "chance": 1 / K,
        "largest_class": classes[int(counts.argmax())],
        "largest_share": counts.max() / len(known),
        "per_class": dict(zip(classes, per_class(confusion))),
        "confusion": confusion.tolist(),
        "real_classes": {name: counterpart(name) for name in sorted({s.label for s in known})},
    }


def _bootstrap(labels: np.ndarray, right: np.ndarray, K: int) -> list[float]:
    """95 % bootstrap interval of the mean recall, resampling photos within each condition."""
    rng = np.random.default_rng(0)
    recalls = [right[labels == k] for k in range(K)]
    means = np.mean([rng.choice(r, (RESAMPLES, len(r))).mean(1) for r in recalls], axis=0)
    return np.quantile(means, [0.025, 0.975]).tolist()


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="training.transfer",
        description="Test a run trained on rendered leaves on real photos of the same conditions.",
        epilog=__doc__.split("\n", 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", type=Path, default=Path("runs/leafsim-tiny"), help="default runs/leafsim-tiny")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="DIR", help="data sets of real photos")
    parser.add_argument("--split", default="test", help="default test")
    return parser


if __name__ == "__main__":
    sys.exit(main())
