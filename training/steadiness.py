"""Measures label stability under quarter turns and mirroring, and the gain and cost of test-time augmentation.

python -m training.steadiness --run leaf45-tiny --data data/field-256 --split val
python -m training.steadiness --run leaf45-tiny --data data/field-256 data/bean-chilli-field-224 --json

Each photo is decoded once and seen in eight views. Averages are over calibrated probabilities. The run is not changed.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

from hvit.calibration import softmax
from hvit.console import Parser, positive, print_json, print_table, progress
from hvit.data.datasets.reading import DataError, read_samples, readers
from hvit.data.inputs import model_inputs, stacked
from hvit.data.leafsim import EARLY_STRESS
from hvit.data.views import TTA, VIEWS, view_of
from hvit.device import chosen_device
from hvit.runs import find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.scoring import metrics
from hvit.scoring.model_outputs import ViewOutputs
from hvit.scoring.predict import predict_views

TURNED = (1, 2, 3)  # of VIEWS: a quarter, half and three quarters of a turn
MIRRORED = 4
TIMED_BATCHES = 5


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        checkpoint = load_checkpoint(find_run(args.run).path, chosen_device(args.device))
        samples = read_samples(args.data, args.split, early_stress=EARLY_STRESS in checkpoint.classes)
        unknown = sorted({sample.label for sample in samples} - set(checkpoint.classes))
        if unknown:
            raise DataError(f"run {checkpoint.name} does not know the class {unknown[0]}; name others")
        found = predict_views(
            checkpoint, samples, VIEWS, args.batch_size, progress("photos in 8 views"), readers(samples)
        )
        labels = np.array([checkpoint.classes.index(sample.label) for sample in samples])
        sources = np.array([sample.source for sample in samples])
        document = {
            "run": checkpoint.name,
            "split": args.split,
            **steadiness(found, labels, checkpoint.temperature),
            "by_data": {
                str(name): steadiness(_only(found, sources == name), labels[sources == name], checkpoint.temperature)
                for name in np.unique(sources)
            },
            "time_ratio": time_ratios(checkpoint, samples[0].read().pixels, args.batch_size),
        }
    except ValueError as error:
        print(f"training.steadiness: {error}", file=sys.stderr)
        return 2
    if args.json:
        print_json(document)
    else:
        _print(document)
    return 0


def steadiness(found: ViewOutputs, labels: np.ndarray, temperature: float) -> dict:
    """Label stability without and with test-time augmentation, and the scores of each variant.

    Args:
        found: predictions in all of `hvit.data.views.VIEWS`, in their order.
        labels: true class indices, (N,).
    Returns:
        n, and for "none" and each kind of `TTA`: top1, nll, and the shares of photos whose label stays: under each
        quarter turn (`stays_under_turns`, for 90, 180 and 270 degrees), under all of them, and under a mirror.
    """
    return {"n": len(labels)} | {kind: _variant(found.logits, labels, temperature, kind) for kind in ("none", *TTA)}


def _variant(logits: np.ndarray, labels: np.ndarray, temperature: float, kind: str) -> dict:
    """Scores of one kind of averaging; a turned photo is averaged over its own views."""
    probs = np.stack([softmax(view, temperature) for view in logits])

    def answer(seen: int) -> np.ndarray:
        views = [(0, False)] if kind == "none" else TTA[kind]
        return np.mean([probs[_composed(VIEWS[seen], view)] for view in views], axis=0)

    plain = answer(0)
    kept = {seen: answer(seen).argmax(1) == plain.argmax(1) for seen in (*TURNED, MIRRORED)}
    return {
        "top1": float((plain.argmax(1) == labels).mean()),
        "nll": metrics.nll(plain, labels),
        "stays_under_turns": [float(kept[seen].mean()) for seen in TURNED],
        "stays_under_all_turns": float(np.logical_and.reduce([kept[seen] for seen in TURNED]).mean()),
        "stays_under_mirror": float(kept[MIRRORED].mean()),
    }


def _composed(first: tuple[int, bool], then: tuple[int, bool]) -> int:
    """Index in VIEWS of the composition of two views: mirroring inverts an earlier rotation."""
    turns = (then[0] - first[0] if then[1] else then[0] + first[0]) % 4
    return VIEWS.index((turns, first[1] != then[1]))


def time_ratios(checkpoint: Checkpoint, pixels: np.ndarray, batch_size: int) -> dict[str, float]:
    """Median time of each kind of averaging relative to one view, measured in turns on copies of a photo."""
    inputs = model_inputs(pixels, checkpoint.preprocessing, checkpoint.spectral)
    batch = stacked([inputs] * min(batch_size, 8), checkpoint.device)
    kinds = {"none": ((0, False),)} | TTA
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    with torch.inference_mode():
        for turn in range(TIMED_BATCHES + 1):
            for kind, views in kinds.items():
                began = time.perf_counter()
                for view in views:
                    checkpoint.model(*view_of(batch, view)).cpu()
                if turn:  # the first warms up
                    times[kind].append(time.perf_counter() - began)
    medians = {kind: float(np.median(values)) for kind, values in times.items()}
    return {kind: median / medians["none"] for kind, median in medians.items()}


def _only(found: ViewOutputs, rows: np.ndarray) -> ViewOutputs:
    hashes = [found.sha256[i] for i in np.flatnonzero(rows)]
    return ViewOutputs(found.logits[:, rows], [stage[rows] for stage in found.stage_features], hashes)


def _print(document: dict) -> None:
    header = ["", "top-1 %", "NLL", "90 %", "180 %", "270 %", "all turns %", "mirror %", "time"]
    for name, part in {"together": document, **document["by_data"]}.items():
        print(f"{name}, {part['n']} photos: label stays")
        rows = []
        for kind in ("none", *TTA):
            found = part[kind]
            stays = [*found["stays_under_turns"], found["stays_under_all_turns"], found["stays_under_mirror"]]
            shares = [f"{100 * share:.1f}" for share in stays]
            top1, time_ratio = f"{100 * found['top1']:.1f}", f"{document['time_ratio'][kind]:.1f}"
            rows.append([kind, top1, f"{found['nll']:.3f}", *shares, time_ratio])
        print_table(header, rows)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="training.steadiness", description=__doc__.split("\n", 1)[0], epilog=__doc__.split("\n", 2)[2])
    parser.add_argument("--run", required=True, help="path or name")
    parser.add_argument("--data", nargs="+", type=Path, required=True, metavar="DIR", help="data sets")
    parser.add_argument("--split", default="val", metavar="NAME", help="train, val or test (default val)")
    parser.add_argument("--batch-size", type=positive, default=32, metavar="N", help="photos together (default 32)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
