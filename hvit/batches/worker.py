"""Scores a batch in a separate process: python -m hvit.batches.worker batches/NAME --runs runs

It ends when all photos are scored, when asked to stop, or when the program that started it is gone.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from hvit.batches.folder import Batch, BatchError, open_batch
from hvit.batches.layout import WORKER_LOCK
from hvit.batches.logs import write_errors
from hvit.batches.progress import Progress, clear_stop, stop_requested, write_progress
from hvit.processes import free_cores

ROOT = Path(__file__).resolve().parents[2]
LOCK_WAIT_S = 3  # a page may hold the lock for a moment, to see whether anybody works
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def start_worker(batch: Batch, runs: Path, again: bool = False) -> subprocess.Popen[bytes]:
    """Starts a process that scores a batch; it exits at once if another one is scoring it.

    Args:
        runs: folder of runs.
        again: score photos again that could not be read.
    Raises:
        BatchError: the folder of the batch cannot be written.
    """
    if not os.access(batch.path, os.W_OK):
        raise BatchError(f"batch {batch.name} lies in a folder that cannot be written; copy it to one that can be")
    clear_stop(batch.path)
    command = [sys.executable, "-m", "hvit.batches.worker", str(batch.path.resolve()), "--runs", str(runs.resolve())]
    return subprocess.Popen(
        [*command, *(["--again"] if again else [])],
        cwd=ROOT,
        env=os.environ | ONE_THREAD,  # before torch is imported: each thread of ours runs the network alone
        stdin=subprocess.PIPE,  # closed when this process ends, however it ends
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    gone = threading.Event()
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), lambda *_: gone.set())
    if not args.stay:
        threading.Thread(target=_wait_for_end_of_input, args=[gone.set], daemon=True).start()
    try:
        return run_worker(args.batch, args.runs, args.threads, args.again, gone.is_set)
    except ValueError as error:
        print(f"hvit.batches.worker: {error}", file=sys.stderr)
        return 2


def run_worker(folder: Path, runs: Path, threads: int | None, again: bool, should_stop: Callable[[], bool]) -> int:
    """Scores a batch under its lock; an error becomes part of the progress that pages show.

    Returns:
        Exit status: 0, also where another process scores the batch already.
    Raises:
        ValueError: the batch cannot be read, its run cannot predict, or something cannot be written.
    """
    from filelock import FileLock, Timeout

    batch = open_batch(folder)
    with write_errors(folder):
        lock = FileLock(folder / WORKER_LOCK)
        try:
            lock.acquire(timeout=LOCK_WAIT_S)
        except Timeout:
            return 0
    try:
        if not stop_requested(folder):
            threads = threads or free_cores()
            write_progress(folder, Progress(0, threads, None))
            _score(batch, runs, threads, again, should_stop)
    except (ValueError, OSError) as error:
        if folder.exists():
            write_progress(folder, Progress(0, threads or 0, None, str(error)))
        raise BatchError(str(error)) from error
    finally:
        lock.release()
    return 0


def _score(batch: Batch, runs: Path, threads: int, again: bool, should_stop: Callable[[], bool]) -> None:
    from hvit.batches.scoring import score_batch  # torch takes seconds; the heartbeat is there before
    from hvit.runs import find_run
    from hvit.runs.checkpoint import load_checkpoint

    score_batch(batch, load_checkpoint(find_run(batch.run, runs).path), threads, again, should_stop)


def _wait_for_end_of_input(then: Callable[[], None]) -> None:
    """Calls `then` when standard input is closed, which means that the parent process has exited."""
    while os.read(0, 1024):
        pass
    then()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hvit.batches.worker", description="Scores a batch of photos.")
    parser.add_argument("batch", type=Path, help="folder of the batch")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs", help="folder of runs (default: runs)")
    parser.add_argument("--threads", type=int, help="default: the cores that other programs leave free")
    parser.add_argument("--again", action="store_true", help="score photos again that could not be read")
    parser.add_argument("--stay", action="store_true", help="go on when the program that started this one has ended")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
