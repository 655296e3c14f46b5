"""The action `check` of `hvit data`: checks a data set before training."""

import argparse
import sys
from typing import Any

from hvit.console import print_json, print_notes, print_table, progress
from hvit.data.datasets.folders import printable
from hvit.words import PLANTS_UNKNOWN, counted


def run_check(args: argparse.Namespace) -> int:
    from hvit.data.datasets.reading import (
        class_names,
        groups_from_csv,
        groups_from_names,
        read_samples,
        readers,
        with_groups,
    )
    from hvit.data.inspection.check import check, record_check
    from hvit.runs import find_run
    from hvit.runs.layout import DATA_CHECK

    run = find_run(args.save_to) if args.save_to else None
    notes: list[str] = []
    samples = read_samples(args.folders, log=notes.append)
    if len(classes := class_names(samples)) == 1:
        notes.append(f"{classes[0]} is the only class: there is nothing to classify")
    if args.group_from:
        samples = with_groups(samples, groups_from_names(samples, args.group_from))
    elif args.groups_csv:
        samples = with_groups(samples, groups_from_csv(samples, args.groups_csv))
    report = check(samples, progress("photos"), readers(samples))
    print_notes(notes)
    if run is not None:
        report = record_check(run, report, samples)
        print(f"recorded in {run.path / DATA_CHECK}", file=sys.stderr)
    if args.json:
        print_json(report)
    else:
        _print(report)
    return 0


def _print_conflicts(conflicts: dict[str, Any]) -> None:
    """Prints pairs of identical photos with different classes, for the user to resolve."""
    for (first, second), (one, other) in zip(conflicts["first"], conflicts["classes"]):
        print(printable(f"  {first} is {one}, and the equal photo {second} is {other}"))
    if (rest := conflicts["count"] - len(conflicts["first"])) > 0:
        print(f"  and {rest} more")


def _print(report: dict[str, Any]) -> None:
    splits = sorted({split for counts in report["classes"].values() for split in counts})
    rows = [
        [name, *(counts[split] if split in counts else 0 for split in splits)]
        for name, counts in report["classes"].items()
    ]
    print_table(["class", *splits], rows)
    print()
    print(f"{counted(report['photos'], 'photo')} in {counted(len(report['classes']), 'class', 'classes')}")
    for row in report["unreadable"][:10]:
        print(f"  {row['path']}: {row['reason']}")
    print(f"{len(report['unreadable'])} cannot be read")
    for key, one, several in (
        ("exact_copies", "exact copy", "exact copies"),
        ("near_duplicates", "pair of near-duplicates", "pairs of near-duplicates"),
        ("conflicting_labels", "exact copy with another class", "exact copies with another class"),
    ):
        print(counted(report[key]["count"], one, several))
    _print_conflicts(report["conflicting_labels"])
    leaks = report["leaks"]
    print(
        f"leaks between splits: {leaks['exact']['count']} exact, {leaks['near']['count']} near, "
        f"{leaks['group']['count']} groups"
    )
    for first, second in (leaks["exact"]["first"] + leaks["near"]["first"])[:5]:
        print(f"  {first}  =  {second}")
    print("plants known" if report["plants_known"] else PLANTS_UNKNOWN)
    control = report["background_control"]
    if control is None:
        print("background control: needs train and test")
    else:
        print(
            f"background control: four corner patches alone classify {100 * control['top1']:.1f} % of "
            f"{control['n']} test photos (largest class {100 * control['largest_class']:.1f} %)"
        )
