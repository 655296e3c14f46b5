"""`hvit figure`: figures for a paper, from the records of runs."""

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvit.console import Subparsers, print_json

if TYPE_CHECKING:
    from hvit.paper.drawing import Drawing

EXAMPLES = """examples:
  python -m hvit figure confusion --run leafsim-tiny --out confusion.pdf --width 85mm
  python -m hvit figure confusion --run leaf45-tiny --out confusion.pdf --width 180mm
  python -m hvit figure confusion --run leaf45-tiny --out crops.pdf --by crop
  python -m hvit figure reliability --run leaf45-tiny --out reliability.pdf
  python -m hvit figure map --run leaf45-tiny --out map.pdf
  python -m hvit figure curves --run tenth-simclr-0 tenth-simclr-1 tenth-simclr-2 --out curves.svg --metric top1
  python -m hvit figure compare --run tenth-scratch-0 tenth-scratch-1 tenth-simclr-0 tenth-simclr-1 --out ways.pdf

F.pdf and F.svg are vector graphics, F.png has 600 dpi. All text has 7 pt or more at the width given. The caption, with
numbers of photos and intervals, goes into F.txt beside it; the names of the runs and the sha256 of their weights and of
the files that were read are in both. Runs that differ by their seed alone are drawn as one.
"""
WIDTH_MM = 85.0  # one column of most journals
LIMITS_MM = (30.0, 400.0)
UNITS_MM = {"mm": 1.0, "cm": 10.0, "in": 25.4}


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("figure", help="figures for a paper", description=__doc__, epilog=EXAMPLES)
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND", parser_class=type(parser))
    confusion = _kind(kinds, "confusion", "which classes are taken for which, of one run", several=False)
    _split(confusion)
    confusion.add_argument(
        "--by", choices=["class", "crop"], help="rows (default: classes where they fit the width, else crops)"
    )
    reliability = _kind(kinds, "reliability", "accuracy by predicted probability, of one run", several=False)
    _split(reliability)
    curves = _kind(kinds, "curves", "learning curves, with a band over seeds", several=True)
    curves.add_argument(
        "--metric", metavar="NAME", help="as in metrics.jsonl: top1, macro_f1, nll, loss (default: what chose weights)"
    )
    _split(_kind(kinds, "map", "the feature space of one run, as training.embed laid it out", several=False))
    _split(_kind(kinds, "compare", "top-1 and macro-F1 of several runs, with intervals", several=True))


def _kind(kinds: Subparsers, name: str, help_text: str, several: bool) -> argparse.ArgumentParser:
    parser = kinds.add_parser(
        name, help=help_text, description=f"{help_text[:1].upper()}{help_text[1:]}.", epilog=EXAMPLES
    )
    runs: dict[str, Any] = {"nargs": "+"} if several else {"nargs": 1}
    parser.add_argument("--run", dest="run_names", required=True, metavar="RUN", help="path or name", **runs)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="ends in .pdf, .svg or .png")
    parser.add_argument("--width", type=width_mm, default=WIDTH_MM, metavar="MM", help="on paper (default 85mm)")
    if several:
        parser.add_argument("--labels", nargs="+", metavar="TEXT", help="what to call the runs, one a group of seeds")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run, parser=parser)
    return parser


def _split(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--split", metavar="NAME", help="under eval/ of the run (default: test, else cv)")


def width_mm(text: str) -> float:
    """An argparse type: `85mm`, `8.5cm`, `3.35in`, in mm."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(mm|cm|in)", text.strip().lower())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no width; write 85mm, 8.5cm or 3.35in")
    width = float(match[1]) * UNITS_MM[match[2]]
    if not LIMITS_MM[0] <= width <= LIMITS_MM[1]:
        raise argparse.ArgumentTypeError(f"{text} is not between {LIMITS_MM[0]:g} and {LIMITS_MM[1]:g} mm")
    return width


def run(args: argparse.Namespace) -> int:
    from hvit.paper.drawing import check_output_path, save

    check_output_path(args.out)
    drawing = _draw(args)
    caption = save(drawing, args.out, _again(args))
    if drawing.note:
        print(drawing.note, file=sys.stderr)
    if args.json:
        width, height = drawing.size_mm
        origins = [{"run": o.run, "weights_sha256": o.weights, "files": o.files} for o in drawing.origins]
        print_json(
            {
                "figure": str(args.out),
                "caption_file": str(caption),
                "caption": drawing.caption,
                "width_mm": width,
                "height_mm": height,
                "runs": origins,
            }
        )
    else:
        print(f"{args.out}: {drawing.size_mm[0]:.0f} x {drawing.size_mm[1]:.0f} mm; caption in {caption}")
    return 0


def _draw(args: argparse.Namespace) -> "Drawing":
    from hvit.paper import compare, confusion, curves, feature_map, reliability
    from hvit.paper.sources import groups_of
    from hvit.runs import find_run

    runs = [find_run(name) for name in args.run_names]
    if args.kind == "confusion":
        return confusion.draw(runs[0], args.width, args.split, args.by)
    if args.kind == "reliability":
        return reliability.draw(runs[0], args.width, args.split)
    if args.kind == "map":
        return feature_map.draw(runs[0], args.width, args.split)
    groups = groups_of(runs, args.labels)
    if args.kind == "curves":
        return curves.draw(groups, args.width, args.metric)
    return compare.draw(groups, args.width, args.split)


def _again(args: argparse.Namespace) -> list[str]:
    """The command as words, without machine-specific folders."""
    words = ["figure", args.kind, "--run", *(Path(name).name for name in args.run_names), "--out", args.out.name]
    words += ["--width", f"{args.width:g}mm"]
    for option in ("split", "by", "metric"):
        if getattr(args, option, None) is not None:
            words += [f"--{option}", getattr(args, option)]
    return words + (["--labels", *args.labels] if getattr(args, "labels", None) else [])
