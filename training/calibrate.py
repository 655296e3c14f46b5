"""Calibrates a run on held-out photos: temperature, conformal prediction sets, out-of-distribution detector.

python -m training.calibrate --run runs/leaf45-tiny --data data/plantvillage-160 data/field-256
python -m training.calibrate --run runs/leaf45-tiny --data data/* --ood-method relative_mahalanobis --conformal auto
python -m training.calibrate --run runs/leaf45-tiny --data data/* --by-path --json

A run is calibrated when its training ends; this does it again, from its weights: after they came from another machine,
or to serve it with another method. Everything is computed on the float16-rounded weights that ship. What evaluation
recorded in the run (eval/) stays as it is: its figures are those of the calibration before.
"""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from hvit.console import Parser, print_json
from hvit.rejection import METHODS
from hvit.runs import Run, RunError, find_run
from training.calibration.conformal import AUTO, STRATEGIES
from training.calibration.fitting import calibrate_again
from training.config import CalibrationConfig, ConfigError


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        run = find_run(args.run)
        if run.status == "running":
            raise RunError(f"run {run.name} is still training; calibrate it when it is done")
        summary = calibrate_again(run, args.data, _options(run, args), args.by_path, args.device)
    except ValueError as error:
        print(f"training.calibrate: {error}", file=sys.stderr)
        return 2
    if args.json:
        print_json({"run": run.name, "summary": summary})
    else:
        for name, value in summary.items():
            print(f"{name:<24} {value:.4f}" if isinstance(value, float) else f"{name:<24} {value}")
    return 0


def _options(run: Run, args: argparse.Namespace) -> CalibrationConfig:
    """The calibration section of the run's configuration, overridden by the command line."""
    given = {
        "ood_method": args.ood_method,
        "conformal": args.conformal,
        "accepted_laboratory": args.accepted_laboratory,
        "accepted_field": args.accepted_field,
        "max_unknown_named": args.max_unknown_named,
    }
    before = (run.config or {}).get("calibration") or {}
    try:
        return CalibrationConfig(**before | {key: value for key, value in given.items() if value is not None})
    except (TypeError, ValidationError) as error:
        raise ConfigError(f"calibration: {' '.join(str(error).split())}") from None


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="training.calibrate", description=__doc__.split("\n", 1)[0], epilog=__doc__.split("\n", 2)[2])
    parser.add_argument("--run", required=True, help="path or name of a finished run")
    parser.add_argument("--data", nargs="+", type=Path, required=True, metavar="DIR", help="the run's data sets")
    parser.add_argument("--ood-method", choices=sorted(METHODS), help="out-of-distribution detector")
    parser.add_argument("--conformal", choices=[*STRATEGIES, AUTO], help="thresholds of the prediction sets")
    parser.add_argument("--accepted-laboratory", type=float, metavar="SHARE", help="of known laboratory photos")
    parser.add_argument("--accepted-field", type=float, metavar="SHARE", help="of known field photos")
    parser.add_argument(
        "--max-unknown-named", type=float, metavar="SHARE", help="of photos of a class left out; more are made unsure"
    )
    parser.add_argument("--by-path", action="store_true", help="photos were encoded again: match them by path")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
