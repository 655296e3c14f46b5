"""`hvit data`: check data sets, and fetch public ones."""

import sys
from pathlib import Path

from hvit.commands.terminal import print_json, print_table, progress

EXAMPLES = """examples:
  python -m hvit data check my-photos
  python -m hvit data check data/train-set data/test-set
  python -m hvit data check my-photos --group-from 'plant(\\d+)' --json
  python -m hvit data list
  python -m hvit data fetch plantdoc --out data
"""


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser("data", help="check and fetch data sets", description=__doc__, epilog=EXAMPLES)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    checking = actions.add_parser("check", help="leaks, copies, broken files, balance, background", epilog=EXAMPLES)
    checking.add_argument(
        "folders", nargs="+", type=Path, metavar="DIR", help="data sets, taken together; nothing is written into them"
    )
    checking.add_argument("--group-from", metavar="PATTERN", help="regular expression that finds the plant in a path")
    checking.add_argument("--json", action="store_true", help="print one JSON document")
    checking.set_defaults(run=run_check, parser=checking)
    listing = actions.add_parser("list", help="public data sets that can be fetched", epilog=EXAMPLES)
    listing.add_argument("--json", action="store_true", help="print one JSON document")
    listing.set_defaults(run=run_list, parser=listing)
    fetching = actions.add_parser("fetch", help="download a public data set", epilog=EXAMPLES)
    fetching.add_argument("name", metavar="NAME", help="see `data list`")
    fetching.add_argument("--out", type=Path, default=Path("data"), metavar="DIR", help="where to (default data)")
    fetching.set_defaults(run=run_fetch, parser=fetching)


def run_check(args) -> int:
    from hvit.data.check import check
    from hvit.data.dataset import groups_from_names, read_samples, with_groups

    samples = read_samples(args.folders)
    if args.group_from:
        samples = with_groups(samples, groups_from_names(samples, args.group_from))
    report = check(samples, progress("photos"))
    if args.json:
        print_json(report)
    else:
        _print(report)
    return 0


def run_list(args) -> int:
    from hvit.data.catalogue import CATALOGUE

    rows = [entry.row() for entry in CATALOGUE.values()]
    if args.json:
        print_json(rows)
    else:
        print_table(
            ["name", "photos", "classes", "MB", "licence", "what"],
            [[r["name"], r["photos"], r["classes"], r["megabytes"], r["licence"], r["title"]] for r in rows],
        )
    return 0


def run_fetch(args) -> int:
    from hvit.data.catalogue import fetch

    print(fetch(args.name, args.out, progress_bar=sys.stderr.isatty()))
    return 0


def _print(report: dict) -> None:
    splits = sorted({split for counts in report["classes"].values() for split in counts})
    rows = [
        [name, *(counts[split] if split in counts else 0 for split in splits)]
        for name, counts in report["classes"].items()
    ]
    print_table(["class", *splits], rows)
    print()
    print(f"{report['photos']} photos in {len(report['classes'])} classes")
    for row in report["unreadable"][:10]:
        print(f"  {row['path']}: {row['reason']}")
    print(f"{len(report['unreadable'])} cannot be read")
    for key, title in (
        ("exact_copies", "exact copies"),
        ("near_duplicates", "pairs of near-duplicates"),
        ("conflicting_labels", "exact copies with another class"),
    ):
        print(f"{report[key]['count']} {title}")
    leaks = report["leaks"]
    print(
        f"leaks between splits: {leaks['exact']['count']} exact, {leaks['near']['count']} near, "
        f"{leaks['group']['count']} groups"
    )
    for first, second in (leaks["exact"]["first"] + leaks["near"]["first"])[:5]:
        print(f"  {first}  =  {second}")
    print("plants known" if report["plants_known"] else "Plants unknown: accuracy may be too high")
    control = report["background_control"]
    if control is None:
        print("background control: needs train and test")
    else:
        print(
            f"background control: four corner patches alone tell {100 * control['top1']:.1f} % of "
            f"{control['n']} test photos (largest class {100 * control['largest_class']:.1f} %)"
        )
