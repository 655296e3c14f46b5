"""`hvit export`: exports the model of a run as one ONNX file."""

import argparse
import sys
from pathlib import Path

from hvit.console import Subparsers, print_json
from hvit.runs import DEFAULT_RUN

EXAMPLES = """examples:
  python -m hvit export --run leaf45-tiny --format onnx --out leaf45.onnx
  python -m hvit export --run leaf45-tiny --severity --out leaf45-severity.onnx
  python -m hvit export --run runs/my-run --format onnx --out my.onnx --json

The file takes upright RGB pixels, uint8 (batch, 3, height, width), sides multiples of 32 px, and gives logits and
calibrated probabilities. It is compared with the run before it is written. docs/export.md shows how to use it.
"""
FORMATS = ("onnx",)


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("export", help="the model of a run as ONNX", description=__doc__, epilog=EXAMPLES)
    parser.add_argument(
        "--run", dest="run_name", default=DEFAULT_RUN, metavar="RUN", help=f"path or name (default {DEFAULT_RUN})"
    )
    parser.add_argument("--format", choices=FORMATS, default="onnx", help="kind of file (default onnx)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write")
    parser.add_argument(
        "--severity", action="store_true", help="with the severity head, which segments leaf and symptoms"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    if args.out.is_dir():
        raise ValueError(f"--out {args.out} is a folder; name a file, for example {args.out / 'model.onnx'}")
    from hvit.export import export_onnx
    from hvit.runs import find_run
    from hvit.runs.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(find_run(args.run_name).path)
    if sys.stderr.isatty():
        print("tracing the model for all sizes takes about a minute", file=sys.stderr)
    exported = export_onnx(checkpoint, args.out, args.severity)
    size = args.out.stat().st_size
    if args.json:
        print_json(
            {
                "file": str(exported.path),
                "bytes": size,
                "run": checkpoint.name,
                "sha256": checkpoint.sha256,
                "inputs": exported.inputs,
                "outputs": list(exported.outputs),
                "largest_difference": exported.difference,
            }
        )
    else:
        print(f"{exported.path}: {size / 1e6:.1f} MB; logits differ from those of the run by {exported.difference:.0e}")
    return 0
