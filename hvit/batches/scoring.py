"""Scores the photos of a batch with several threads, keeping what is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from hvit.batches.folder import Batch, BatchError
from hvit.batches.photos import BatchPhoto, read_photos, thumbnail_path
from hvit.batches.progress import Progress, stop_requested, write_progress
from hvit.batches.scores import merge_parts, read_scores, score_row, write_part
from hvit.data.invalid_photo import InvalidPhotoError
from hvit.diagnosis import Diagnosis, PreparedPhoto, diagnose_window, prepare_photo, unreadable
from hvit.runs.checkpoint import Checkpoint

CHUNK = 4  # photos that a thread decodes and then scores together: bounds memory, and the loss of a kill
FLUSH_S = 1.0
THUMBNAIL_PX = 160
SPEED_OVER_S = 60.0  # the time left is estimated from so many seconds


def score_batch(
    batch: Batch,
    checkpoint: Checkpoint,
    threads: int,
    again: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Scores the photos of a batch that have no scores yet, also those added meanwhile.

    Each thread decodes a few photos and runs the network on them, with one thread of its own: decoding and network
    overlap, and no more threads work than were asked for.

    Args:
        threads: to work with.
        again: first score photos again that could not be read before.
        should_stop: called before each chunk, like the check for a stop request in the folder.
    Returns:
        How many photos were scored.
    Raises:
        BatchError: the checkpoint has other weights than the batch, or the batch cannot be read or written.
    """
    check_weights(batch, checkpoint)
    writer = _Writer(batch, threads)

    def stop() -> bool:
        return should_stop() or stop_requested(batch.path)

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    tried: set[str] = set()
    with ThreadPoolExecutor(threads) as pool:
        while not (stopping := stop()):
            photos = [photo for photo in _waiting(batch, again and not tried) if photo.path not in tried]
            if not photos:
                break
            tried.update(photo.path for photo in photos)
            chunks = [photos[start : start + CHUNK] for start in range(0, len(photos), CHUNK)]
            calls = (partial(_score_chunk, batch, checkpoint, chunk) for chunk in chunks)
            for rows in _completed(pool, calls, threads, stop, writer.beat):
                writer.add(rows)
            writer.flush()
    writer.flush()
    if not stopping:
        merge_parts(batch)
    return writer.done


def check_weights(batch: Batch, checkpoint: Checkpoint) -> None:
    """Checks that a checkpoint has the weights that a batch was begun with.

    Raises:
        BatchError: it has others.
    """
    if checkpoint.sha256 != batch.run_sha256:
        raise BatchError(
            f"batch {batch.name} was begun with other weights of run {batch.run} ({batch.run_sha256[:8]}, now "
            f"{checkpoint.sha256[:8]}); what is scored stays; make a new batch for the rest"
        )


def _waiting(batch: Batch, again: bool) -> list[BatchPhoto]:
    scores = read_scores(batch)
    done = {path for path, error in zip(scores.paths, scores.errors) if not (again and error)}
    return [photo for photo in read_photos(batch) if photo.path not in done]


def _score_chunk(batch: Batch, checkpoint: Checkpoint, photos: Sequence[BatchPhoto]) -> list[dict[str, Any]]:
    torch.set_num_threads(1)  # of this thread: OpenMP counts them for each
    window: list[PreparedPhoto | Diagnosis] = []
    for photo in photos:
        path = batch.path / photo.path
        try:
            prepared = prepare_photo(checkpoint, path)
            _write_thumbnail(thumbnail_path(batch, photo.path), prepared.pixels)
            window.append(replace(prepared, pixels=None))
        except InvalidPhotoError as error:
            window.append(unreadable(checkpoint, path, error))
    diagnoses = diagnose_window(checkpoint, window, batch_size=CHUNK)
    return [score_row(photo.path, diagnosis) for photo, diagnosis in zip(photos, diagnoses)]


def _write_thumbnail(path: Path, pixels: np.ndarray | None) -> None:
    """A JPEG with the longer side at `THUMBNAIL_PX`; not flushed to the disk, as it can be made again."""
    assert pixels is not None
    factor = THUMBNAIL_PX / max(pixels.shape[:2])
    small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise BatchError(f"{path} cannot be written: {error.strerror}") from None


def _completed(
    pool: ThreadPoolExecutor,
    calls: Iterator[Callable[[], list[dict[str, Any]]]],
    threads: int,
    should_stop: Callable[[], bool],
    beat: Callable[[], None],
) -> Iterator[list[dict[str, Any]]]:
    """Yields results as they complete, with one queued call a thread; starts no more once asked to stop.

    Args:
        beat: called at least once a second.
    """
    running: set[Future[list[dict[str, Any]]]] = set()
    more = True
    while more or running:
        while more and len(running) < 2 * threads:
            call = None if should_stop() else next(calls, None)
            more = call is not None
            if call is not None:
                running.add(pool.submit(call))
        if not more and should_stop():
            for future in list(running):
                if future.cancel():
                    running.discard(future)
        done, running = wait(running, FLUSH_S, FIRST_COMPLETED)
        for future in done:
            yield future.result()
        beat()


class _Writer:
    """Collects rows and writes them as a part once a second, with the progress."""

    def __init__(self, batch: Batch, threads: int):
        self._batch, self._threads = batch, threads
        self._rows: list[dict[str, Any]] = []
        self._times: list[tuple[float, int]] = [(time.monotonic(), 0)]
        self._flushed = time.monotonic()
        self.done = 0

    def add(self, rows: list[dict[str, Any]]) -> None:
        self._rows += rows
        self.done += len(rows)

    def beat(self) -> None:
        if time.monotonic() - self._flushed >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            write_part(self._batch.path, self._rows)
            self._rows = []
        self._flushed = now = time.monotonic()
        self._times.append((now, self.done))
        self._times = [(then, done) for then, done in self._times if now - then <= SPEED_OVER_S] or self._times[-1:]
        then, done = self._times[0]
        speed = (self.done - done) / (now - then) if self.done > done and now > then else None
        write_progress(self._batch.path, Progress(self.done, self._threads, speed))
