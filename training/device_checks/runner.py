"""Runs parts in a separate process with a time limit each, so that a hang or crash affects one part only."""

import contextlib
import gc
import io
import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

from training.device_checks.part import Part, Row, Settings
from training.device_checks.parts import all_parts

START_S = 180  # to import torch and to open the device
PASSED, FAILED, LATE, SKIPPED = "passed", "failed", "out of time", "skipped"
LOG = 2000  # characters of the output of a failed part


class Runner:
    """Subprocess that runs parts; started on demand, and again after a failure.

    Args:
        settings: shared by all parts.
    """

    def __init__(self, settings: Settings):
        self._settings = settings
        self._process: multiprocessing.Process | None = None
        self._pipe: Connection | None = None

    def run(self, part: Part, left_s: float, report: Callable[[dict], None]) -> dict:
        """Runs a part and returns its result.

        Args:
            left_s: seconds left for all parts; the part gets no more of them than its limit.
            report: called with the result so far, whenever a row is added.
        Returns:
            {"name", "status", "reason", "seconds", "rows"}; `status` is passed, failed, out of time or skipped.
        """
        result = {"name": part.name, "status": SKIPPED, "reason": part.skipped, "seconds": 0.0, "rows": []}
        if part.skipped is not None:
            return result
        began = time.monotonic()
        deadline = began + left_s
        try:
            if self._process is None:
                self._start(min(deadline, began + START_S))
            self._pipe.send(part.name)
            for row in self._rows(min(deadline, time.monotonic() + part.limit_s)):
                result["rows"].append(row)
                report(result | {"status": "running", "seconds": time.monotonic() - began})
            failed = [row["check"] for row in result["rows"] if row["passed"] is False]
            result |= {"status": FAILED, "reason": f"not so: {failed[0]}"} if failed else {"status": PASSED}
        except TimeoutError:
            result |= {"status": LATE, "reason": f"ended after {time.monotonic() - began:.0f} s"}
        except _PartError as error:
            result |= {"status": FAILED, "reason": str(error), "log": error.log}
        if result["status"] in (FAILED, LATE):
            self.stop()
        return result | {"seconds": time.monotonic() - began}

    def stop(self) -> None:
        """Terminates the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = self._pipe = None

    def _start(self, deadline: float) -> None:
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else torch's profiler says on stderr when it starts and stops
        context = multiprocessing.get_context("spawn")  # a forked process could not open CUDA
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, self._settings))
        self._process.start()
        theirs.close()
        self._receive(deadline)

    def _rows(self, deadline: float) -> Iterator[Row]:
        while True:
            kind, value, log = self._receive(deadline)
            if kind == "row":
                yield value
            elif kind == "error":
                raise _PartError(value, log)
            else:
                return

    def _receive(self, deadline: float) -> tuple:
        if not self._pipe.poll(max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        try:
            return self._pipe.recv()
        except EOFError:
            self._process.join()
            raise _PartError(f"its process ended with status {self._process.exitcode}", "") from None


class _PartError(Exception):
    """A part raised an exception, or its process died."""

    def __init__(self, reason: str, log: str):
        super().__init__(reason)
        self.log = log


def _work(pipe: Connection, settings: Settings) -> None:
    """Main loop of the subprocess: receives part names, sends ("row", row, ""), then ("done", None, "") or ("error",
    reason, log).
    """
    _open_device(settings)
    parts = {part.name: part for part in all_parts(settings)}
    pipe.send(("ready", None, ""))
    while True:
        try:
            name = pipe.recv()
        except EOFError:  # whom this was done for is gone
            return
        stderr = io.StringIO()
        try:
            with contextlib.redirect_stderr(stderr):
                for row in parts[name].run(settings):
                    pipe.send(("row", row, ""))
            outcome = ("done", None, "")
        except Exception as error:  # noqa: BLE001  any failure is a result of this program
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]
            outcome = ("error", reason, (stderr.getvalue() + traceback.format_exc())[-LOG:])
        pipe.send(outcome)
        _free_memory(settings)


def _open_device(settings: Settings) -> None:
    import torch

    if settings.on_gpu:
        torch.cuda.set_device(0)
        torch.backends.cudnn.allow_tf32 = False  # as in training


def _free_memory(settings: Settings) -> None:
    """Frees the memory a part used, including compiled code."""
    import torch

    torch._dynamo.reset()
    gc.collect()
    if settings.on_gpu:
        torch.cuda.empty_cache()
