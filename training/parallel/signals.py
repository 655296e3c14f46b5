"""Exit codes of the training programs, and the signals that request a stop or a checkpoint."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType

# Exit codes, see docs/reliability.md. 0 is done, 1 an unexpected error.
EXIT_USER = 2  # a mistake in the command, the configuration or the data
EXIT_GAVE_UP = 3  # features collapsed, or loss and gradients stayed not finite
EXIT_STORAGE = 4  # files cannot be written: the disk is full
EXIT_PHOTOS = 5  # too many photos cannot be read
EXIT_LOST = 6  # another process hangs, or is gone
EXIT_PREEMPTED = 75  # stopped by a signal, its state saved: --resume goes on
EXIT_INTERRUPTED = 130  # stopped at once by a second Ctrl-C

STATUS_FILE = "HVIT_STATUS"  # the variable that names a file for an exit status: torchrun ends with 1 whatever it was
LITTLE_KNOWN = (1, EXIT_LOST)  # exit codes whose reason another process may know

SAVE_SIGNAL = getattr(signal, "SIGUSR1", None)  # Windows has none


def leave_status(status: int) -> None:
    """Writes the exit status to the file named by the environment, for whoever started torchrun."""
    named = os.environ.get(STATUS_FILE)
    if named and not (status in LITTLE_KNOWN and os.path.exists(named)):
        with suppress(OSError):  # the disk may be full, and a process that ends must end
            Path(named).write_text(f"{status}\n")


class GaveUp(Exception):
    """Training cannot succeed with this configuration; the message says why."""


class Stopped(BaseException):
    """A stop was requested where no step has to be finished first."""


class Signals:
    """Signal handlers: SIGTERM and the first SIGINT stop, SIGUSR1 saves a checkpoint, a second SIGINT exits at once.

    Attributes:
        stop, save: pending requests.
        finishes_step: whether a request to stop waits for the end of the step; else it raises `Stopped`.
    """

    def __init__(self):
        self.stop = self.save = self.finishes_step = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Signals":
        for number, handler in ((signal.SIGTERM, self._stop), (signal.SIGINT, self._stop), (SAVE_SIGNAL, self._save)):
            if number is not None:
                self._before[number] = signal.signal(number, handler)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.stop:
            raise KeyboardInterrupt
        self.stop = True
        if not self.finishes_step:
            raise Stopped

    def _save(self, number: int, frame: FrameType | None) -> None:
        self.save = True
