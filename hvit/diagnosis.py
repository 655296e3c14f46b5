"""Diagnosis of a photo: bytes to label, calibrated probability, prediction set, severity and verdict. Start reading
here.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hvit.calibration import softmax
from hvit.data.classes import crop_of, select_crop
from hvit.data.inputs import model_inputs, stacked
from hvit.data.invalid_photo import InvalidPhotoError
from hvit.data.photos import Photo, decode_photo, photo_bytes, photo_errors
from hvit.data.quality_flags import photo_flags
from hvit.data.spectral import InvalidBandsError, read_bands
from hvit.data.views import MIRROR, view_of
from hvit.files import file_sha256
from hvit.models import has_attention
from hvit.runs.checkpoint import Checkpoint
from hvit.severity.estimator import Severity
from hvit.severity.segmentation import class_probabilities, detail_image
from hvit.verdicts import NAMED, UNFAMILIAR, verdicts
from hvit.words import verdict_message, with_area

MOST_HASHED = 4_000_000_000  # bytes


@dataclass(frozen=True)
class Diagnosis:
    """Result of diagnosing one photo; an unreadable one has only hash, error, verdict and run.

    Attributes:
        sha256: of the file's bytes; None of one that was not read.
        error: why it cannot be read, or None.
        verdict: named, unsure (a set of two or more), unfamiliar (not in distribution) or unreadable.
        message: the verdict in words.
        label: the most likely class; given even when unfamiliar.
        probability: of `label`, calibrated.
        probabilities: of every class of the run.
        prediction_set: classes that cannot be ruled out, most likely first; holds `label`.
        in_distribution: whether it looks like photos the run learned from.
        ood_score: out-of-distribution score; higher is farther from the training photos. None without a detector.
        severity: share of the leaf with symptoms; None where it was not measured.
        severity_reason: why there is none; with a number, that lesions of the crop were never validated.
        flags: blurred, dark, bright, tiny, animated, no_bands (the run takes bands, and none came with the photo),
            not_like_<crop>.
        run: name of the run.
        near_limit: whether the set holds two classes only because the photo is nearly unfamiliar; said in the message.
        pixels: the upright photo, (H, W, 3) uint8; a large one is reduced, see `PreparedPhoto`.
        heatmap: attention rollout, (h, w) float32 in [0, 1]: relative share on a log scale,
            0.5x to 2x the average; if asked for.
            None also where the run is a baseline, which has no attention to follow.
        areas: probability of background, leaf and symptom, (h, w, 3) float32; None without pixels, or a severity head.
        latency_ms: from bytes to here, of this photo alone; None in batches.
        logits: before temperature, (K,) float32, of the photo itself; they do not depend on a chosen crop.
    """

    sha256: str | None
    error: str | None
    verdict: str
    message: str
    label: str | None
    probability: float | None
    probabilities: dict[str, float] | None
    prediction_set: list[str] | None
    in_distribution: bool | None
    ood_score: float | None
    severity: Severity | None
    flags: list[str]
    run: str
    severity_reason: str | None = None
    near_limit: bool = False
    pixels: np.ndarray | None = None
    heatmap: np.ndarray | None = None
    areas: np.ndarray | None = None
    latency_ms: float | None = None
    logits: np.ndarray | None = None

    def to_row(self, file: str) -> dict[str, Any]:
        """The object that `predict --json` prints for a photo named `file`."""
        return {
            "file": file,
            "sha256": self.sha256,
            "error": self.error,
            "verdict": self.verdict,
            "message": self.message,
            "label": self.label,
            "probability": self.probability,
            "probabilities": self.probabilities,
            "prediction_set": self.prediction_set,
            "in_distribution": self.in_distribution,
            "ood_score": self.ood_score,
            "severity": None if self.severity is None else self.severity.to_dict(),
            "severity_reason": self.severity_reason,
            "flags": self.flags,
            "run": self.run,
        }


@dataclass(frozen=True)
class PreparedPhoto:
    """A decoded and preprocessed photo, ready for the model.

    Attributes:
        sha256: of the file's bytes.
        sides: height and width of the upright photo in the file, in px.
        flags: quality flags.
        inputs: model inputs without batch dimension, on the CPU.
        pixels: the upright photo, (H, W, 3) uint8, a large one reduced as `Preprocessing.least_sides` allows; None
            where it was not kept.
        detail: the input of the severity head, without a batch axis; None for a run without one.
    """

    sha256: str
    sides: tuple[int, int]
    flags: list[str]
    inputs: tuple[torch.Tensor, ...]
    pixels: np.ndarray | None
    detail: torch.Tensor | None = None


@dataclass(frozen=True)
class _Scores:
    """Outputs for one photo: logits (views, K), mean tokens of each stage (C,), and class probabilities (h, w, 3)."""

    logits: np.ndarray
    stage_features: list[np.ndarray]
    heatmap: np.ndarray | None = None
    areas: np.ndarray | None = None


def diagnose(
    checkpoint: Checkpoint,
    photo: bytes | Path,
    crop: str | None = None,
    overlay: bool = False,
    tta: bool = False,
    bands: Path | None = None,
) -> Diagnosis:
    """Diagnoses one photo; an unreadable one gets the verdict "unreadable".

    Args:
        photo: bytes or path of the file.
        crop: restrict predictions to this crop, and renormalize.
        overlay: also compute the heatmap, where the model has attention, as an HViT has.
        tta: average the probabilities of the photo and its mirror image.
        bands: file of the photo's bands, for a run that takes them; without it the prediction is from RGB alone.
    Raises:
        ValueError: the run knows no such crop, or takes no bands.
        InvalidBandsError: the bands cannot be read, or are not those of this photo.
    """
    began = time.perf_counter()
    _check_crop(checkpoint, crop)
    try:
        prepared = prepare_photo(checkpoint, photo, bands)
    except InvalidPhotoError as error:
        return unreadable(checkpoint, photo, error)
    diagnosis = diagnose_prepared(checkpoint, prepared, crop, overlay, tta)
    return replace(diagnosis, latency_ms=1000 * (time.perf_counter() - began))


def prepare_photo(
    checkpoint: Checkpoint, photo: bytes | Path, bands: Path | None = None, keep_pixels: bool = True
) -> PreparedPhoto:
    """Reads, decodes and preprocesses one photo; the model is not run yet.

    Raises:
        InvalidPhotoError: it cannot be read, for whatever reason.
        ValueError: the run takes no bands.
        InvalidBandsError: the bands cannot be read, or are not those of this photo.
    """
    if bands is not None and not checkpoint.takes_bands:
        raise ValueError(f"run {checkpoint.name} takes no file of bands")
    data = photo if isinstance(photo, bytes) else photo_bytes(photo)
    decoded = decode_photo(data, checkpoint.preprocessing.least_sides)
    planes, stream = None, checkpoint.spectral
    if bands is not None and stream is not None:
        planes = read_bands(bands, stream.num_bands, stream.scale, decoded.sides)
    with photo_errors():
        inputs = model_inputs(decoded.pixels, checkpoint.preprocessing, stream, planes)
        flags = _flags(checkpoint, decoded, bands)
        has_head = checkpoint.severity is not None
        detail = detail_image(decoded.pixels, checkpoint.preprocessing) if has_head else None
    pixels = decoded.pixels if keep_pixels else None
    return PreparedPhoto(decoded.sha256, decoded.sides, flags, inputs, pixels, detail)


def diagnose_prepared(
    checkpoint: Checkpoint, photo: PreparedPhoto, crop: str | None = None, overlay: bool = False, tta: bool = False
) -> Diagnosis:
    """Diagnoses a photo prepared by `prepare_photo`; see `diagnose`."""
    _check_crop(checkpoint, crop)
    scores = _score(checkpoint, [photo], tta, overlay)[0]
    return _conclude(checkpoint, photo, scores, crop)


def diagnose_many(
    checkpoint: Checkpoint,
    photos: Iterable[bytes | Path],
    crop: str | None = None,
    tta: bool = False,
    batch_size: int = 16,
    keep_pixels: bool = True,
    bands: Iterable[Path | None] | None = None,
) -> Iterator[Diagnosis]:
    """Diagnoses photos in order. Batches hold photos of equal size, so that results do not depend on the batch.

    Args:
        photos: bytes or paths of the files.
        keep_pixels: give each diagnosis its photo; without, dozens of large photos are not held in memory at a time.
        bands: file of each photo's bands, or None; a photo whose bands cannot be used gets the verdict "unreadable".
    Raises:
        ValueError: the run knows no such crop, or takes no bands.
    """
    _check_crop(checkpoint, crop)
    window: list[PreparedPhoto | Diagnosis] = []
    for photo, own_bands in zip(photos, repeat(None) if bands is None else bands):
        window.append(_prepared_or_unreadable(checkpoint, photo, own_bands, keep_pixels))
        if len(window) == 4 * batch_size:
            yield from diagnose_window(checkpoint, window, crop, tta, batch_size)
            window = []
    yield from diagnose_window(checkpoint, window, crop, tta, batch_size)


def _prepared_or_unreadable(
    checkpoint: Checkpoint, photo: bytes | Path, bands: Path | None, keep_pixels: bool
) -> PreparedPhoto | Diagnosis:
    try:
        return prepare_photo(checkpoint, photo, bands, keep_pixels)
    except (InvalidPhotoError, InvalidBandsError) as error:
        return unreadable(checkpoint, photo, error)


def diagnose_window(
    checkpoint: Checkpoint,
    window: Sequence[PreparedPhoto | Diagnosis],
    crop: str | None = None,
    tta: bool = False,
    batch_size: int = 16,
) -> list[Diagnosis]:
    """Diagnoses prepared photos in order, batched by size; existing diagnoses are passed through.

    Raises:
        ValueError: the run knows no such crop.
    """
    _check_crop(checkpoint, crop)
    done = {i: photo for i, photo in enumerate(window) if isinstance(photo, Diagnosis)}
    by_sides: dict[torch.Size, list[tuple[int, PreparedPhoto]]] = {}
    for i, photo in enumerate(window):
        if isinstance(photo, PreparedPhoto):
            by_sides.setdefault(photo.inputs[0].shape, []).append((i, photo))
    for rows in by_sides.values():
        for start in range(0, len(rows), batch_size):
            part = rows[start : start + batch_size]
            outputs = _score(checkpoint, [photo for _, photo in part], tta, False)
            for (i, photo), scores in zip(part, outputs):
                done[i] = _conclude(checkpoint, photo, scores, crop)
    return [done[i] for i in range(len(window))]


@torch.inference_mode()
def _score(checkpoint: Checkpoint, photos: list[PreparedPhoto], tta: bool, overlay: bool) -> list[_Scores]:
    """Runs one forward pass for photos of equal size; severity uses its feature maps."""
    batch = stacked([photo.inputs for photo in photos], checkpoint.device)
    model, severity = checkpoint.model, checkpoint.severity
    heatmaps: list[np.ndarray | None] = [None] * len(photos)
    maps = None
    if overlay and has_attention(model):
        from hvit.explain.methods.rollout import heatmap_of

        details = model.forward_details(*batch)
        logits, features, heatmaps = details.logits, details.stage_features, [heatmap_of(details)]
        maps = details.feature_maps
    elif severity is not None and has_attention(model):
        logits, features, maps = model.forward_pyramid(*batch)
    else:
        logits, features = model.forward_stages(*batch)
    areas: Sequence[np.ndarray | None] = [None] * len(photos)
    if severity is not None and maps is not None:
        detail = stacked([(photo.detail,) for photo in photos if photo.detail is not None], checkpoint.device)[0]
        areas = list(class_probabilities(severity.head, maps, detail))
    views = [logits.cpu().numpy()]
    if tta:
        views.append(model(*view_of(batch, MIRROR)).cpu().numpy())
    stages = [stage.cpu().numpy() for stage in features]
    return [
        _Scores(np.stack([view[i] for view in views]), [stage[i] for stage in stages], heatmaps[i], areas[i])
        for i in range(len(photos))
    ]


def _flags(checkpoint: Checkpoint, photo: Photo, bands: Path | None) -> list[str]:
    flags = photo_flags(photo.pixels, checkpoint.preprocessing.img_size) + (["animated"] if photo.animated else [])
    return [*flags, "no_bands"] if checkpoint.takes_bands and bands is None else flags


def _conclude(checkpoint: Checkpoint, photo: PreparedPhoto, scores: _Scores, crop: str | None) -> Diagnosis:
    classes = checkpoint.classes
    probs = softmax(scores.logits, checkpoint.temperature).mean(0)
    flags = list(photo.flags)
    if crop is not None:
        mask = select_crop(classes, crop)
        if probs[~mask].sum() > 0.5:
            flags.append(f"not_like_{crop_of(classes[int(mask.argmax())])}")
        probs = np.where(mask, probs, 0.0) / max(probs[mask].sum(), 1e-300)
    order = np.argsort(-probs, kind="stable")
    # Rejection reads the photo itself, never its mirror image: the first view.
    found = verdicts(checkpoint, probs[None], [stage[None] for stage in scores.stage_features], scores.logits[:1])
    chosen = [int(k) for k in order if found.sets[0, k]]
    verdict = str(found.words[0])
    names = [classes[k] for k in chosen]
    near_limit = found.widened is not None and bool(found.widened[0])
    severity, reason = _severity(checkpoint, scores.areas, verdict, crop_of(classes[order[0]]))
    message = verdict_message(verdict, names, [float(probs[k]) for k in chosen], classes, near_limit)
    return Diagnosis(
        sha256=photo.sha256,
        error=None,
        verdict=verdict,
        message=message if severity is None or verdict != NAMED else with_area(message, names[0], severity),
        label=classes[order[0]],
        probability=float(probs[order[0]]),
        probabilities={name: float(p) for name, p in zip(classes, probs)},
        prediction_set=names,
        in_distribution=bool(found.accepted[0]),
        ood_score=None if found.scores is None else float(found.scores[0]),
        severity=severity,
        flags=flags,
        run=checkpoint.name,
        severity_reason=reason,
        near_limit=near_limit,
        pixels=photo.pixels,
        heatmap=scores.heatmap,
        logits=scores.logits[0],
        areas=None if photo.pixels is None else scores.areas,
    )


def _severity(
    checkpoint: Checkpoint, areas: np.ndarray | None, verdict: str, crop: str
) -> tuple[Severity | None, str | None]:
    """Severity of a photo from class probabilities, and the reason where it is missing or restricted."""
    if checkpoint.severity is None or areas is None:
        return None, checkpoint.severity_problem or f"run {checkpoint.name} has no severity head"
    if verdict == UNFAMILIAR:
        return None, "the photo is unfamiliar"
    return checkpoint.severity.estimate(areas, crop)


def _check_crop(checkpoint: Checkpoint, crop: str | None) -> None:
    if crop is not None:
        select_crop(checkpoint.classes, crop)


def unreadable(
    checkpoint: Checkpoint, photo: bytes | Path | None, error: InvalidPhotoError | InvalidBandsError
) -> Diagnosis:
    """Diagnosis of an unreadable photo: the one place where an error becomes a row.

    Args:
        photo: its bytes or path; None where neither is known.
    """
    return Diagnosis(
        sha256=_sha256_of(photo), error=str(error), verdict="unreadable", message=f"Cannot be read: {error}",
        label=None, probability=None, probabilities=None, prediction_set=None, in_distribution=None, ood_score=None,
        severity=None, flags=[], run=checkpoint.name,
    )  # fmt: skip


def _sha256_of(photo: bytes | Path | None) -> str | None:
    """SHA-256 of a photo's bytes; None for a file that cannot be opened or is too large to hash."""
    if isinstance(photo, bytes):
        return hashlib.sha256(photo).hexdigest()
    try:
        return file_sha256(photo) if photo is not None and photo.stat().st_size <= MOST_HASHED else None
    except (OSError, ValueError):
        return None
