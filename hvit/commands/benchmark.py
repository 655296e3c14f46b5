"""`hvit benchmark`: latency and throughput of models on this machine, measured in alternation."""

import argparse
import itertools
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from hvit.console import Subparsers, positive, print_json, print_table, progress

EXAMPLES = """examples:
  python -m hvit benchmark
  python -m hvit benchmark --models hvit_small deit_small swin_tiny --threads 1 --batch-size 1
  python -m hvit benchmark --mode train --img-size 96 --batch-size 8
  python -m hvit benchmark --device cuda --mode train --batch-size 256 --compile no yes --out train.json
  python -m hvit benchmark --models hvit_small --profile

Models compute in turns, A B A B, in one process; ratios are taken within a turn, so that they hold on a busy machine
too. Names are those of `hvit models` and of timm. Without --models hvit_small meets models of its size.
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("benchmark", help="speed and memory", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("--models", nargs="+", metavar="NAME", help="the first is what the others are compared with")
    parser.add_argument("--mode", choices=["infer", "train"], default="infer", help="what is done (default infer)")
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to compute (default auto)"
    )
    parser.add_argument(
        "--precision", nargs="+", choices=["fp32", "bf16"], help="default fp32 and bf16; bf16 on an accelerator"
    )
    parser.add_argument(
        "--compile", nargs="+", choices=["no", "yes"], help="torch.compile; default no, and both on an accelerator"
    )
    parser.add_argument(
        "--threads", nargs="+", type=positive, metavar="N", help="of the CPU (default 1 and, where there are, 2)"
    )
    parser.add_argument(
        "--batch-size",
        nargs="+",
        type=positive,
        metavar="N",
        help="pictures a pass (default 1 and 8, on an accelerator 1 and 256; 8 and 256 in training)",
    )
    parser.add_argument("--img-size", type=positive, default=224, metavar="PX", help="side of a picture (default 224)")
    parser.add_argument("--turns", type=positive, default=7, metavar="N", help="of each model (default 7)")
    parser.add_argument(
        "--profile", action="store_true", help="instead: what bounds each stage of the first model, on the CPU"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the JSON document")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else torch's profiler says on stderr when it starts and stops
    from hvit.files import write_json
    from hvit.speed.benchmark import RIVALS, machine

    names = args.models or ["hvit_small", *([] if args.profile else RIVALS)]
    document = {"machine": machine(), **(_profile(args, names) if args.profile else _measure(args, names))}
    if args.out:
        write_json(args.out, document)
    if args.json:
        print_json(document)
    else:
        (_print_profile if args.profile else _print_rows)(document)
    return 0


def _settings(args: argparse.Namespace) -> list[Any]:
    from hvit.device import chosen_device
    from hvit.speed.benchmark import Setting

    device = chosen_device("cpu" if args.profile else args.device)
    on_gpu = device == "cuda"
    if on_gpu and args.threads:
        raise ValueError("--threads is of the CPU; leave it out, or add --device cpu")
    threads = [None] if on_gpu else args.threads or sorted({1, min(2, os.cpu_count() or 1)})
    precisions = args.precision or (["bf16"] if on_gpu else ["fp32", "bf16"])
    large = 256 if on_gpu else 8
    batches = args.batch_size or ([large] if args.mode == "train" else [1, large])
    compiled = [word == "yes" for word in args.compile or (["no", "yes"] if on_gpu else ["no"])]
    return [
        Setting(args.mode, device, precision, made, count, batch, args.img_size)
        for count, precision, batch, made in itertools.product(threads, precisions, batches, compiled)
    ]


def _measure(args: argparse.Namespace, names: list[str]) -> dict[str, Any]:
    from hvit.speed.benchmark import measure_all, to_dict

    names, settings, rows = list(dict.fromkeys(names)), _settings(args), []
    # Compiled or not is compared within the same turns.
    together = [
        list(group) for _, group in itertools.groupby(settings, lambda setting: replace(setting, compiled=False))
    ]
    for number, group in enumerate(together, 1):
        cases = [(name, setting) for setting in group for name in names]
        timings = measure_all(cases, args.turns, progress=progress(f"setting {number} of {len(together)}"))
        eager = {timing.model: timing for timing in timings if not timing.setting.compiled}
        firsts = {timing.setting: timing for timing in timings if timing.model == names[0]}
        for timing in timings:
            same = eager.get(timing.model) if timing.setting.compiled else None
            rows.append(to_dict(timing, firsts[timing.setting], same))
    return {"rows": rows}


def _profile(args: argparse.Namespace, names: list[str]) -> dict[str, Any]:
    from hvit.speed.roofline import bottlenecks

    if args.mode == "train" or args.device == "cuda" or "yes" in (args.compile or []):
        raise ValueError("--profile takes a forward pass on the CPU apart, not compiled; leave the other options out")
    found = []
    for setting in _settings(args):
        parts = bottlenecks(names[0], setting)
        found.append({"model": names[0], **vars(setting), "parts": [part.to_dict() for part in parts]})
    return {"profile": found}


def _print_rows(document: dict[str, Any]) -> None:
    settings = ("mode", "device", "precision", "compiled", "threads", "batch_size", "img_size")
    for values, group in itertools.groupby(document["rows"], lambda row: [row[key] for key in settings]):
        rows = list(group)
        beside_eager = rows[0]["times_as_fast_as_eager"] is not None
        print("\n" + _setting_line(dict(zip(settings, values))))
        header = ["model", "img/s", "ms a pass", "quickest to slowest turn", "peak MB", "times as fast"]
        print_table(
            [*header, *(["as eager"] if beside_eager else [])],
            (
                [
                    row["model"],
                    f"{row['images_per_s']:.1f}",
                    f"{row['median_ms']:.1f}",
                    f"{min(row['times_ms']):.1f} to {max(row['times_ms']):.1f}",
                    f"{row['peak_mb']:.0f}",
                    f"{row['times_as_fast']:.2f} ({row['times_as_fast_range'][0]:.2f} to "
                    f"{row['times_as_fast_range'][1]:.2f})",
                    *([f"{row['times_as_fast_as_eager']:.2f}"] if beside_eager else []),
                ]
                for row in rows
            ),
        )
        compared = rows[0]["model"] + " and as itself, eager" * beside_eager
        print(f"times as fast as {compared}: median over {len(rows[0]['times_ms'])} turns, lowest to highest")


def _print_profile(document: dict[str, Any]) -> None:
    for found in document["profile"]:
        print(f"\n{found['model']}, " + _setting_line(found))
        print_table(
            ["part", "ms", "of the time", "GMACs", "time in products", "of a large matrix product"],
            (
                [
                    part["name"],
                    f"{part['time_ms']:.1f}",
                    f"{100 * part['share']:.0f} %",
                    f"{part['gmacs']:.2f}",
                    f"{100 * part['in_products']:.0f} %",
                    f"{100 * part['of_matmul']:.0f} %",
                ]
                for part in found["parts"]
            ),
        )


def _setting_line(setting: dict[str, Any]) -> str:
    threads = "" if setting["threads"] is None else f", {setting['threads']} thread{'s' * (setting['threads'] > 1)}"
    made = ", compiled" if setting["compiled"] else ""
    return (
        f"{setting['mode']} on {setting['device']}{threads}, {setting['precision']}{made}, batch "
        f"{setting['batch_size']}, {setting['img_size']} px"
    )
