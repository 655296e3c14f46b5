"""Command-line helpers: argument parser, progress bars, aligned tables, JSON, and printing on any console."""

import argparse
import difflib
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeAlias

EXIT_USER = 2
MAX_WORD = 60  # characters of a mistaken word that are repeated
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Parser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` with one-line errors that name the nearest known option."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        formatted = {"formatter_class": argparse.RawDescriptionHelpFormatter}
        super().__init__(*args, **formatted | kwargs | {"allow_abbrev": False})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        # Before argparse's own look: else a misspelt --run is reported as a missing one.
        if self._subparsers is None:
            for word in sys.argv[1:] if args is None else args:
                if word == "--":
                    break
                if word.startswith("--") and word.split("=")[0] not in self._option_string_actions:
                    self.refuse(word)
        return super().parse_known_args(args, namespace)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            getattr(parsed, "parser", self).refuse(unknown[0])
        return parsed

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Checks a choice like argparse, and names the nearest one in the error."""
        choices = [str(choice) for choice in action.choices or ()]
        if action.choices is not None and value not in action.choices:
            near = difflib.get_close_matches(str(value), choices, 1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(choices)}"
            raise argparse.ArgumentError(None, f"unknown {_title(action)} {str(value)[:MAX_WORD]!r}; {hint}")

    def refuse(self, word: str) -> NoReturn:
        """Exits with an error that names the nearest option to an unknown one."""
        options = [option for action in self._actions for option in action.option_strings if option.startswith("--")]
        near = difflib.get_close_matches(word.split("=")[0], options, 1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(options)}"
        self.error(f"unknown option {word}; {hint}" if word.startswith("-") else f"unexpected word {word!r}")

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USER, f"{self.prog}: {message}\n")


def _title(action: argparse.Action) -> str:
    """Name of an argument in an error message: `command`, `--split`."""
    return action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest).lower()


def at_least(least: int) -> Callable[[str], int]:
    """An argparse type: integers from `least` on."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return number


positive = at_least(1)


def progress(label: str) -> Callable[[int, int], None]:
    """Progress counter on stderr; silent where stderr is not a terminal."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            width = 30
            bar = "#" * (width * done // max(1, total))
            print(
                f"\r{label} [{bar:<{width}}] {done}/{total}",
                end="\n" if done >= total else "",
                file=sys.stderr,
                flush=True,
            )

    return show


def print_notes(notes: Iterable[str]) -> None:
    """Prints notes on the input data to stderr; commands call it once all arguments are checked."""
    for line in dict.fromkeys(notes):
        print(line, file=sys.stderr)


def print_json(value: Any) -> None:
    """Prints a JSON document on stdout, in ASCII; floats are not rounded, and NaN is an error."""
    print(json.dumps(value, allow_nan=False))


def print_table(header: list[str], rows: Iterable[Iterable[Any]]) -> None:
    """Prints aligned columns; numbers are right-aligned."""
    lines = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *lines)]
    numeric = [all(_is_number(line[i]) for line in lines) for i in range(len(header))]
    for line in [header, *lines]:
        cells = [cell.rjust(w) if number else cell.ljust(w) for cell, w, number in zip(line, widths, numeric)]
        print("  ".join(cells).rstrip())


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "").rstrip("%") or "0")
    except ValueError:
        return False
    return True


def escape_unprintable() -> None:
    """Makes stdout and stderr escape characters that the console's encoding lacks.

    Otherwise a console with an old code page would end a command in the middle of its output.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not where a program replaced it
            stream.reconfigure(errors="backslashreplace")
