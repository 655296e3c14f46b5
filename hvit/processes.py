"""Runs calls in several processes, with results in order."""

import math
import multiprocessing
import multiprocessing.process
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
AHEAD = 8  # queued calls a process: bounds memory
LEAST = 50  # calls that make up for starting a process


def cores() -> int:
    """Number of cores this program may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_cores() -> int:
    """Number of idle cores: those allowed (affinity, cgroup quota) minus the load average; at least 1.

    Work that starts more threads than this only takes turns with the others, and each turn costs.
    """
    allowed = min(cores(), math.ceil(_cgroup_quota()))
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0  # absent on Windows
    return max(1, min(allowed, round(cores() - load)))


def _cgroup_quota(file: Path = Path("/sys/fs/cgroup/cpu.max")) -> float:
    """CPU quota of the container; the number of cores without a quota."""
    try:
        quota, period = file.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError):  # no cgroup, or "max"
        return cores()


def suggested_workers(calls: int) -> int:
    """Number of processes for this many slow calls: at most one a core, each with enough work."""
    return max(1, min(cores(), calls // LEAST))


def run_in_order(calls: Iterable[Callable[[], T]], workers: int = 1) -> Iterator[Callable[[], T]]:
    """Runs calls in several processes and yields their results in order.

    Args:
        calls: independent functions; with several workers they and their results are pickled.
        workers: processes; 1 runs lazily in this one. With more, a program that is not a module must start
            below `if __name__ == "__main__"`.
    Returns:
        In the order of the calls, for each a function that returns its result or raises its error.
    """
    if workers == 1:
        yield from calls
        return
    # Not by forking: torch and OpenCV hold threads and locks that a forked child would wait for forever.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin)
    waiting: deque[Future[Any]] = deque()
    try:
        for call in calls:
            waiting.append(pool.submit(call))
            if len(waiting) >= AHEAD * workers:
                yield waiting.popleft().result
        while waiting:
            yield waiting.popleft().result
    finally:
        pool.shutdown(wait=True, cancel_futures=bool(waiting))


def _begin() -> None:
    """Initializes a worker: one thread, signals left to the parent, exit with the parent."""
    import cv2

    cv2.setNumThreads(1)
    for name in ("SIGINT", "SIGUSR1"):  # which reach whole groups of processes; a broken pool ends its own by SIGTERM
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with, args=[multiprocessing.parent_process()], daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
