"""Heartbeat of the process that scores a batch, and the request that it stop."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from hvit.batches.layout import PROGRESS, STOP, WORKER_LOCK
from hvit.batches.logs import write_errors
from hvit.files import write_json
from hvit.untrusted import UntrustedFileError, read_json


@dataclass(frozen=True)
class Progress:
    """Progress of the worker process of a batch.

    Attributes:
        done: photos it scored since it started.
        threads: it works with.
        photos_per_s: since its first photo; None before the second.
        error: why it ended before all photos were scored; None where it did not.
    """

    done: int
    threads: int
    photos_per_s: float | None
    error: str | None = None

    def left_s(self, waiting: int) -> float | None:
        """Seconds until `waiting` more photos are scored; None while the speed is unknown."""
        return None if not self.photos_per_s else waiting / self.photos_per_s


def write_progress(folder: Path, progress: Progress) -> None:
    document = vars(progress) | {"time": time.time(), "process": os.getpid()}
    write_json(folder / PROGRESS, document)


def read_progress(folder: Path) -> Progress | None:
    """The progress written last; None where there is none, or it is damaged."""
    try:
        document = read_json(folder / PROGRESS)
        return Progress(*(document[name] for name in ("done", "threads", "photos_per_s", "error")))
    except (OSError, UntrustedFileError, KeyError, TypeError):
        return None


def is_scoring(folder: Path) -> bool:
    """Whether a process scores this batch: it holds a lock that the system releases however it ends."""
    from filelock import FileLock, Timeout

    if not (folder / WORKER_LOCK).exists():
        return False
    lock = FileLock(folder / WORKER_LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:  # a read-only folder: nobody scores it
        return False
    lock.release()
    return False


def request_stop(folder: Path) -> None:
    """Asks the worker to end after the photos in flight; no other starts until `clear_stop`.

    Raises:
        BatchError: the folder cannot be written.
    """
    with write_errors(folder):
        (folder / STOP).touch()


def clear_stop(folder: Path) -> None:
    """Withdraws the request to stop."""
    with write_errors(folder):
        (folder / STOP).unlink(missing_ok=True)


def stop_requested(folder: Path) -> bool:
    return (folder / STOP).exists()
