"""Measures the speed-up of distributed training, and whether its losses are equal.

python -m training.scaling --config training/configs/leafsim_tiny.yaml --processes 1 2 4
python -m training.scaling --config training/configs/leafsim_tiny.yaml --processes 1 1x2 2 4 --out scaling.json
python -m training.scaling --config training/configs/leaf33_small_4gpu.yaml --processes 1 2 4 --weak

1x2 is one process with two threads of the processor; without a number each has one. The photos of a step stay as they
are however many processes divide them (strong scaling), and so must its loss. With --weak each process keeps its
batch_size, and steps grow. Each number takes its turn, A B C A B C; ratios are taken within a turn. Nothing is kept.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from hvit.console import at_least, print_json, print_table, progress
from hvit.files import write_json
from hvit.speed.benchmark import machine
from training.command_line import config_parser, reports_os_errors
from training.config import FinetuneConfig, PretrainConfig, load_classifier_config
from training.parallel.signals import EXIT_USER
from training.parallel.world import join_world


@dataclass(frozen=True)
class Group:
    """A process group to measure.

    Attributes:
        processes: how many.
        threads: of the processor, each.
    """

    processes: int
    threads: int

    @classmethod
    def parse(cls, word: str) -> "Group":
        """Parses PROCESSES or PROCESSESxTHREADS."""
        processes, sign, threads = word.partition("x")
        numbers = [processes, threads] if sign else [processes]
        if not all(number.isdecimal() and int(number) for number in numbers):
            raise argparse.ArgumentTypeError(f"{word!r} is no number of processes; expected one like 4, or 2x4")
        return cls(int(processes), int(threads or 1))


@reports_os_errors("training.scaling")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        config = load_classifier_config(args.config, args.set)
        if args.report:
            _take_part(args)
            return 0
        sizes = [config.batch_size if args.weak else _divided(config, group) for group in args.processes]
        document = {"machine": machine(), "config": args.config.as_posix(), "set": args.set, "weak": args.weak}
        document |= {"steps": args.steps, "rows": measure_groups(args, sizes)}
    except ValueError as error:
        if args.report:
            write_json(args.report, {"mistake": str(error)})
        print(f"training.scaling: {error}", file=sys.stderr)
        return EXIT_USER
    if args.out:
        write_json(args.out, document)
    if args.json:
        print_json(document)
    else:
        _print(document)
    return 0


def _divided(config: FinetuneConfig | PretrainConfig, group: Group) -> int:
    """The `batch_size` that keeps the photos of a step equal to those of one process."""
    size = config.batch_size // group.processes
    if size % 8 or size * group.processes != config.batch_size:
        raise ValueError(
            f"--processes {group.processes}: batch_size {config.batch_size} cannot be divided among them by whole "
            "blocks of 8 photos; set another, or add --weak"
        )
    return size


def measure_groups(args: argparse.Namespace, sizes: list[int]) -> list[dict]:
    """Measures all groups; one row a group, compared with the first."""
    found: list[list[dict]] = [[] for _ in args.processes]
    show, done, total = progress("trainings"), 0, args.turns * len(sizes)
    for _ in range(args.turns):
        for group, size, reports in zip(args.processes, sizes, found):
            reports.append(_trained(args, group, size))
            show(done := done + 1, total)
    return [_row(group, reports, found[0], args.weak) for group, reports in zip(args.processes, found)]


def _row(group: Group, reports: list[dict], first: list[dict], weak: bool) -> dict:
    """Summarizes the turns of a group.

    Args:
        reports, first: of this group and of the first, turn by turn.
        weak: whether steps grew, so that losses are not of the same photos.
    """
    speeds, others = ([report["images_per_step"] / report["step_s"] for report in turns] for turns in (reports, first))
    ratios = [speed / other for speed, other in zip(speeds, others)]
    row = asdict(group) | {"images_per_step": reports[0]["images_per_step"], "images_per_s": statistics.median(speeds)}
    row |= {"step_s": [report["step_s"] for report in reports]}
    row |= {"times_as_fast": statistics.median(ratios), "times_as_fast_range": [min(ratios), max(ratios)]}
    differences = [
        abs(loss - other)
        for report, its_turn in zip(reports, first)
        for loss, other in zip(report["losses"], its_turn["losses"], strict=True)
    ]
    return row | {"largest_difference_of_a_loss": None if weak else max(differences)}


def _trained(args: argparse.Namespace, group: Group, size: int) -> dict:
    """Trains with a group in subprocesses; returns what they report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={group.processes}"]
        words = ["training.scaling", "--config", args.config, "--steps", args.steps, "--device", args.device]
        words += [word for override in (*args.set, f"batch_size={size}") for word in ("--set", override)]
        done = subprocess.run(
            [sys.executable, "-m", *launcher, "-m", *map(str, words), "--report", str(report)],
            env=os.environ | {"OMP_NUM_THREADS": str(group.threads)},
            capture_output=True,
            text=True,
        )
        if not report.exists():
            raise ValueError(f"{group.processes} processes could not train:\n{done.stderr.strip()}")
        found = json.loads(report.read_text())
    if "mistake" in found:
        raise ValueError(found["mistake"])
    return found


def _take_part(args: argparse.Namespace) -> None:
    """Trains as one process of a group; the first writes the report."""
    from training.engine.timing import take_steps
    from training.profile import warmed_up_training

    config = load_classifier_config(args.config, [*args.set, "checkpoint_minutes=1e9"])
    with join_world(args.device) as world:
        training = warmed_up_training(config, args.report.parent / "run", world)
        step_s, losses = take_steps(training, args.steps)
        if world.is_main:
            found = {"images_per_step": training.schedule.images_per_step, "step_s": step_s, "losses": losses}
            write_json(args.report, found)


def _print(document: dict) -> None:
    weak, first = document["weak"], document["rows"][0]
    print_table(
        [
            "processes",
            "threads each",
            "photos a step",
            "img/s",
            "times as fast",
            *([] if weak else ["loss differs by"]),
        ],
        (
            [
                row["processes"],
                row["threads"],
                row["images_per_step"],
                f"{row['images_per_s']:.1f}",
                f"{row['times_as_fast']:.2f} ({row['times_as_fast_range'][0]:.2f} to "
                f"{row['times_as_fast_range'][1]:.2f})",
                *([] if weak else [f"{row['largest_difference_of_a_loss']:.1e}"]),
            ]
            for row in document["rows"]
        ),
    )
    print(
        f"times as fast as the first row: median over {len(first['step_s'])} turns of {document['steps']} steps, "
        "lowest to highest" + ("" if weak else "; losses of all steps are compared")
    )


def _parser() -> argparse.ArgumentParser:
    parser = config_parser(
        "training.scaling",
        "Measures the speed-up of distributed training, and whether its losses are equal.",
        __doc__.split("\n", 2)[2],
        "batch_size=32",
    )
    parser.add_argument(
        "--processes",
        nargs="+",
        type=Group.parse,
        default=[Group(1, 1), Group(2, 1)],
        metavar="N[xTHREADS]",
        help="the first is what the others are compared with (default 1 2)",
    )
    parser.add_argument("--weak", action="store_true", help="each process keeps its batch_size")
    parser.add_argument("--steps", type=at_least(1), default=20, metavar="N", help="of each turn (default 20)")
    parser.add_argument("--turns", type=at_least(1), default=3, metavar="N", help="of each number (default 3)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the JSON document")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)  # to whoever started this process
    return parser


if __name__ == "__main__":
    sys.exit(main())
