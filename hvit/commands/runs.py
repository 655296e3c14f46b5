"""`hvit runs`: list shipped and local runs."""

import argparse
import sys

from hvit.console import Subparsers, print_json, print_table
from hvit.runs import LiveProgress, Run, RunError
from hvit.words import PLANTS_UNKNOWN, training_progress

EXAMPLES = """examples:
  python -m hvit runs
  python -m hvit runs --json
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("runs", help="list runs", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    from hvit.runs import survey

    runs, troubles = survey()
    rows = [run.row() for run in runs]
    for reason in [trouble.reason for trouble in troubles] + [problem for run in runs if (problem := _problem(run))]:
        print(reason, file=sys.stderr)
    if args.json:
        print_json(rows)
    elif not rows:
        print("no runs in runs/; train one: python -m training.finetune --config training/configs/leaf45_tiny.yaml")
    else:
        print_table(
            ["name", "status", "kind", "classes", "started", "predicts", "progress"],
            [
                [
                    row["name"],
                    row["status"],
                    row["kind"],
                    len(row["classes"] or []) or None,
                    row["started"],
                    "yes" if row["can_predict"] else "no",
                    training_progress(LiveProgress(**row["progress"])) if row["progress"] else None,
                ]
                for row in rows
            ],
        )
        if doubtful := [row["name"] for row in rows if row["plants_known"] is False]:
            print(f"\n{PLANTS_UNKNOWN}: {', '.join(doubtful)}")
    return 0


def _problem(run: Run) -> str | None:
    """The error in the configuration of a readable run; None without one."""
    try:
        run.config  # noqa: B018
    except RunError as error:
        return str(error)
    return None
