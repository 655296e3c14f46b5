"""`hvit data`: check data sets, show contact sheets, render leaves, pack photos, and fetch public sets."""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from hvit.commands.data_check import run_check
from hvit.console import Subparsers, at_least, positive, print_json, print_notes, print_table, progress
from hvit.words import counted

EXAMPLES = """examples:
  python -m hvit data check my-photos
  python -m hvit data check data/train-set data/test-set
  python -m hvit data check my-photos --group-from 'plant(\\d+)' --json
  python -m hvit data check leafsim:v1/7/0-1999
  python -m hvit data check data/field-256 data/coffee-leaf-256 --save-to runs/my-run
  python -m hvit data synthesize --out leaves --n 2000
  python -m hvit data sheet my-photos --out sheet.jpg
  python -m hvit data pack data/field-256 data/coffee-leaf-256 --out photos.tar.gz --quality 60
  python -m hvit data list
  python -m hvit data fetch plantdoc --out data

leafsim:v1/SEED/FIRST-LAST in the place of DIR names leaves that are drawn when they are read, without any files.
"""
SYNTHESIZE_EXAMPLES = """examples:
  python -m hvit data synthesize --out leaves --n 2000
  python -m hvit data synthesize --out rust --n 500 --seed 3 --size 256 --conditions Rust healthy
  python -m hvit data synthesize --out spectral --n 2000 --bands

What is written:
  {train,val,test}/CLASS/INDEX.png   pictures; leaf INDEX of a seed is in the same split in every data set
  masks/INDEX.png                    a number a pixel: 0 background, 1 leaf, 2 symptom, 3 halo, 4 early stress
  bands/INDEX.npy                    with --bands: float32 (5, PX, PX), reflectance
  truth.csv                          address, class, species, severity and more of each leaf
  README.md                          what the columns mean, and the command that makes the data set again
"""
PACK_EXAMPLES = """examples:
  python -m hvit data pack my-photos --out photos.tar
  python -m hvit data pack data/field-256 data/coffee-leaf-256 --out photos.tar.gz --side 160 --quality 60

`tar xf FILE` gives DATASET/SPLIT/CLASS/NAME.webp back, a data set like any other, and packed.csv: the SHA-256 of each
packed photo and of its original.
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "data", help="check, show, render, pack and fetch data sets", description=__doc__, epilog=EXAMPLES
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    for add in (_add_check, _add_synthesize, _add_sheet, _add_pack, _add_list, _add_fetch):
        add(actions)


def _add_check(actions: Subparsers) -> None:
    checking = actions.add_parser("check", help="leaks, copies, broken files, balance, background", epilog=EXAMPLES)
    checking.add_argument(
        "folders", nargs="+", type=Path, metavar="DIR", help="data sets, taken together; nothing is written into them"
    )
    plants = checking.add_mutually_exclusive_group()
    plants.add_argument("--group-from", metavar="PATTERN", help="regular expression that finds the plant in a path")
    plants.add_argument("--groups-csv", type=Path, metavar="FILE", help="table of the plants: columns path and group")
    checking.add_argument(
        "--save-to", metavar="RUN", help="also record the report in the run that learned from these photos"
    )
    checking.add_argument("--json", action="store_true", help="print one JSON document")
    checking.set_defaults(run=run_check, parser=checking)


def _add_synthesize(actions: Subparsers) -> None:
    drawing = actions.add_parser("synthesize", help="render leaves with ground truth", epilog=SYNTHESIZE_EXAMPLES)
    drawing.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to make; it must not hold files"
    )
    drawing.add_argument("--n", type=positive, required=True, metavar="N", help="number of leaves")
    drawing.add_argument("--size", type=positive, default=160, metavar="PX", help="side of the pictures (default 160)")
    drawing.add_argument(
        "--seed", type=at_least(0), default=0, metavar="S", help="another seed gives other leaves (default 0)"
    )
    drawing.add_argument(
        "--conditions",
        nargs="+",
        default=[],
        metavar="NAME",
        help="only these classes, such as Rust healthy (default all)",
    )
    drawing.add_argument("--bands", action="store_true", help="reflectance too; adds the class Early_stress")
    drawing.add_argument("--workers", type=positive, metavar="N", help="processes that render (default one a core)")
    drawing.add_argument("--json", action="store_true", help="print one JSON document")
    drawing.set_defaults(run=run_synthesize, parser=drawing)


def _add_sheet(actions: Subparsers) -> None:
    showing = actions.add_parser("sheet", help="a picture of some photos of every class", epilog=EXAMPLES)
    showing.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="data sets, taken together")
    showing.add_argument("--out", type=Path, required=True, metavar="FILE", help="JPEG or PNG to write")
    showing.add_argument("--split", help="only photos of this split")
    showing.add_argument("--columns", type=positive, default=8, metavar="N", help="photos a class (default 8)")
    showing.add_argument("--size", type=positive, default=160, metavar="PX", help="side of each photo (default 160)")
    showing.add_argument("--seed", type=at_least(0), default=0, metavar="S", help="another one chooses other photos")
    showing.set_defaults(run=run_sheet, parser=showing)


def _add_pack(actions: Subparsers) -> None:
    packing = actions.add_parser("pack", help="a small copy in one tar file", epilog=PACK_EXAMPLES)
    packing.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="data sets; nothing is written into them")
    packing.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="to write; ends in .tar, or .tar.gz, which is smaller"
    )
    packing.add_argument(
        "--side", type=positive, default=160, metavar="PX", help="photos of a larger area get PX squared (default 160)"
    )
    packing.add_argument("--format", choices=["webp", "jpeg", "avif"], default="webp", help="default webp")
    packing.add_argument("--quality", type=positive, default=80, metavar="Q", help="1 to 100 (default 80)")
    packing.add_argument(
        "--splits", default="train,val", metavar="NAMES", help="with commas between (default train,val); or all"
    )
    packing.add_argument("--workers", type=positive, metavar="N", help="processes (default one a core)")
    packing.add_argument("--json", action="store_true", help="print one JSON document")
    packing.set_defaults(run=run_pack, parser=packing)


def _add_list(actions: Subparsers) -> None:
    listing = actions.add_parser("list", help="public data sets that can be fetched", epilog=EXAMPLES)
    listing.add_argument("--json", action="store_true", help="print one JSON document")
    listing.set_defaults(run=run_list, parser=listing)


def _add_fetch(actions: Subparsers) -> None:
    fetching = actions.add_parser("fetch", help="download a public data set", epilog=EXAMPLES)
    fetching.add_argument("name", metavar="NAME", help="see `data list`")
    fetching.add_argument("--out", type=Path, default=Path("data"), metavar="DIR", help="where to (default data)")
    fetching.set_defaults(run=run_fetch, parser=fetching)


def run_synthesize(args: argparse.Namespace) -> int:
    from hvit.data.datasets.synthesize import TRUTH, find_leaves, synthesize
    from hvit.processes import suggested_workers

    addresses = find_leaves(args.seed, args.n, args.conditions, args.bands)
    workers = args.workers or suggested_workers(args.n)
    rows = synthesize(args.out, addresses, args.size, args.bands, _again(args), workers, progress("leaves"))
    splits = Counter(row["split"] for row in rows)
    if args.json:
        classes = Counter(row["class"] for row in rows)
        truth = str(args.out / TRUTH)
        print_json({"n": len(rows), "splits": splits, "classes": dict(sorted(classes.items())), "truth": truth})
    else:
        counts = ", ".join(f"{split} {splits[split]}" for split in ("train", "val", "test"))
        print(f"{len(rows)} leaves drawn into {args.out}: {counts}")
        print(f"what each shows: {args.out / TRUTH}")
    return 0


def _again(args: argparse.Namespace) -> str:
    """The command that renders the same data set."""
    words = f"--out {args.out.resolve().name} --n {args.n} --size {args.size} --seed {args.seed}"
    if args.conditions:
        words += f" --conditions {' '.join(args.conditions)}"
    return f"python -m hvit data synthesize {words}{' --bands' if args.bands else ''}"


def run_sheet(args: argparse.Namespace) -> int:
    from PIL import Image

    from hvit.data.datasets.reading import DataError, read_samples
    from hvit.data.inspection.contact_sheet import contact_sheet, row_titles
    from hvit.files import check_not_input

    if args.out.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise DataError(f"--out {args.out}: expected a name that ends in .jpg or .png")
    if not args.out.resolve().parent.is_dir():
        raise DataError(f"--out {args.out}: there is no folder {args.out.resolve().parent.name} to write into")
    notes: list[str] = []
    samples = read_samples(args.folders, args.split, log=notes.append)
    check_not_input(args.out, [sample.path for sample in samples], "--out")
    sheet = Image.fromarray(contact_sheet(samples, args.columns, args.size, args.seed))
    sheet.save(args.out, quality=88, optimize=True)
    print_notes(notes + [note for note in [row_titles(samples).note] if note])
    print(f"{args.out}: {sheet.width} x {sheet.height} px")
    return 0


def run_pack(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from hvit.data.datasets.pack import pack
    from hvit.data.datasets.reading import read_samples
    from hvit.processes import suggested_workers

    samples = _of_splits(read_samples(args.folders), args.splits)
    workers = args.workers or suggested_workers(len(samples))
    packed = pack(samples, args.out, args.side, args.format, args.quality, workers, progress("photos"))
    if args.json:
        print_json({"out": str(args.out), **asdict(packed)})
        return 0
    counts = ", ".join(f"{split or 'no split'} {count}" for split, count in packed.splits.items())
    print(f"{args.out}: {counted(packed.photos, 'photo')} ({counts}), {packed.num_bytes / 1e6:.1f} MB")
    for path, reason in packed.unreadable.items():
        print(f"left out {path}: {reason}", file=sys.stderr)
    return 0


def _of_splits(samples: list[Any], names: str) -> list[Any]:
    """Filters samples by split; all samples of data sets without splits.

    Raises:
        DataError: there is no such split, or a data set holds none of them.
    """
    from hvit.data.datasets.reading import SPLITS, DataError

    wanted = SPLITS if names == "all" else names.split(",")
    if unknown := sorted(set(wanted) - set(SPLITS)):
        raise DataError(f"--splits {names}: no split {unknown[0]!r}; expected {', '.join(SPLITS)}, or all")
    chosen = [sample for sample in samples if sample.split is None or sample.split in wanted]
    if lacking := sorted({s.source for s in samples} - {s.source for s in chosen}):
        raise DataError(f"--splits {names}: {lacking[0]} has no photos of these splits")
    return chosen


def run_list(args: argparse.Namespace) -> int:
    from hvit.data.datasets.catalogue import CATALOGUE

    rows = [entry.row() for entry in CATALOGUE.values()]
    if args.json:
        print_json(rows)
    else:
        print_table(
            ["name", "photos", "classes", "MB", "licence", "what"],
            [[r["name"], r["photos"], r["classes"], r["megabytes"], r["licence"], r["title"]] for r in rows],
        )
    return 0


def run_fetch(args: argparse.Namespace) -> int:
    from hvit.data.datasets.catalogue import fetch

    print(fetch(args.name, args.out, progress_bar=sys.stderr.isatty()))
    return 0
