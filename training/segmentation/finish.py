"""Calibration, test evaluation and files of a trained segmentation head."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hvit.console import progress as progress_bar
from hvit.data.classes import crop_of, is_healthy
from hvit.data.preprocess import Preprocessing
from hvit.models.segmentation import SegmentationHead
from hvit.runs.checkpoint import Checkpoint
from hvit.runs.saving import save_severity
from hvit.scoring.segmentation import count_pixels, pooled_iou
from hvit.scoring.severity import record_measured_photos, remove_measured_photos
from hvit.severity.classical import ClassicalSegmenter, tune_classical
from hvit.severity.estimator import SeverityEstimator
from hvit.severity.intervals import LEAST_IN_BIN, AreaIntervals
from hvit.severity.records import CLASSICAL, HEAD, MeasuredPhoto
from hvit.severity.segmentation import resized_probabilities
from hvit.severity.storage import severity_record, write_head
from hvit.words import crop_title
from training.config import ConfigError, SegmentConfig
from training.segmentation.encoder import EncoderDecoder
from training.segmentation.mask_datasets import MaskDatasets, MaskedPhotos, with_symptoms
from training.segmentation.measure import group_name, true_area
from training.segmentation.predict import Segmenter, predict

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
HEALTHY_QUANTILE = 0.95  # of the areas measured on leaves without symptoms: the least measurable area
MOST_TUNING = 40  # photos of a data set that the classical baseline is tuned on


def finish_severity(
    run_dir: Path, head: SegmentationHead, config: SegmentConfig, parent: Checkpoint, datasets: MaskDatasets
) -> dict[str, float]:
    """Calibrates a head, evaluates it on test, and writes it into its parent run; the model card comes last.

    Args:
        run_dir: of the segmentation run, which keeps a copy of the head.
    Returns:
        Figures for the summary of the segmentation run.
    """
    head = head.half().float().eval()  # all scores are of the float16-rounded weights that ship
    segmenter = Segmenter(parent.model.backbone, head, parent.preprocessing)
    write_head(run_dir, head)
    threshold = best_threshold(segmenter, datasets.val, datasets.selects)
    draft = SeverityEstimator(head, threshold, {}, {}, "")
    estimator = calibrated(draft, segmenter, calibration_parts(datasets), config)
    classical = tune_baselines(datasets.train, config.seed)
    records: list[MeasuredPhoto] = []
    if datasets.test is not None:
        records = evaluate(estimator, segmenter, datasets.test, config)
        records += evaluate_classical(classical, datasets.test)
    target = parent.run_dir
    sha256 = write_head(target, head)
    if not records:  # what an earlier head measured is not this one's
        remove_measured_photos(target, "test")
    else:
        record_measured_photos(
            target, "test", records, {"segmentation_run": run_dir.name, "classical": words_of(classical)}
        )
    estimator = replace(estimator, sha256=sha256)
    record = severity_record(estimator, config.head.model_dump(), parent.sha256)
    save_severity(target, record | {"licences": config.data.licences, "segmentation_run": run_dir.name})
    least = {f"least_measurable/{group}": value for group, value in estimator.least_measurable.items()}
    return {"symptom_threshold": threshold, **least}


def calibration_parts(datasets: MaskDatasets) -> list[tuple[MaskedPhotos, np.ndarray]]:
    """Photos with masks that calibrate, with their numbers: of validation, and all of `calibrate_dirs`."""
    parts = [(datasets.val, calibrating(datasets))]
    if datasets.extra is not None:
        parts.append((datasets.extra, np.arange(len(datasets.extra))))
    return parts


def calibrating(datasets: MaskDatasets) -> np.ndarray:
    """Validation photos that calibrate: their half, and for small data sets the selecting half too.

    Reusing selecting photos is slightly optimistic, but intervals from twenty photos are worse.
    """
    sources = datasets.val.sources
    own = sources[datasets.calibrates]
    few = [source for source in np.unique(sources) if (own == source).sum() < LEAST_IN_BIN]
    return np.sort(np.concatenate([datasets.calibrates, datasets.selects[np.isin(sources[datasets.selects], few)]]))


def finish_encoder(
    run_dir: Path, net: EncoderDecoder, preprocessing: Preprocessing, config: SegmentConfig, datasets: MaskDatasets
) -> dict[str, float]:
    """Evaluates a trained encoder with its head on test, as a baseline; no other run changes.

    The table of its run has one row a photo, whose method is the name of the encoder.
    """
    net = net.eval()
    segmenter = Segmenter(net.encoder, net.head, preprocessing)
    threshold = best_threshold(segmenter, datasets.val, datasets.selects)
    draft = SeverityEstimator(net.head, threshold, {}, {}, "")
    estimator = calibrated(draft, segmenter, calibration_parts(datasets), config)
    if datasets.test is not None:
        records = evaluate(estimator, segmenter, datasets.test, config, config.encoder.name)
        record_measured_photos(run_dir, "test", records, {"segmentation_run": run_dir.name})
    return {"symptom_threshold": threshold}


def best_threshold(segmenter: Segmenter, val: MaskedPhotos, photos: np.ndarray) -> float:
    """Selects the symptom threshold with the highest symptom IoU, mean of the data sets that show symptoms."""
    sources, scored = val.sources[photos], with_symptoms(val, photos)
    counts = np.zeros((len(THRESHOLDS), len(photos), 3), dtype=np.int64)
    for row, probabilities in enumerate(predict(segmenter, val, photos)):
        shares = _shares(val, photos[row])
        full = resized_probabilities(probabilities, *shares.shape[:2])
        for t, threshold in enumerate(THRESHOLDS):
            counts[t, row] = count_pixels(full, shares, threshold)[3:]
    means = [
        np.mean([pooled_iou(counts[t][sources == source]) or 0.0 for source in scored]) for t in range(len(THRESHOLDS))
    ]
    return THRESHOLDS[int(np.argmax(means))]


def calibrated(
    draft: SeverityEstimator,
    segmenter: Segmenter,
    parts: Sequence[tuple[MaskedPhotos, np.ndarray]],
    config: SegmentConfig,
) -> SeverityEstimator:
    """Fits area intervals and least measurable areas, by crop or data set.

    Healthy leaves without masks calibrate the least measurable area of their crop.

    Args:
        draft: without any.
        parts: photos with masks, and the numbers of those that calibrate.
    """
    areas: dict[str, list[tuple[float, float]]] = {}
    healthy: dict[str, list[tuple[float, float]]] = {}
    for data, photos in parts:
        for i, probabilities in zip(photos, predict(segmenter, data, photos)):
            sample, true = data.photos.samples[i], true_area(_shares(data, i))
            measured = _measured_area(draft, probabilities)
            if measured is None:
                continue
            if data.leaf_known[i] and true is not None:
                areas.setdefault(group_name(sample.source, config.data.crops), []).append((measured, true))
            elif is_healthy(sample.label) and crop_of(sample.label):
                healthy.setdefault(crop_title(crop_of(sample.label)), []).append((measured, 0.0))
    if not areas:
        raise ConfigError(
            "the head separates no single leaf in the calibrating photos, so no area can be calibrated; train longer"
        )
    tables = {group: np.array(pairs) for group, pairs in sorted(areas.items())}
    intervals = {group: AreaIntervals.fit(table[:, 0], table[:, 1]) for group, table in tables.items()}
    least = {group: _least_measurable(table) for group, table in tables.items()}
    fallback = max(value for value in [*least.values(), 0.0] if value is not None)
    filled = {group: fallback if value is None else value for group, value in least.items()}
    of_healthy = {crop: _least_measurable(np.array(pairs)) for crop, pairs in sorted(healthy.items())}
    filled |= {crop: value for crop, value in of_healthy.items() if value is not None and crop not in filled}
    return replace(draft, intervals=intervals, least_measurable=filled)


def _measured_area(draft: SeverityEstimator, probabilities: np.ndarray) -> float | None:
    """Area measured before calibration; None without a single leaf."""
    measurement = draft.measure(probabilities)
    return None if isinstance(measurement, str) else measurement.lesion_fraction


def _least_measurable(table: np.ndarray) -> float | None:
    """Quantile of the areas measured on leaves without symptoms; None without such leaves."""
    healthy = table[table[:, 1] == 0, 0]
    return float(np.quantile(healthy, HEALTHY_QUANTILE)) if len(healthy) >= 5 else None


def evaluate(
    estimator: SeverityEstimator, segmenter: Segmenter, data: MaskedPhotos, config: SegmentConfig, method: str = HEAD
) -> list[MeasuredPhoto]:
    """Measures photos with masks, with their crop taken as known."""
    show = progress_bar("severity on test")
    records = []
    for i, probabilities in enumerate(predict(segmenter, data, np.arange(len(data)))):
        shares = _shares(data, i)
        counts = count_pixels(
            resized_probabilities(probabilities, *shares.shape[:2]), shares, estimator.symptom_threshold
        )
        severity, reason = estimator.estimate(
            probabilities, group_name(data.photos.samples[i].source, config.data.crops)
        )
        values = (None,) * 4
        if severity is not None:
            values = (severity.lesion_fraction, severity.low, severity.high, severity.lesions)
        records.append(_record(data, i, method, counts, *values, reason))
        show(i + 1, len(data))
    return records


def tune_baselines(train: MaskedPhotos, seed: int) -> dict[str, ClassicalSegmenter]:
    """Tunes color thresholds for each data set that shows symptoms on some of its training photos."""
    rng, tuned = np.random.default_rng(seed), {}
    for source in with_symptoms(train, np.arange(len(train))):
        own = np.flatnonzero(train.sources == source)
        own = rng.permutation(own)[:MOST_TUNING]
        photos = [np.ascontiguousarray(train.photos[i]) for i in own]
        masks = [_shares(train, i) for i in own]
        tuned[source] = tune_classical(photos, masks, bool(train.leaf_known[own[0]]))
    return tuned


def evaluate_classical(segmenters: dict[str, ClassicalSegmenter], data: MaskedPhotos) -> list[MeasuredPhoto]:
    """Measures photos with masks by color thresholds."""
    records = []
    for i, source in enumerate(data.sources):
        if source not in segmenters:
            continue
        shares = _shares(data, i)
        leaf, symptom = segmenters[source](np.ascontiguousarray(data.photos[i]))
        true_leaf, true_symptom = shares[:, :, 1] + shares[:, :, 2] >= 0.5, shares[:, :, 2] >= 0.5
        counts = [m.sum() for m in (true_leaf, leaf, true_leaf & leaf, true_symptom, symptom, true_symptom & symptom)]
        area = float(symptom.sum() / leaf.sum()) if leaf.any() and data.leaf_known[i] else None
        records.append(_record(data, i, CLASSICAL, np.array(counts), area, None, None, None, None))
    return records


def words_of(segmenters: dict[str, ClassicalSegmenter]) -> dict[str, str]:
    """Describes the thresholds of the baseline of each data set."""
    return {source: repr(segmenter) for source, segmenter in segmenters.items()}


def _record(
    data: MaskedPhotos, i: int, method: str, counts: np.ndarray, area, low, high, lesions, reason
) -> MeasuredPhoto:
    sample, known = data.photos.samples[i], bool(data.leaf_known[i])
    leaf_true, leaf, leaf_both, symptom_true, symptom, symptom_both = (int(count) for count in counts)
    return MeasuredPhoto(
        sample.relative, data.photos.sha256[i], sample.source, sample.label, method, known,
        int(data.photos.sizes[i].prod()),
        leaf_true if known else 0, leaf, leaf_both if known else 0, symptom_true, symptom, symptom_both,
        true_area(_shares(data, i)) if known else None, area, low, high, lesions, reason,
    )  # fmt: skip


def _shares(data: MaskedPhotos, i: int) -> np.ndarray:
    shares: np.ndarray = data.masks[i].astype(np.float32) / 255
    return shares
