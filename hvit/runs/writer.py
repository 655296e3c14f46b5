"""Writes a run directory while a training runs: metrics, heartbeat, status, manifest."""

import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hvit.files import append_line, file_sha256, write_bytes, write_chunks, write_json
from hvit.runs.fields import check_row
from hvit.runs.layout import CONFIG, INFO, LOCK, MANIFEST, METRICS, SCHEMA_VERSION
from hvit.runs.provenance import git_state, library_versions, public, public_argv
from hvit.runs.reader import Run, RunError
from hvit.runs.run_info import Progress, RunInfo
from hvit.untrusted import UntrustedFileError, parse_json, read_lines

HEARTBEAT_S = 10


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class RunLock:
    """File lock on a run directory; the operating system releases it when the process ends.

    Args:
        path: folder of the run.
    Raises:
        RunError: another process holds it.
    """

    def __init__(self, path: Path):
        from filelock import FileLock, Timeout

        path.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path / LOCK)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            # The holder may not have written its process id yet, or on Windows the file is locked for reading.
            process = (Run(path).info if (path / INFO).exists() else RunInfo()).process
            who = "another process" if process is None else f"process {process}"
            raise RunError(f"{path} is being written by {who}; wait for it, or choose another --run-dir") from None

    def release(self) -> None:
        """Releases the lock and removes its file."""
        with suppress(OSError):  # Windows keeps a file that is open
            os.unlink(self._lock.lock_file)
        self._lock.release()


def check_not_taken(path: Path, resume: bool) -> None:
    """Checks that a folder holds no run, unless that run is resumed.

    Raises:
        RunError: it holds one, and `resume` is not set.
    """
    if not resume and (path / INFO).exists():
        status = Run(path).status
        raise RunError(f"{path} holds a run already ({status}); choose another --run-dir, or go on with it: --resume")


class RunWriter:
    """Writes a run while it trains; one process writes.

    Args:
        path: folder of the run.
        kind: pretrain, finetune or baseline.
        config: resolved configuration.
        seed: of all random numbers.
        argv: the command; its program is kept by name, and paths are made relative.
        data_fingerprint: of the training photos.
        parent: name of the run the weights come from.
        plants_known: whether every photo says which plant it shows; None where photos play no part.
        tags: free words.
        world_size: processes that train.
        device: "cpu" or the name of the accelerator.
        resume: resume the run in `path`.
        lock: on `path`, where it is held already.
    Raises:
        RunError: the folder holds a run and `resume` is not set, or another process is writing it.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        config: dict[str, Any],
        seed: int,
        argv: list[str],
        data_fingerprint: str,
        parent: str | None = None,
        plants_known: bool | None = None,
        tags: Iterable[str] = (),
        world_size: int = 1,
        device: str = "cpu",
        resume: bool = False,
        lock: RunLock | None = None,
    ):
        self.path = Path(path)
        check_not_taken(self.path, resume)
        self._lock = lock or RunLock(self.path)
        before = Run(self.path).info if (self.path / INFO).exists() else RunInfo(parent=parent, started=_now())
        self._writing, self._over = threading.Lock(), threading.Event()  # the thread of `beating` writes too
        self._changing = threading.Lock()
        self._began = time.monotonic()
        self._elapsed = before.elapsed_s or 0.0
        self.info = RunInfo(
            schema_version=SCHEMA_VERSION,
            status="running",
            heartbeat=_now(),
            kind=kind,
            parent=before.parent,
            seed=seed,
            git=git_state(),
            argv=tuple(public_argv(argv)),
            world_size=world_size,
            device=device,
            libraries=library_versions(),
            data_fingerprint=data_fingerprint,
            plants_known=plants_known,
            started=before.started,
            elapsed_s=self._elapsed,
            process=os.getpid(),
            tags=tuple(tags),
        )
        import yaml

        write_bytes(self.path / CONFIG, yaml.safe_dump(public(config), sort_keys=False, allow_unicode=True).encode())
        self._write()

    def log(self, step: int, epoch: float, split: str, **values: float | None) -> None:
        """Appends one line to `metrics.jsonl`, completely or not at all; non-finite values become null."""
        row = {"step": step, "epoch": epoch, "split": split, "time_s": self._time_s()}
        row |= {key: value if value is None or abs(value) < float("inf") else None for key, value in values.items()}
        append_line(self.path / METRICS, json.dumps(row, allow_nan=False))

    def rows(self) -> list[dict[str, Any]]:
        """Rows logged so far."""
        return Run(self.path).metrics()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Context manager that writes a heartbeat every 10 s from a thread."""
        thread = threading.Thread(target=self._beat, daemon=True, name="heartbeat")
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_S):
            with self._writing:
                if not self._over.is_set():
                    try:
                        self._write()
                    except OSError:  # a full disk: other writers report it, and the heartbeat may stop
                        continue

    def progress(self, step: int, total_steps: int, images_per_s: float | None, left_s: float | None) -> None:
        """Sets the progress for the next heartbeat; cheap enough for every step."""
        self._change(progress=Progress(step, total_steps, images_per_s, left_s, _now()))

    def truncate_metrics(self, step: int) -> int:
        """Removes lines beyond a step: on resume they will be written again."""
        return truncate_lines(self.path / METRICS, step)

    def finish(self, status: str, summary: dict[str, Any], exit_status: int | None = None) -> None:
        """Writes the final status (done, failed or preempted) and summary, and releases the lock.

        Args:
            exit_status: of the program, where it ended deliberately.
        """
        self._over.set()
        with self._writing:
            self._change(
                status=status, ended=_now(), summary=summary, exit_status=exit_status, process=None, progress=None
            )
            self._write()
        self._lock.release()

    def write_manifest(self) -> None:
        """Writes the manifest with the SHA-256 of every file; call it last."""
        write_manifest(self.path)

    def _time_s(self) -> float:
        return self._elapsed + time.monotonic() - self._began

    def _write(self) -> None:
        self._change(elapsed_s=self._time_s(), heartbeat=_now())
        write_json(self.path / INFO, self.info.to_dict())

    def _change(self, **values: Any) -> None:
        with self._changing:
            self.info = replace(self.info, **values)


def truncate_lines(path: Path, step: int) -> int:
    """Truncates a file of JSON lines after a step; a torn last line is removed, a missing file is fine.

    Returns:
        Number of other lines that are no rows with a step; they are dropped.
    Raises:
        RunError: it is no regular file.
    """
    wrong = 0

    def kept() -> Iterator[bytes]:
        nonlocal wrong
        for line in read_lines(path):
            if line is not None and not line.endswith(b"\n"):  # torn
                return
            at = None if line is None else _step_of(line)
            wrong += at is None
            if line is not None and at is not None and at <= step:
                yield line

    try:
        if not os.path.lexists(path):
            return 0
        write_chunks(path, kept())
    except UntrustedFileError as error:
        raise RunError(f"{path} {error}; remove it") from None
    return wrong


def _step_of(line: bytes) -> float | None:
    """Step of a row; None for an invalid row."""
    try:
        return check_row(parse_json(line, nan="null")).get("step")
    except UntrustedFileError:
        return None


def write_manifest(path: Path) -> None:
    """Writes `manifest.json`: the SHA-256 of every file of a run except its checkpoints and itself."""
    files = {}
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if (
            file.is_file()
            and name not in (MANIFEST, LOCK)
            and not name.startswith("checkpoints/")
            and not file.name.endswith(".partial")
        ):
            files[name] = file_sha256(file)
    write_json(path / MANIFEST, {"files": files})


def update_manifest(path: Path, written: Iterable[str], removed: Iterable[str] = ()) -> None:
    """Updates the manifest for some files, if there is one: a run in training gets its manifest at the end."""
    if (path / MANIFEST).exists():
        add_to_manifest(path, written, removed)


def add_to_manifest(path: Path, written: Iterable[str], removed: Iterable[str] = ()) -> None:
    """Updates the manifest for some files; others stay listed, even if they are not in this copy.

    Args:
        written: files of the run that are new or changed, as `eval/test/tsne.npz`.
        removed: files that are no longer part of it.
    """
    before = Run(path).manifest()
    if before is None:
        return write_manifest(path)
    files = before | {name: file_sha256(path / name) for name in written}
    write_json(path / MANIFEST, {"files": {name: files[name] for name in sorted(set(files) - set(removed))}})
