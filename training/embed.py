"""Computes the t-SNE map of a run's feature space, with nearest neighbors and quality measures.

python -m training.embed --run leafsim-tiny
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from hvit.console import Parser, at_least, print_json, progress
from hvit.data.datasets.reading import DataError, RenderedSample, Sample, read_samples, readers
from hvit.data.leafsim import EARLY_STRESS, SCHEME, Address, render
from hvit.device import chosen_device
from hvit.feature_space import FeatureMap, MapError, fit_map, read_map
from hvit.feature_space.feature_map import MIN_SAMPLES
from hvit.processes import run_in_order
from hvit.runs import DEFAULT_RUN, ModelCard, Run, RunError, find_run
from hvit.runs.checkpoint import load_checkpoint, load_ood_detector, read_card
from hvit.runs.layout import FEATURE_MAP, FEATURES, PREDICTIONS, in_split
from hvit.runs.predictions import read_prediction_columns
from hvit.runs.results import record_results
from hvit.scoring.evaluation import features_bytes, read_features
from hvit.scoring.predict import predict_samples
from training.command_line import reports_os_errors

MOST_POINTS = 20_000
SAME_ANSWERS = 0.98  # of the recorded ones; other machines differ in the last bits, other weights in much more
EXAMPLES = """examples:
  python -m training.embed --run leafsim-tiny
  python -m training.embed --run leaf45-tiny --split test --max-points 10000
  python -m training.embed --run runs/narrow-simclr-0 --align-with runs/narrow-scratch-0
  python -m training.embed --run runs/mine --split test train --data my-photos

It maps the samples whose predictions the run has recorded (hvit evaluate --save). Features are computed with the run's
weights where evaluation did not leave them. The first split names the folder: eval/<split>/tsne.npz.
"""


@dataclass(frozen=True)
class Samples:
    """Samples of one or more splits, one row each.

    Attributes:
        stages: mean tokens of each stage, four of (N, C).
        logits: recorded ones, (N, K).
        labels, splits, paths, sample_ids: (N,) text.
        rows: in the recorded predictions of the split, (N,).
    """

    stages: list[np.ndarray]
    logits: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    paths: np.ndarray
    sample_ids: np.ndarray
    rows: np.ndarray

    def only(self, chosen: np.ndarray) -> "Samples":
        """These rows."""
        return Samples(
            [stage[chosen] for stage in self.stages], self.logits[chosen], self.labels[chosen], self.splits[chosen],
            self.paths[chosen], self.sample_ids[chosen], self.rows[chosen],
        )  # fmt: skip


@reports_os_errors("training.embed")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        run = find_run(args.run)
        splits = args.split or [_evaluated_split(run)]
        like = None if args.align_with is None else _map_of(find_run(args.align_with), splits[0])
        samples = collect_samples(run, splits, args.data, args.device)
        samples = samples.only(stratified(samples.labels, samples.sample_ids, args.max_points))
        found = make_map(run, samples, args.seed, like, _step)
        if args.align_with is not None:
            found = replace(found, about=found.about | {"aligned_with": find_run(args.align_with).name})
        name = in_split(splits[0], FEATURE_MAP)
        record_results(run.path, {name: found.to_bytes()})
    except ValueError as error:
        print(f"training.embed: {error}", file=sys.stderr)
        return 2
    if args.json:
        print_json({"run": run.name, "n": len(found), "bytes": (run.path / name).stat().st_size, **found.about})
    else:
        _print(found, run.path / name)
    return 0


def collect_samples(run: Run, splits: list[str], data: list[Path] | None, device: str = "auto") -> Samples:
    """Loads the samples of some splits with their features: recorded ones, else computed with the run's weights.

    Args:
        data: folders of the photos, to compute features from. None uses recorded features, or the data sets
            the run was configured with.
    Raises:
        ValueError: a split has no predictions, photos are not found, or weights are missing or of another training.
    """
    if len(set(splits)) < len(splits):
        raise RunError(f"--split names a split twice: {' '.join(splits)}")
    parts = []
    for split in splits:
        predictions = read_prediction_columns(run, split, ("sample_id", "path", "sha256", "label"))
        if predictions is None:
            raise RunError(_no_predictions(run, split))
        folder = run.path / "eval" / split
        stages = None if data else read_features(folder, predictions["sha256"])
        if stages is None:
            stages = _computed(run, split, predictions, data, device)
            record_results(run.path, {in_split(split, FEATURES): features_bytes(predictions["sha256"], stages)})
        columns = [np.array(predictions[name], dtype=str) for name in ("label", "path", "sample_id")]
        count = len(columns[0])
        logits = np.array(predictions["logits"], dtype=np.float32).reshape(count, -1)
        parts.append((stages, logits, columns[0], np.full(count, split), columns[1], columns[2], np.arange(count)))
    stages = [np.concatenate(stage) for stage in zip(*(part[0] for part in parts))]
    return Samples(stages, *(np.concatenate(column) for column in list(zip(*parts))[1:]))


def _evaluated_split(run: Run) -> str:
    if run.evaluated_split is None:
        raise RunError(_no_predictions(run, "test"))
    return run.evaluated_split


def _no_predictions(run: Run, split: str) -> str:
    recorded = sorted(path.parent.name for path in run.path.glob(in_split("*", PREDICTIONS)))
    where = f"; it has some on {', '.join(recorded)}" if recorded else ""
    return (
        f"run {run.name} has no recorded predictions on {split}{where}. Record them first: "
        f"python -m hvit evaluate --run {run.name} --data DIR --split {split} --save"
    )


def _map_of(run: Run, split: str) -> FeatureMap:
    path = run.path / in_split(split, FEATURE_MAP)
    if not path.exists():
        raise MapError(
            f"run {run.name} has no map of {split} to align with; make it first: "
            f"python -m training.embed --run {run.name} --split {split}"
        )
    return read_map(path)


def _computed(run: Run, split: str, predictions: dict[str, list], data: list[Path] | None, device: str):
    """Computes mean tokens of each stage, and checks them against the recorded predictions."""
    checkpoint = load_checkpoint(run.path, chosen_device(device))
    samples = _samples(run, predictions["path"], data, early_stress=EARLY_STRESS in checkpoint.classes)
    found = predict_samples(checkpoint, samples, progress=progress(f"features of {split}"), workers=readers(samples))
    changed = [path for path, a, b in zip(predictions["path"], found.sha256, predictions["sha256"]) if a != b]
    if changed:
        raise DataError(
            f"{len(changed)} of {len(samples)} photos are not those that run {run.name} was evaluated on, the first is "
            f"{changed[0]}; name the folder with the same photos with --data, or evaluate again: "
            f"python -m hvit evaluate --run {run.name} --data DIR --save"
        )
    before = np.array(predictions["logits"], dtype=np.float32).reshape(found.logits.shape).argmax(1)
    same = float((before == found.logits.argmax(1)).mean())
    if same < SAME_ANSWERS:
        raise RunError(
            f"run {run.name} gives the recorded answer for only {100 * same:.0f} % of its {split} samples: its weights "
            f"were changed since. Evaluate again: python -m hvit evaluate --run {run.name} --data DIR --save"
        )
    return found.stage_features


def _samples(run: Run, paths: list[str], data: list[Path] | None, early_stress: bool) -> list[Sample]:
    """Finds the samples of recorded paths: rendered leaves by their address, photos below the data sets."""
    if all(path.startswith(SCHEME) for path in paths):
        return [RenderedSample.of(Address.parse(path), early_stress) for path in paths]
    dirs = data or [Path(name) for name in (run.config or {}).get("data", {}).get("dirs", ())]
    if not dirs:
        raise DataError(f"run {run.name} does not say where its photos lie; name the folders: --data DIR [DIR ...]")
    known = {sample.relative: sample for sample in read_samples(dirs, early_stress=early_stress)}
    missing = [path for path in paths if path not in known]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(paths)} photos of run {run.name} are not in {', '.join(map(str, dirs))}, the "
            f"first is {missing[0]}; name the folders that hold them: --data DIR [DIR ...]"
        )
    return [known[path] for path in paths]


def stratified(labels: np.ndarray, sample_ids: np.ndarray, most: int) -> np.ndarray:
    """Rows to map, in order: all, or the same share of each class, at least one sample of each.

    Sample ids are hashes: keeping the smallest is a random subset that is the same for every run on the same samples.
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    order = np.argsort(sample_ids, kind="stable")
    kept = []
    for name in np.unique(labels):
        own = order[labels[order] == name]
        kept.append(own[: max(1, int(len(own) * most / len(labels)))])
    return np.sort(np.concatenate(kept))


def make_map(
    run: Run,
    samples: Samples,
    seed: int = 0,
    like: FeatureMap | None = None,
    step: Callable[[str], None] = lambda what: None,
) -> FeatureMap:
    """Fits the map; adds out-of-distribution scores, and severities where all samples are rendered."""
    import openTSNE

    card = read_card(run.path)
    if len(samples.rows) < MIN_SAMPLES:  # before leaves are rendered, which takes minutes
        raise MapError(f"{len(samples.rows)} samples are too few for a map; it takes at least {MIN_SAMPLES}")
    found = fit_map(
        samples.stages[-1].astype(np.float32), samples.labels, samples.splits, samples.rows, samples.sample_ids,
        _strangeness(run, card, samples), _severity(samples.paths), seed, like, step,
    )  # fmt: skip
    return replace(found, about=found.about | {"weights": card.sha256, "openTSNE": openTSNE.__version__})


def _strangeness(run: Run, card: ModelCard, samples: Samples) -> np.ndarray | None:
    record = card.ood
    if record is None or not (run.path / record.file).exists():
        return None
    return load_ood_detector(run.path, record).score(samples.stages, samples.logits)


def _severity(paths: np.ndarray) -> np.ndarray | None:
    """Symptomatic share of each rendered leaf; None where some samples are photos."""
    if not all(path.startswith(SCHEME) for path in paths):
        return None
    show, values = progress("drawing leaves"), []
    calls = [partial(_drawn_severity, path) for path in paths]
    for answer in run_in_order(calls, readers([RenderedSample.of(Address.parse(path)) for path in paths])):
        values.append(answer())
        show(len(values), len(paths))
    return np.array(values)


def _drawn_severity(path: str) -> float:
    address = Address.parse(path)
    return float(render(address, RenderedSample.of(address).size).severity)


def _step(what: str) -> None:
    if sys.stderr.isatty():
        print(what, file=sys.stderr, flush=True)


def _print(found: FeatureMap, path: Path) -> None:
    about = found.about
    print(f"{path}: {len(found)} samples, {path.stat().st_size / 1000:.0f} kB")
    print(f"  trustworthiness {about['trustworthiness']:.3f} ({about['trustworthiness_n']} samples)")
    print(
        f"  {about['neighbors']} neighbors name the class of {100 * about['accuracy_in_space']:.1f} % in feature "
        f"space, of {100 * about['accuracy_on_map']:.1f} % on the map"
    )
    print(
        f"  {about['dimensions']} principal components keep {100 * about['variance_kept']:.1f} % of the variance and "
        f"{100 * about['neighbors_kept']:.1f} % of the neighbors"
    )
    if about["aligned_samples"] is not None:
        print(f"  laid like {about['aligned_with']} by {about['aligned_samples']} common samples")


def _parser() -> Parser:
    parser = Parser(prog="python -m training.embed", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("--run", default=DEFAULT_RUN, metavar="RUN", help=f"path or name (default {DEFAULT_RUN})")
    parser.add_argument(
        "--split", nargs="+", metavar="NAME", help="recorded splits (default: test, or cv of a quick run)"
    )
    parser.add_argument(
        "--data", nargs="+", type=Path, metavar="DIR", help="compute features again, from photos in these folders"
    )
    parser.add_argument("--align-with", metavar="RUN2", help="align the map to that of another run, to compare them")
    parser.add_argument(
        "--max-points", type=at_least(MIN_SAMPLES), default=MOST_POINTS, metavar="N",
        help=f"map at most so many samples, the same share of each class (default {MOST_POINTS})",
    )  # fmt: skip
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="of the map (default 0)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to compute features")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
