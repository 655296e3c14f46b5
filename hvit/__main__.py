"""The command line: python -m hvit --help"""

import os
import sys
import warnings
from importlib import import_module

from hvit.console import EXIT_USER, Parser, escape_unprintable

COMMANDS = (
    "predict",
    "explain",
    "evaluate",
    "runs",
    "models",
    "data",
    "figure",
    "methods",
    "card",
    "condition",
    "export",
    "benchmark",
)
EXAMPLES = """examples:
  python -m hvit predict leaf.jpg
  python -m hvit explain leaf.jpg --method gradient_rollout --out maps
  python -m hvit evaluate --run leaf45-tiny --data data/field-256
  python -m hvit data check data/field-256
  python -m hvit data synthesize --out leaves --n 2000
"""


def make_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(prog="hvit", description="Diagnose leaf diseases, and know how sure that is.", epilog=EXAMPLES)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name in COMMANDS:
        import_module(f"hvit.commands.{name}").add_parser(subparsers)
    return parser


def main(argv: list[str] | None = None) -> int:
    escape_unprintable()
    warnings.filterwarnings("ignore", module="PIL")  # what is wrong with a photo stands in its row
    args = make_parser().parse_args(argv)
    try:
        status = args.run(args)
        sys.stdout.flush()  # here, where a reader that left is caught, not when Python ends
        return status
    except ValueError as error:
        print(f"hvit {args.command}: {error}", file=sys.stderr)
        return EXIT_USER
    except KeyboardInterrupt:
        print(f"\nhvit {args.command}: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # What is left in the buffer has no reader either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"hvit {args.command}: {error.filename or 'a file'}: {error.strerror}", file=sys.stderr)
        return EXIT_USER


if __name__ == "__main__":
    sys.exit(main())
