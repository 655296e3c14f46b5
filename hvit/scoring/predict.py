"""Predicts photos with a run: logits and stage features, in batches of equal size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hvit.data.datasets.reading import DataError, Sample
from hvit.data.inputs import model_inputs, stacked
from hvit.data.invalid_photo import InvalidPhotoError
from hvit.data.photos import LeastSides, Photo, photo_errors
from hvit.data.spectral import InvalidBandsError
from hvit.data.views import PLAIN, TTA, view_of
from hvit.processes import run_in_order
from hvit.runs.checkpoint import Checkpoint
from hvit.scoring.model_outputs import ModelOutputs, ViewOutputs

WINDOW = 512  # photos decoded at a time: bounds memory, and lets photos of equal sides share batches


def predict_pixels(checkpoint: Checkpoint, photos: Iterable[np.ndarray], batch_size: int = 32) -> ModelOutputs:
    """Predicts decoded photos without bands, each (H, W, 3) uint8; `sha256` is left empty."""
    inputs = (model_inputs(pixels, checkpoint.preprocessing, checkpoint.spectral) for pixels in photos)
    return predict_inputs(checkpoint, inputs, batch_size)


def predict_inputs(checkpoint: Checkpoint, inputs: Iterable[tuple[Tensor, ...]], batch_size: int = 32) -> ModelOutputs:
    """Predicts outputs of `model_inputs`; `sha256` is left empty."""
    parts = [_predict_window(checkpoint, window, batch_size, (PLAIN,)) for window in _windows(inputs)]
    return _concatenated(parts, []).of_photo()


def predict_samples(
    checkpoint: Checkpoint,
    samples: list[Sample],
    batch_size: int = 32,
    progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int = 1,
    tta: bool = False,
    without_bands: bool = False,
    unreadable: dict[str, str] | None = None,
) -> ModelOutputs:
    """Predicts the photos of a data set, with their bands for a run that takes them.

    Args:
        progress: called with the photos done and their number.
        workers: processes that read.
        tta: average the probabilities of each photo and its mirror image; features are those of the photo.
        without_bands: leave bands unread, as if there were none.
        unreadable: see `predict_views`.
    Raises:
        DataError: a photo or its bands cannot be read; names it.
    """
    views = TTA["mirror"] if tta else (PLAIN,)
    found = predict_views(checkpoint, samples, views, batch_size, progress, workers, without_bands, unreadable)
    return found.mean(checkpoint.temperature) if tta else found.of_photo()


def predict_views(
    checkpoint: Checkpoint,
    samples: list[Sample],
    views: Sequence[tuple[int, bool]],
    batch_size: int = 32,
    progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int = 1,
    without_bands: bool = False,
    unreadable: dict[str, str] | None = None,
) -> ViewOutputs:
    """Predicts several views of each photo, decoded once; features are those of the first view.

    Args:
        views: of `hvit.data.views`; the photo itself comes first.
        progress: called with the photos done and their number.
        workers: processes that read.
        without_bands: leave bands unread, as if there were none.
        unreadable: filled with path and reason of unreadable photos, which are then left out of the result; without it,
            the first of them is an error.
    Raises:
        DataError: a photo or its bands cannot be read, or none of the photos; names the first.
    """
    parts, hashes, stream = [], [], checkpoint.spectral
    least_sides = checkpoint.preprocessing.least_sides
    calls: list[Callable[[], tuple[Photo, np.ndarray | None]]]
    if stream is not None and checkpoint.takes_bands and not without_bands:
        calls = [partial(sample.read_with_bands, stream.num_bands, stream.scale, least_sides) for sample in samples]
    else:
        calls = [partial(_read_alone, sample, least_sides) for sample in samples]
    photos = run_in_order(calls, workers)
    for start in range(0, len(samples), WINDOW):
        inputs = []
        for sample, photo_of in zip(samples[start : start + WINDOW], photos):
            try:
                photo, bands = photo_of()
                with photo_errors():
                    inputs.append(model_inputs(photo.pixels, checkpoint.preprocessing, stream, bands))
            except InvalidPhotoError as error:
                if unreadable is None:
                    raise DataError(f"{sample.path} cannot be read: {error}") from None
                unreadable[sample.relative] = str(error)
                continue
            except InvalidBandsError as error:
                raise DataError(str(error)) from None
            hashes.append(photo.sha256)
        if inputs:
            parts.append(_predict_window(checkpoint, inputs, batch_size, views))
        progress(min(start + WINDOW, len(samples)), len(samples))
    if unreadable and not parts:
        path, reason = next(iter(unreadable.items()))
        raise DataError(f"none of {len(samples)} photos can be read; the first is {path}: {reason}")
    return _concatenated(parts, hashes)


def _read_alone(sample: Sample, least_sides: LeastSides) -> tuple[Photo, None]:
    return sample.read(least_sides), None


def _windows(inputs: Iterable[tuple[Tensor, ...]]) -> Iterator[list[tuple[Tensor, ...]]]:
    window = []
    for photo in inputs:
        window.append(photo)
        if len(window) == WINDOW:
            yield window
            window = []
    if window:
        yield window


@torch.inference_mode()
def _predict_window(
    checkpoint: Checkpoint, photos: list[tuple[Tensor, ...]], batch_size: int, views: Sequence[tuple[int, bool]]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Predicts several views (V, N, K) of photos in memory, and features of the first view.

    Batches hold photos of equal size, so that none is padded and predictions do not depend on the batch.
    """
    by_sides: dict[torch.Size, list[int]] = {}
    for i, (image, *_) in enumerate(photos):
        by_sides.setdefault(image.shape, []).append(i)
    logits: list[Any] = [None] * len(photos)
    features: list[Any] = [None] * len(photos)
    for rows in by_sides.values():
        for start in range(0, len(rows), batch_size):
            part = rows[start : start + batch_size]
            batch = stacked([photos[i] for i in part], checkpoint.device)
            first, stages = checkpoint.model.forward_stages(*view_of(batch, views[0]))
            others = [checkpoint.model(*view_of(batch, view)) for view in views[1:]]
            batch_logits = torch.stack([first, *others]).cpu().numpy()
            for j, i in enumerate(part):
                logits[i] = batch_logits[:, j]
                features[i] = [stage[j].cpu().numpy() for stage in stages]
    return np.stack(logits, axis=1), [np.stack(stage) for stage in zip(*features)]


def _concatenated(parts: list[Any], hashes: list[str]) -> ViewOutputs:
    logits = np.concatenate([part[0] for part in parts], axis=1)
    return ViewOutputs(logits, [np.concatenate(stage) for stage in zip(*(part[1] for part in parts))], hashes)
