"""Command-line options that the training programs share."""

import argparse
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

from hvit.console import Parser, escape_unprintable

MUST, AUTO = "must", "auto"  # whether there must be a run to resume


def config_parser(prog: str, description: str, examples: str, override: str) -> argparse.ArgumentParser:
    """Parser with --config and --set, for programs configured by a file; `override` is an example of a --set."""
    parser = Parser(
        prog=prog, description=description, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="YAML file, see training/configs")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help=f"override a key, e.g. {override}"
    )
    return parser


def program_parser(prog: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Parser with --config, --set, --run-dir, --resume or --dry-run, --minutes or --replay, --tag, --device."""
    parser = config_parser(prog, description, examples, "optim.lr=0.001")
    parser.add_argument("--run-dir", type=Path, help="folder to write (default: runs/<name of the config>)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--resume",
        nargs="?",
        choices=[MUST, AUTO],
        const=MUST,
        metavar=AUTO,
        help="resume from the newest checkpoint in the run folder; 'auto' starts a new run where there is none",
    )
    how.add_argument("--dry-run", action="store_true", help="print what would be done; train and write nothing")
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes",
        type=_minutes,
        metavar="N",
        help="lay the schedule over N minutes instead of the epochs of the configuration: all that is given in epochs "
        "becomes its share of that time",
    )
    length.add_argument(
        "--replay", type=Path, metavar="RUN", help="take the steps that RUN, trained with --minutes, took"
    )
    parser.add_argument(
        "--tag", action="append", default=[], metavar="WORD", help="a word to find the run by, kept in it"
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    return parser


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes") from None
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} minutes; expected more than 0")
    return minutes


def check_folder(folder: Path, option: str) -> None:
    """Checks that a folder exists or can be created: neither it nor a parent may be a file.

    Raises:
        ValueError: it cannot; names the path in the way.
    """
    for place in (folder, *folder.parents):
        if place.is_dir():
            return
        if os.path.lexists(place):
            what = "a file" if place.is_file() else "no folder"
            raise ValueError(f"{option} {folder}: {place} is {what}; name another folder")


def reports_os_errors(name: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Decorator of `main`: an OSError becomes one line on standard error, and exit status 2.

    Args:
        name: of the program.
    """

    def decorate(main: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(main)
        def reporting(argv: list[str] | None = None) -> int:
            escape_unprintable()
            try:
                return main(argv)
            except OSError as error:
                print(f"{name}: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
                return 2

        return reporting

    return decorate


def run_dir_of(args: argparse.Namespace) -> Path:
    """The run folder: `--run-dir`, or one named after the configuration."""
    return args.run_dir or Path("runs") / args.config.stem.replace("_", "-")
