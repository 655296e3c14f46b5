"""Ablation study: trains one configuration and named changes to it, several seeds each, and evaluates every run.

python -m training.ablate --plan training/ablations/parts.yaml --dry-run
python -m training.ablate --plan training/ablations/parts.yaml --processes 2
python -m training.ablate --plan training/ablations/parts.yaml --only full without_ema

Call it again after any stop: finished runs are kept, interrupted ones resumed. The table is printed at
the end, and with --json; the page Compare runs shows the runs of each variant together.
"""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from pydantic import ValidationError

from hvit.console import Parser, at_least, print_json, print_table
from hvit.files import write_bytes
from hvit.runs import CONFIG, INFO, Run, list_runs, public, write_manifest
from hvit.runs.layout import CARD, PREDICTIONS, SCORES_TTA
from hvit.scoring.ablation import ablations
from training.ablations.plan import AblationPlan, Trial, trials_of
from training.command_line import reports_os_errors
from training.config import ConfigError, load_config
from training.parallel.signals import EXIT_PREEMPTED, EXIT_USER

EXIT_FAILED = 1


@reports_os_errors("training.ablate")
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        plan = load_config(args.plan, [], AblationPlan)
        trials = trials_of(plan, args.runs, args.only)
        for trial in trials:
            _check_same_parameters(trial)
    except ValueError as error:
        print(f"training.ablate: {error}", file=sys.stderr)
        return EXIT_USER
    if args.dry_run:
        print_table(
            ["run", "variant", "seed", "state"],
            ([trial.run_dir.name, trial.variant or "pre-training", trial.seed, _state(trial)] for trial in trials),
        )
        return 0
    failed = []
    with _Programs() as programs:
        for number, trial in enumerate(trials, 1):
            print(f"{number} of {len(trials)}: {trial.run_dir.name} ({_state(trial)})", file=sys.stderr, flush=True)
            status = _carry_out(trial, plan, programs, args.processes)
            if programs.stopped or status == EXIT_PREEMPTED:
                print("stopped; run the same command to continue", file=sys.stderr)
                return EXIT_PREEMPTED
            if status:
                failed.append(trial.run_dir.name)
    rows = ablations(list_runs(args.runs), plan.split).get(plan.name, [])
    if args.json:
        print_json([row.to_dict() for row in rows])
    else:
        _print_rows(rows)
    if failed:
        print(f"failed: {', '.join(failed)}; the messages are above", file=sys.stderr)
    return EXIT_FAILED if failed else 0


class _Programs:
    """Runs subprocesses one at a time, and forwards stop signals to them."""

    def __init__(self):
        self.stopped = False
        self._running: subprocess.Popen | None = None

    def __enter__(self):
        self._before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self, words: list[str], out: Path | None = None) -> int:
        """Runs a program and returns its exit status.

        Args:
            out: file for its standard output.
        """
        if self.stopped:
            return EXIT_PREEMPTED
        to = subprocess.PIPE if out is not None else sys.stderr  # standard output is for the table
        # A process group of its own, so that Ctrl-C reaches only this process, which forwards it once.
        self._running = subprocess.Popen(words, stdout=to, start_new_session=True)
        printed = self._running.communicate()[0]
        status, self._running = self._running.returncode, None
        if out is not None and status == 0:
            write_bytes(out, printed)
        return status

    def _stop(self, number, frame) -> None:
        self.stopped = True
        if self._running is not None:
            os.killpg(self._running.pid, signal.SIGTERM)


def _carry_out(trial: Trial, plan: AblationPlan, programs: _Programs, processes: int) -> int:
    """Trains and evaluates one run, skipping what is done; returns the first exit status that is not 0."""
    if not _is_trained(trial):
        many = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
        if status := programs([sys.executable, *many, "-m", trial.program, *trial.words, "--resume", "auto"]):
            return status
    if trial.variant is None:
        return 0
    judge = [sys.executable, "-m", "hvit", "evaluate", "--run", str(trial.run_dir), "--split", plan.split]
    judge += ["--data", *map(str, plan.data)]
    scores = trial.run_dir / "eval" / plan.split
    if not (scores / PREDICTIONS).exists():
        if status := programs([*judge, "--save"]):
            return status
    if plan.tta and not (scores / SCORES_TTA).exists():
        if status := programs([*judge, "--tta", "--json"], scores / SCORES_TTA):
            return status
        write_manifest(trial.run_dir)
    return 0


def _is_trained(trial: Trial) -> bool:
    return (trial.run_dir / CARD).exists() and Run(trial.run_dir).status == "done"


def _state(trial: Trial) -> str:
    if _is_trained(trial):
        return "trained"
    return "begun" if (trial.run_dir / INFO).exists() else "to do"


def _check_same_parameters(trial: Trial) -> None:
    """Checks that a run with the planned name was made with the planned settings.

    Raises:
        ConfigError: there is one.
    """
    if not (trial.run_dir / CONFIG).exists():
        return
    recorded, planned = Run(trial.run_dir).config, public(trial.config.model_dump(mode="json"))
    try:  # a key that is newer than the run has its default
        recorded = public(type(trial.config).model_validate(recorded).model_dump(mode="json"))
    except ValidationError:
        recorded = {}
    if recorded != planned:
        other = next(key for key in planned if recorded.get(key) != planned[key])
        raise ConfigError(
            f"{trial.run_dir} was made with another {other} than the plan asks for; move it away, or rename the plan"
        )


def _print_rows(rows) -> None:
    def points(value: float) -> str:
        return f"{100 * value:+.1f}"

    print_table(
        ["variant", "seeds", "top-1 %", "macro-F1 %", "change of top-1", "95 % interval"],
        (
            [
                row.variant,
                row.num_seeds,
                f"{100 * row.top1:.1f}",
                f"{100 * row.macro_f1:.1f}",
                "" if row.gain is None else points(row.gain.gain),
                "" if row.gain is None else f"{points(row.gain.low)} to {points(row.gain.high)}",
            ]
            for row in rows
        ),
    )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="training.ablate",
        description="Train a configuration with and without named changes, and evaluate every run.",
        epilog=__doc__.split("\n", 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--plan", type=Path, required=True, help="YAML file, see training/ablations/parts.yaml")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="DIR", help="folder of the runs (default runs)"
    )
    parser.add_argument("--only", nargs="+", metavar="VARIANT", help="some variants (default all)")
    parser.add_argument(
        "--processes", type=at_least(1), default=1, metavar="N", help="processes a training (default 1)"
    )
    parser.add_argument("--dry-run", action="store_true", help="list the runs and what is done; train nothing")
    parser.add_argument("--json", action="store_true", help="print the table as one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
