"""`hvit condition`: signs and look-alikes of a condition, with the pages they were read in."""

from __future__ import annotations

import argparse
import difflib
from dataclasses import asdict
from typing import TYPE_CHECKING

from hvit.console import Subparsers, print_json

if TYPE_CHECKING:
    from hvit.data.conditions import Condition, Fact

EXAMPLES = """examples:
  python -m hvit condition Tomato___Late_blight
  python -m hvit condition "tomato: late blight"
  python -m hvit condition Rice___Blast --json

Accepted name, pathogen, EPPO code, signs, look-alikes and what to check next. Numbers in brackets are the sources at
the end. No card was reviewed by a plant pathologist unless it says so; none advises a treatment.
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "condition", help="signs and look-alikes of a disease", description=__doc__, epilog=EXAMPLES
    )
    parser.add_argument("name", metavar="NAME", help="class name, or as it is spoken: 'Tomato: late blight'")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    from hvit.data.classes import spoken
    from hvit.data.conditions import read_conditions

    cards = read_conditions()
    names = {key.casefold(): label for label in cards for key in (label, spoken(label))}
    wanted = args.name.strip().casefold()
    if wanted not in names:
        raise ValueError(f"there is no card of {args.name!r}; {_hint(wanted, names)}")
    card = cards[names[wanted]]
    if args.json:
        print_json(asdict(card))
    else:
        print("\n".join(_lines(card)))
    return 0


def _hint(wanted: str, names: dict[str, str]) -> str:
    """Classes that the words may mean: those that contain them, else the nearest, else where all are listed."""
    labels = dict.fromkeys(label for key, label in names.items() if wanted and wanted in key)
    near = difflib.get_close_matches(wanted, names, 1)
    meant = list(labels) or [names[key] for key in near]
    if not meant:
        return "the classes are in the card of the run: python -m hvit card --run leaf45-tiny"
    return f"did you mean {' or '.join([', '.join(meant[:-1]), meant[-1]] if meant[1:] else meant)}?"


def _lines(card: Condition) -> list[str]:
    from hvit.data.classes import spoken

    if card.is_empty:
        return [spoken(card.label), "No card: there are no signs of a disease to look for."]
    numbers = {source: number for number, source in enumerate(card.sources(), 1)}

    def cited(fact: Fact) -> str:
        return f"{fact.text} {''.join(f'[{numbers[source]}]' for source in fact.sources)}"

    lines = [spoken(card.label) if card.name is None else cited(card.name)]
    for pathogen in card.pathogens:
        code = f", EPPO code {cited(pathogen.eppo_code)}" if pathogen.eppo_code else ""
        lines.append(f"  {cited(pathogen.name)}{code}")
    lines.append("Reviewed by a plant pathologist." if card.reviewed else "Not reviewed by a plant pathologist.")
    others = [(spoken(other.of) if "___" in other.of else other.of, other.tell) for other in card.look_alikes]
    parts = {
        "What to see": [cited(sign) for sign in card.signs],
        "What looks like it": [f"{name}: {cited(tell)}" for name, tell in others],
        "Check next": [cited(check) for check in card.check_next],
    }
    for title, said in parts.items():
        lines += ["", title, *(f"  {line}" for line in said)] if said else []
    return [*lines, "", "Sources", *(f"  [{number}] {s.title}\n      {s.address}" for s, number in numbers.items())]
