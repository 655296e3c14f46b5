"""`hvit methods`: the Methods paragraph of a run, with BibTeX."""

import argparse
import sys

from hvit.console import Subparsers, print_json
from hvit.runs import DEFAULT_RUN

EXAMPLES = """examples:
  python -m hvit methods --run leaf45-tiny
  python -m hvit methods --run tenth-simclr-0 > methods.md
  python -m hvit methods --run leaf45-tiny --json

Everything is taken from the records of the run; what it did not record is left out. If the run it starts from is
available too, that one is described first. Citations are in Pandoc's [@key] syntax; their BibTeX follows the text.
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "methods", help="the Methods paragraph of a run", description=__doc__, epilog=EXAMPLES
    )
    parser.add_argument(
        "--run", dest="run_name", default=DEFAULT_RUN, metavar="RUN", help=f"path or name (default {DEFAULT_RUN})"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    from hvit.paper.methods import methods_of
    from hvit.runs import RunError, find_run

    found = find_run(args.run_name)
    parent, name = None, found.info.parent
    if name is not None:
        try:
            parent = find_run(found.path.parent / name)
        except RunError:
            print(
                f"{found.name} starts from {name}, which is not here: what that recorded is left out", file=sys.stderr
            )
    methods = methods_of(found, parent)
    if args.json:
        print_json(methods.to_dict())
    else:
        print(f"{methods.text}\n\n{methods.bibtex}")
    return 0
