"""Checks whether this machine computes trainings correctly, and measures its speed.

python -m training.check_device
python -m training.check_device --parts machine,precision,resident,steps --minutes 2
python -m training.check_device --json --out device.json
python -m training.check_device --device cpu --parts precision

Each part runs within its own time, and its result is written to --out as soon as it is known; one that fails, hangs or
dies is reported, and the next one runs. On a CPU everything is smaller, and skipped parts give the reason.
Exit status: 0 where nothing failed, 1 where a part failed or ran out of its time, 2 for a mistake in the options.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hvit.console import Parser, at_least, print_json, print_table
from hvit.device import chosen_device
from hvit.files import write_json
from training.device_checks.part import Part, Settings
from training.device_checks.parts import all_parts, chosen_parts
from training.device_checks.runner import FAILED, LATE, Runner
from training.parallel.signals import EXIT_USER

NO_TIME = "no time was left; give more by --minutes"


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        settings = Settings(chosen_device(args.device), args.photos)
        names = args.parts.split(",") if args.parts else [part.group for part in all_parts(settings)]
        parts = chosen_parts(names, settings)
        if args.out and not args.out.resolve().parent.is_dir():
            raise ValueError(f"--out {args.out}: there is no folder {args.out.resolve().parent.name} to write into")
    except ValueError as error:
        print(f"training.check_device: {error}", file=sys.stderr)
        return EXIT_USER
    document = run_checks(settings, parts, 60 * args.minutes, args.out, None if args.json else _print)
    if args.json:
        print_json(document)
    return 0 if document["fit"] else 1


def run_checks(
    settings: Settings,
    parts: list[Part],
    limit_s: float,
    out: Path | None = None,
    reported: Callable[[dict], None] | None = None,
) -> dict:
    """Runs parts and collects their results; see `Runner.run` for the fields of each.

    Args:
        limit_s: for all together; parts that are not begun by then are skipped.
        out: file with the results so far.
        reported: called with the result of each part.
    Returns:
        {"device", "photos_per_epoch", "fit", "parts"}; `fit` is whether no part failed or ran out of its time.
    """
    results: list[dict] = []

    def document(*unfinished: dict) -> dict:
        fit = not any(result["status"] in (FAILED, LATE) for result in results)
        shared = {"device": settings.device, "photos_per_epoch": settings.photos_per_epoch}
        return {**shared, "fit": fit, "parts": [*results, *unfinished]}

    def save(*unfinished: dict) -> None:
        if out is not None:
            write_json(out, document(*unfinished))

    runner, deadline = Runner(settings), time.monotonic() + limit_s
    try:
        for part in parts:
            left_s = deadline - time.monotonic()
            if left_s <= 0 and part.skipped is None:
                part = replace(part, skipped=NO_TIME)
            results.append(runner.run(part, left_s, save))
            save()
            if reported is not None:
                reported(results[-1])
    finally:
        runner.stop()
    return document()


def _print(result: dict) -> None:
    """Prints the result of a part, then its rows, grouped into tables of equal columns."""
    reason = f": {result['reason']}" if result["reason"] else ""
    print(f"\n{result['name']}: {result['status']}{reason} ({result['seconds']:.1f} s)")
    for row in result["rows"]:
        _print_row(row)
    if "log" in result:
        print("    " + result["log"].strip().replace("\n", "\n    "))
    sys.stdout.flush()


def _print_row(row: dict) -> None:
    mark = {True: "yes  ", False: "NO   ", None: ""}[row["passed"]]
    values = [f"{key} {_shown(value)}" for key, value in row.items() if key not in ("check", "passed", "parts")]
    print(f"  {mark}{row['check']}" + (f": {', '.join(values)}" if values else ""))
    if "parts" in row:
        header = ["part", "ms of the host", "ms of the device"]
        print_table(header, ([p["name"], f"{p['host_ms']:.2f}", f"{p['device_ms']:.2f}"] for p in row["parts"]))


def _shown(value) -> str:
    if isinstance(value, float) and value != 0:
        digits = max(0, 2 - math.floor(math.log10(abs(value))))
        return f"{value:.{digits}f}" if abs(value) >= 1e-4 else f"{value:.1e}"
    return str(value)


def _parser() -> argparse.ArgumentParser:
    description, examples = __doc__.split("\n", 2)[0], __doc__.split("\n", 2)[2]
    parser = Parser(prog="training.check_device", description=description, epilog=examples)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="default auto")
    parser.add_argument(
        "--parts",
        metavar="A,B",
        help="machine, nccl, precision, resume, resident, steps, compile, infer, train, pretrain;"
        " or one model of a group, as steps:hvit_small (default all)",
    )
    parser.add_argument("--minutes", type=_minutes, default=30.0, metavar="M", help="for all parts (default 30)")
    parser.add_argument(
        "--photos", type=at_least(1), default=10_000, metavar="N", help="that an epoch is estimated for (default 10000)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the JSON document, as it grows")
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end")
    return parser


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes above 0")
    return minutes


if __name__ == "__main__":
    sys.exit(main())
