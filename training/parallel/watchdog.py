"""Watchdog: ends this process when another one hangs or dies."""

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable

import torch.distributed as dist

from training.parallel.signals import EXIT_LOST, leave_status

STOP_S = 10  # timeout of a request to the store
LOOKS = 10  # polls within the time limit
STARTED = "-1 0 0 0 0"  # state of a process before its first report


class Watchdog(threading.Thread):
    """Thread that publishes the progress of this process and monitors that of the others.

    All processes stop when one does, because they meet in every step. The one that others wait for is the one that
    took part in the fewest collective operations.

    Args:
        store: the processes' shared one, in a connection of its own.
        rank, size: of this process, and how many there are.
        limit_s: seconds without progress after which a process counts as hanging.
        operations: how many collective operations this process began.
        end: function that ends this process.
    """

    def __init__(
        self,
        store: dist.Store,
        rank: int,
        size: int,
        limit_s: float,
        operations: Callable[[], int],
        end: Callable[[str], None] | None = None,
    ):
        super().__init__(daemon=True, name="watch")
        self._store, self._rank, self._size, self._limit_s = store, rank, size, limit_s
        self._operations, self._end = operations, end or _end
        self._beats, self._step, self._watched = 0, 0, False
        self._over = threading.Event()

    def heartbeat(self, step: int) -> None:
        """Reports progress."""
        self._beats, self._step = self._beats + 1, step

    def set_watched(self, watched: bool) -> None:
        """Sets whether this process must make progress now; reading photos and calibrating have no time limit."""
        self._watched = watched

    def stop(self) -> None:
        """Stops the thread and releases the process group: threads that outlive Python's end abort the process."""
        self._over.set()
        self.join(STOP_S)
        self._operations = int

    def run(self) -> None:
        reports: dict[int, str] = {}  # last report of each process
        last_report, last_progress = dict.fromkeys(range(self._size), time.monotonic()), {}
        count = 0
        while not self._over.wait(self._limit_s / LOOKS):
            count += 1
            try:
                own = f"{count} {self._operations()} {self._beats} {self._step} {int(self._watched)}"
                self._store.set(f"watch/{self._rank}", own)
                now = time.monotonic()
                for rank in range(self._size):
                    words = self._said_by(rank)
                    if words != reports.get(rank):
                        last_report[rank] = now
                    if words.split()[1:] != reports.get(rank, "").split()[1:]:
                        last_progress[rank] = now
                    reports[rank] = words
            except RuntimeError as error:  # the store went with the process that held it
                if self._over.wait(self._limit_s / LOOKS):
                    return
                return self._end(f"process {self._rank} lost the others: {str(error).splitlines()[0]}")
            if reason := self._trouble(now, reports, last_report, last_progress):
                return self._end(reason)

    def _said_by(self, rank: int) -> str:
        key = f"watch/{rank}"
        return self._store.get(key).decode() if self._store.check([key]) else STARTED

    def _trouble(self, now: float, reports: dict, last_report: dict, last_progress: dict) -> str | None:
        known = {rank: [int(word) for word in words.split()] for rank, words in reports.items()}
        for rank, (*_, step, _watched) in known.items():
            if now - last_report[rank] > self._limit_s:
                return f"process {rank} of {self._size} is gone: no sign of life for {self._limit_s:.0f} s, step {step}"
        fewest = min(operations for _, operations, *_ in known.values())
        awaited = [rank for rank, (_, operations, *_) in known.items() if operations == fewest]
        still = [rank for rank in awaited if known[rank][4] and now - last_progress[rank] > self._limit_s]
        if still == awaited:
            names = ", ".join(map(str, still))
            step = known[still[0]][3]
            return f"process {names} of {self._size} hangs: no progress at step {step} for {self._limit_s:.0f} s"
        return None


def _end(reason: str) -> None:
    print(f"\n{reason}; what this process was doing:", file=sys.stderr, flush=True)
    faulthandler.dump_traceback(file=sys.stderr)
    leave_status(EXIT_LOST)
    os._exit(EXIT_LOST)
