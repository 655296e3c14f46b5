"""`hvit card`: the model card of a run, in Markdown."""

import argparse
from dataclasses import asdict
from pathlib import Path

from hvit.console import Subparsers, print_json
from hvit.runs import DEFAULT_RUN

EXAMPLES = """examples:
  python -m hvit card --run leaf45-tiny
  python -m hvit card --run leaf45-tiny --out docs/model-card.md
  python -m hvit card --run leaf45-tiny --json

What it is, whether to trust it (five risks, the worst first), what it is for and not for, data and licences, scores by
data set with intervals, calibration, unknown photos, and how to make it again. Everything was recorded by the run; a
risk that was not measured names the command that measures it.
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("card", help="the model card of a run", description=__doc__, epilog=EXAMPLES)
    parser.add_argument(
        "--run", dest="run_name", default=DEFAULT_RUN, metavar="RUN", help=f"path or name (default {DEFAULT_RUN})"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it there, as Markdown")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    from hvit.files import write_bytes
    from hvit.paper.model_card import model_card
    from hvit.runs import find_run
    from hvit.scoring.trust import trust_lines

    if args.out is not None and args.out.suffix.lower() not in (".md", ".markdown"):
        raise ValueError(f"--out is {args.out}, expected a name that ends in .md")
    found = find_run(args.run_name)
    trust = trust_lines(found)
    text = model_card(found, trust, None if args.out is None else args.out.parent)
    if args.out is not None:
        if not args.out.parent.is_dir():
            raise ValueError(f"--out: there is no folder {args.out.parent}")
        write_bytes(args.out, text.encode())
    if args.json:
        print_json({"run": found.name, "trust": [asdict(line) for line in trust], "markdown": text})
    elif args.out is None:
        print(text, end="")
    return 0
