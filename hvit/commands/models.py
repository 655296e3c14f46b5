"""`hvit models`: parameters, GMACs and sizes of the model family."""

import argparse

from hvit.console import Subparsers, print_json, print_table

EXAMPLES = """examples:
  python -m hvit models
  python -m hvit models --json
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("models", help="sizes of the family", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    from hvit.models.counting import count

    rows = count()
    if args.json:
        print_json(rows)
    else:
        print_table(
            ["name", "parameters", "GMACs", "px", "channels", "blocks"],
            [
                [
                    row["name"],
                    f"{row['params']:,}",
                    f"{row['gmacs']:.2f}",
                    row["img_size"],
                    *(" ".join(map(str, row[k])) for k in ("dims", "depths")),
                ]
                for row in rows
            ],
        )
    return 0
