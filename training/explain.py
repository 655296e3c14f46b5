"""Evaluates the explanation methods of a run on recorded photos, against model-free controls.

python -m training.explain --run runs/leafsim-tiny --data leafsim:v1/1/0-23999
python -m training.explain --run runs/my-run --data my-photos --photos 50 --methods rollout gradcam --json
"""

import argparse
import dataclasses
import difflib
import sys
from pathlib import Path

from hvit.console import Parser, at_least, positive, print_json, print_table, progress
from hvit.data.datasets.reading import read_samples
from hvit.data.leafsim import EARLY_STRESS, SCHEME
from hvit.explain import METHODS, Method
from hvit.explain.faithfulness import (
    CELL_PX,
    STEPS,
)
from hvit.explain.ranking import MethodScore, best_of, ranking
from hvit.models import has_attention
from hvit.runs import find_run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from training.command_line import reports_os_errors
from training.explanation_tests.evaluation import IMG_SIZE, explain_samples, record, stratified


@reports_os_errors("training.explain")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        run_dir = find_run(args.run).path
        checkpoint = load_checkpoint(run_dir)
        methods = _methods(args.methods, checkpoint)
        split = None if args.split == "all" else args.split
        samples = stratified(read_samples(args.data, split, EARLY_STRESS in checkpoint.classes), args.photos, args.seed)
        rows = explain_samples(
            checkpoint,
            samples,
            methods,
            args.img_size,
            args.cascade,
            args.seed,
            progress("blur"),
            progress("mean color"),
        )
    except ValueError as error:
        print(f"training.explain: {error}", file=sys.stderr)
        return 2
    about = {
        "data": [_public_name(place) for place in args.data],
        "photos": len(samples),
        "img_size": args.img_size,
        "steps": STEPS,
        "cell_px": CELL_PX,
        "seed": args.seed,
        "weights_sha256": checkpoint.sha256,
    }
    record(run_dir, args.split, rows, about)
    scores = ranking(find_run(args.run).explanations(args.split))
    if args.json:
        methods = [dataclasses.asdict(score) | {"beats_controls": score.beats_controls} for score in scores]
        print_json({"run": checkpoint.name, "split": args.split, **about, "best": best_of(scores), "ranking": methods})
    else:
        _print(scores)
    return 0


def _methods(names: list[str] | None, checkpoint: Checkpoint) -> list[Method]:
    """Resolves method names; all that support this model where none are given.

    Raises:
        ValueError: there is none of that name; names the nearest.
    """
    if names is None:
        return [m for m in METHODS.values() if m.any_model or has_attention(checkpoint.model)]
    for name in names:
        if name not in METHODS:
            near = difflib.get_close_matches(name, METHODS, 1, cutoff=0.4)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ValueError(f"no method {name!r}; {hint}There are {', '.join(METHODS)}")
    return [METHODS[name] for name in dict.fromkeys(names)]


def _public_name(place: Path) -> str:
    """Name of a data set without machine-specific folders."""
    return place.as_posix() if place.as_posix().startswith(SCHEME) else place.resolve().name


def _print(scores: list[MethodScore]) -> None:
    header = [
        "",
        "insertion - deletion",
        "95 %",
        "insertion (high is good)",
        "deletion (low is good)",
        "beats controls",
    ]
    rows = [
        [
            f"{score.name} (control)" if score.is_control else score.name,
            f"{score.margin.value:.3f}",
            f"{score.margin.low:.3f} to {score.margin.high:.3f}",
            f"{score.insertion.value:.3f}",
            f"{score.deletion.value:.3f}",
            "" if score.margin_mean_baseline is None else f"{score.margin_mean_baseline.value:.3f}",
            "" if score.is_control else "yes" if score.beats_controls else "no",
        ]
        for score in scores
    ]
    print_table(header, rows)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="training.explain",
        description="Measure how far explanations of a run can be trusted, and record it in the run.",
        epilog=__doc__.split("\n", 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", required=True, metavar="RUN", help="path or name of a run with weights")
    parser.add_argument(
        "--data", nargs="+", type=Path, required=True, metavar="DIR", help="data sets: folders, or rendered leaves"
    )
    parser.add_argument("--split", default="test", metavar="NAME", help="train, val, test or all (default test)")
    parser.add_argument("--photos", type=positive, default=200, metavar="N", help="at most this many (default 200)")
    parser.add_argument(
        "--methods", nargs="+", metavar="NAME", help=f"of {', '.join(METHODS)} (default all that can explain the run)"
    )
    parser.add_argument(
        "--cascade", type=at_least(0), default=20, metavar="N", help="photos for drawing weights anew (default 20)"
    )
    parser.add_argument(
        "--img-size", type=at_least(64), default=IMG_SIZE, metavar="PX", help=f"of photos (default {IMG_SIZE})"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, help="of photos and random weights (default 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
