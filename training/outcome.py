"""How a run ended, as an exit status: torchrun itself ends with 1 whatever its processes meant to say.

python -m training.outcome runs/my-run; echo $?
"""

import argparse
import sys
from pathlib import Path

from hvit.runs import Run, RunError
from training.stopping import EXIT_PREEMPTED, EXIT_USER

MEANT = {"done": 0, "preempted": EXIT_PREEMPTED}


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        run = Run(args.run_dir)
        status = run.status
    except RunError as error:
        print(f"training.outcome: {error}", file=sys.stderr)
        return EXIT_USER
    print(status)
    return run.info.get("exit_status", MEANT.get(status, 1))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="training.outcome",
        description="Print the status of a run, and end with the exit status its training meant: 0 done, 75 stopped by "
        "a signal and to be gone on with, 3 given up, 1 broken or still running; docs/reliability.md lists them all.",
    )
    parser.add_argument("run_dir", type=Path, metavar="RUN", help="folder of the run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
