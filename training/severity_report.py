"""Reports the accuracy of severity: against masks, against grades of raters, on cut-out leaves, and its cost.

python -m training.severity_report --run leaf45-tiny
python -m training.severity_report --run leaf45-tiny --against leaf45-severity-encoder
python -m training.severity_report --run leaf45-tiny --masks leafsim:v1/5/0-1199
python -m training.severity_report --run leaf45-tiny --grades data/coffee-leaf-256/manifest.csv --split test
python -m training.severity_report --run leaf45-tiny --cutouts data/plantvillage-apple-seg-160 --split test
python -m training.severity_report --run leaf45-tiny --healthy data/plantvillage-160 data/more-lab-160 --split val

Without further options only the recorded rows of `training.segment` are read. The run is not changed.
"""

import argparse
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from hvit.console import Parser, print_json, print_table, progress
from hvit.data.classes import crop_of, is_healthy
from hvit.data.datasets.folders import DataError
from hvit.data.datasets.manifests import read_table
from hvit.data.datasets.masks import read_masked
from hvit.data.datasets.reading import Sample, read_samples
from hvit.data.invalid_photo import InvalidPhotoError
from hvit.data.photos import read_photo
from hvit.diagnosis import diagnose
from hvit.runs import Run, find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.scoring.intervals import bootstrap_interval
from hvit.scoring.segmentation import pooled_iou
from hvit.scoring.severity import Estimate, iou_difference, read_measured_photos, severity_scores
from hvit.severity.composites import composite
from hvit.severity.masks import masks_of
from hvit.severity.records import CLASSICAL, HEAD, MeasuredPhoto
from hvit.severity.segmentation import resized_probabilities
from training.segmentation.measure import RENDERED, measure_photo, predict_probabilities, with_head

COMPOSITE_SEED = 11
TIMED_PHOTOS = 40
LEAST_GRADED = 5
S = TypeVar("S", bound=Sample)


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        run = find_run(args.run)
        document: dict[str, Any] = {"run": run.name, "masks": _masks(run)}
        if args.against:
            document["against"] = against(run, find_run(args.against))
        if args.masks or args.grades or args.cutouts or args.healthy or args.time:
            checkpoint = with_head(load_checkpoint(run.path))
            if args.masks:
                document["further_masks"] = further_masks(checkpoint, args.masks, args.split)
            if args.grades:
                document["grades"] = grades(checkpoint, args.grades, args.split)
            if args.cutouts:
                document["cutouts"] = cutouts(checkpoint, args.cutouts, args.split)
            if args.healthy:
                document["healthy"] = healthy(checkpoint, args.healthy, args.split)
            if args.time:
                document["time"] = added_time(run, args.time)
    except (ValueError, OSError) as error:
        print(f"training.severity_report: {error}", file=sys.stderr)
        return 2
    if args.json:
        print_json(document)
    else:
        _print(document)
    return 0


def _masks(run: Run) -> dict[str, Any]:
    """Scores of each method on each data set, and the gain of the head over color thresholds."""
    rows = read_measured_photos(run, "test")
    if rows is None:
        raise ValueError(f"run {run.name} recorded no severity; train a head: python -m training.segment")
    found: dict[str, Any] = {}
    for data in dict.fromkeys(row.data for row in rows):
        own: dict[str, list[MeasuredPhoto]] = {}
        for row in rows:
            if row.data == data:
                own.setdefault(row.method, []).append(row)
        found[data] = {method: severity_scores(part).to_dict() for method, part in own.items()}
        if HEAD in own and CLASSICAL in own:
            found[data]["gain"] = _figure(iou_difference(own[CLASSICAL], own[HEAD]))
    return found


def against(run: Run, other: Run) -> dict[str, Any]:
    """Scores of another run's baseline on the recorded photos, and the gain of the head over it, by data set.

    Raises:
        ValueError: the other run recorded no severity, or that of other photos.
    """
    own, others = (read_measured_photos(each, "test") for each in (run, other))
    if not others:
        raise ValueError(f"run {other.name} recorded no severity of test photos")
    heads = [row for row in own or [] if row.method == HEAD]
    found: dict[str, Any] = {}
    for data in dict.fromkeys(row.data for row in others):
        first = [row for row in others if row.data == data]
        second = [row for row in heads if row.data == data]
        gain = iou_difference(first, second)
        found[data] = {"method": first[0].method, **severity_scores(first).to_dict(), "gain": _figure(gain)}
    return {"run": other.name, "data": found}


def further_masks(checkpoint: Checkpoint, dirs: list[Path], split: str) -> dict[str, Any]:
    """Scores on photos with masks other than the recorded ones, by data set.

    Of folders the photos of a split count, of ranges of rendered leaves all.
    """
    samples = [s for s in read_masked(dirs) if s.split == split or s.source.startswith(RENDERED)]
    if not samples:
        raise DataError(f"no photos with masks in split {split}")
    rows = [measure_photo(checkpoint, sample) for sample in _shown(samples, "photos with masks")]
    sources = dict.fromkeys(row.data for row in rows)
    return {data: severity_scores([row for row in rows if row.data == data]).to_dict() for data in sources}


def grades(checkpoint: Checkpoint, manifest: Path, split: str) -> dict[str, Any]:
    """Spearman correlation of the measured area with the grade of raters, by stress.

    Args:
        manifest: CSV with columns path, split and extra, "severity=2;rust=1;miner=0;...": a grade, and a 1 for each
            stress that the leaf carries.
    """
    rows = [row for row in _graded(manifest) if row["split"] == split]
    if not rows:
        raise DataError(f"{manifest} has no graded photos in split {split}")
    show, measured = progress("graded photos"), []
    for number, row in enumerate(rows, 1):
        measured.append(diagnose(checkpoint, manifest.parent / row["path"], crop=row["crop"]).severity)
        show(number, len(rows))
    stresses = sorted(set().union(*(row["stresses"] for row in rows)))
    result: dict[str, Any] = {}
    for stress in stresses:
        pairs = [
            (severity.lesion_fraction, row["grade"])
            for row, severity in zip(rows, measured)
            if stress in row["stresses"] and severity is not None
        ]
        total = sum(stress in row["stresses"] for row in rows)
        if len(pairs) >= LEAST_GRADED:
            result[stress] = {"n": total, "measured": len(pairs), **_spearman(np.array(pairs))}
    return result


def _spearman(pairs: np.ndarray) -> dict[str, Any]:
    """Rank correlation of pairs (N, 2), with its bootstrap interval."""
    from scipy.stats import spearmanr

    def rank_correlation(rows: np.ndarray) -> float | None:
        areas, given = pairs[rows].T
        return None if np.ptp(areas) == 0 or np.ptp(given) == 0 else _finite(spearmanr(areas, given)[0])

    return {
        "spearman": rank_correlation(np.arange(len(pairs))),
        "interval": bootstrap_interval(rank_correlation, len(pairs)),
    }


def _graded(manifest: Path) -> Iterator[dict[str, Any]]:
    """Rows of a manifest that carry a grade.

    Raises:
        DataError: it cannot be read, lacks a column, or has a grade that is no number; names the line.
    """
    for number, row in read_table(manifest, (("path",), ("split",), ("extra",))).rows:
        extra = {name.strip(): value.strip() for name, _, value in (p.partition("=") for p in row["extra"].split(";"))}
        if "severity" not in extra:
            continue
        try:
            grade = float(extra["severity"])
        except ValueError:
            grade = math.nan
        if not math.isfinite(grade):
            raise DataError(f"{manifest}: line {number} has severity={extra['severity']}; expected a number")
        stresses = {name for name, value in extra.items() if name not in ("severity", "class") and value == "1"}
        crop = crop_of(row.get("class") or extra.get("class", ""))
        yield {"path": row["path"], "split": row["split"], "grade": grade, "stresses": stresses, "crop": crop or None}


def cutouts(checkpoint: Checkpoint, folder: Path, split: str) -> dict[str, Any]:
    """Leaf IoU on photos of leaves on black, composited on seeded backgrounds."""
    counts = []
    for index, sample in enumerate(_shown(read_samples([folder], split), "cut-out leaves")):
        photo, mask = composite(_pixels(sample), COMPOSITE_SEED, index)
        leaf, _ = masks_of(_resized(checkpoint, photo))
        counts.append((mask.sum(), leaf.sum(), (mask & leaf).sum()))
    table = np.array(counts)
    interval = bootstrap_interval(lambda rows: pooled_iou(table[rows]), len(table))
    return {"n": len(table), "leaf_iou": pooled_iou(table), "interval": interval}


def healthy(checkpoint: Checkpoint, folders: list[Path], split: str) -> dict[str, Any]:
    """Measures photos of healthy classes, whose true area is 0: quantiles by class."""
    samples = [sample for sample in read_samples(folders, split) if is_healthy(sample.label)]
    if not samples:
        raise DataError(f"no photos of a healthy class in split {split}")
    areas: dict[str, list[float]] = {}
    for sample in _shown(samples, "healthy leaves"):
        leaf, symptom = masks_of(_resized(checkpoint, _pixels(sample)))
        areas.setdefault(sample.label, []).append(float(symptom.sum() / max(1, leaf.sum())))
    return {
        label: {"n": len(values), "median": float(np.median(values)), "q90": float(np.quantile(values, 0.9))}
        for label, values in sorted(areas.items())
    }


def _pixels(sample: Sample) -> np.ndarray:
    try:
        return sample.read().pixels
    except InvalidPhotoError as error:
        raise DataError(f"{sample.relative} cannot be read: {error}") from None


def _resized(checkpoint: Checkpoint, pixels: np.ndarray) -> np.ndarray:
    """Class probabilities at the size of the photo, (H, W, 3)."""
    return resized_probabilities(predict_probabilities(checkpoint, pixels), *pixels.shape[:2])


def added_time(run: Run, photo: Path) -> dict[str, float]:
    """Measures a diagnosis with and without the severity head, on the same photo in turn.

    Returns:
        Medians in milliseconds, and the median of the ratios.
    """
    from dataclasses import replace

    try:
        read_photo(photo)
    except InvalidPhotoError as error:
        raise ValueError(f"{photo} cannot be read: {error}") from None
    data = photo.read_bytes()
    whole = load_checkpoint(run.path)
    without = replace(whole, severity=None)
    times: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(TIMED_PHOTOS + 3):
        for name, checkpoint in (("without", without), ("with", whole)):
            began = time.perf_counter()
            diagnose(checkpoint, data)
            times[name].append(1000 * (time.perf_counter() - began))
    first, second = (np.array(times[name][3:]) for name in ("without", "with"))
    return {"without_ms": float(np.median(first)), "with_ms": float(np.median(second)),
            "ratio": float(np.median(second / first))}  # fmt: skip


def _shown(samples: list[S], what: str) -> Iterator[S]:
    show = progress(what)
    for number, sample in enumerate(samples, 1):
        yield sample
        show(number, len(samples))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _figure(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "interval": estimate.interval}


def _print(document: dict[str, Any]) -> None:
    rows = []
    for data, methods in document["masks"].items():
        rows += [_row(data, method, methods[method]) for method in methods if method != "gain"]
        if "gain" in methods:
            rows.append([data, "head - classical", "", "", "", _told(methods["gain"]), "", "", ""])
    for data, scores in document.get("against", {"data": {}})["data"].items():
        rows.append(_row(data, scores["method"], scores))
        rows.append([data, f"head - {scores['method']}", "", "", "", _told(scores["gain"]), "", "", ""])
    rows += [_row(data, HEAD, scores) for data, scores in document.get("further_masks", {}).items()]
    header = ["data", "method", "n", "measured", "leaf IoU", "symptom IoU", "concordance", "MAE", "coverage"]
    print_table(header, rows)
    for stress, found in document.get("grades", {}).items():
        text = _told({"value": found["spearman"], "interval": found["interval"]})
        print(f"Spearman with the grade, {stress}: {text} ({found['measured']} of {found['n']} measured)")
    if "cutouts" in document:
        found = document["cutouts"]
        print(f"Leaf IoU on cut-out leaves: {_told({'value': found['leaf_iou'], 'interval': found['interval']})} "
              f"(n = {found['n']})")  # fmt: skip
    for label, found in document.get("healthy", {}).items():
        print(f"{label}: median {found['median']:.3f}, 90 % below {found['q90']:.3f} (n = {found['n']})")
    if "time" in document:
        found = document["time"]
        print(f"Diagnosis {found['without_ms']:.1f} ms, with severity {found['with_ms']:.1f} ms: {found['ratio']:.2f}x")


def _row(data: str, method: str, scores: dict[str, Any]) -> list[Any]:
    figures = ("leaf_iou", "symptom_iou", "concordance", "mae", "coverage")
    return [data, method, scores["n"], scores["measured"], *(_told(scores[name]) for name in figures)]


def _told(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return "-"
    interval = figure["interval"]
    return f"{figure['value']:.3f}" + ("" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="training.severity_report", description="Report how well a run measures severity.",
        epilog=__doc__.split("\n", 2)[2], formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--run", required=True, help="run by path or name")
    parser.add_argument("--against", metavar="RUN", help="a run of training.segment with a trained encoder")
    parser.add_argument(
        "--masks", type=Path, nargs="+", metavar="DIR", help="other photos with masks, or ranges of rendered leaves"
    )
    parser.add_argument("--grades", type=Path, metavar="CSV", help="manifest with grades of raters")
    parser.add_argument("--cutouts", type=Path, metavar="DIR", help="data set of leaves on a black ground")
    parser.add_argument(
        "--healthy", type=Path, nargs="+", metavar="DIR", help="labeled data sets: their healthy classes"
    )
    parser.add_argument("--time", type=Path, metavar="PHOTO", help="a photo to time a diagnosis with")
    parser.add_argument("--split", default="test", help="of these data sets (default test)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
