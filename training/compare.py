"""Compares two seed groups on test: paired gain in top-1 accuracy and macro-F1, with 95 % intervals.

python -m training.compare --without runs/tenth-scratch-{0,1,2} --with runs/tenth-leafsim-{0,1,2}
"""

import argparse
import dataclasses
import sys
from pathlib import Path

from hvit.console import Parser, print_json
from hvit.runs import find_run
from hvit.scoring.comparison import compare_runs
from training.command_line import reports_os_errors


@reports_os_errors("training.compare")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        first, second = ([find_run(path) for path in paths] for paths in (args.without, args.runs))
        top1, f1 = compare_runs(first, second, args.split)
    except ValueError as error:
        print(f"training.compare: {error}", file=sys.stderr)
        return 2
    document = {
        "seeds": [run.info.seed for run in first],
        "top1": dataclasses.asdict(top1),
        "macro_f1": dataclasses.asdict(f1),
    }
    if args.json:
        print_json(document)
    else:
        for name in ("top1", "macro_f1"):
            print(_sentence(name, document[name]))
        print("{runs} pairs of runs, {photos} photos".format(**document["top1"]))
    return 0


def _sentence(name: str, gain: dict) -> str:
    first, second = (
        f"{100 * gain[key]:.1f} % ({100 * gain[f'{key}_ci'][0]:.1f} to {100 * gain[f'{key}_ci'][1]:.1f})"
        for key in ("first", "second")
    )
    return f"{name} {first} -> {second}, gain " + "{gain:+.1%} (95 %: {low:+.1%} to {high:+.1%})".format(**gain)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="training.compare",
        description="Paired gain of one seed group over another, with its interval.",
        epilog=__doc__.split("\n", 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--without", nargs="+", type=Path, required=True, metavar="RUN", help="runs of the first group")
    parser.add_argument(
        "--with", nargs="+", type=Path, required=True, metavar="RUN", dest="runs", help="runs of the second, same seeds"
    )
    parser.add_argument("--split", default="test", help="default test")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
