"""Calibrates a run: temperature, conformal prediction sets, out-of-distribution detector; on the weights that ship."""

import copy
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hvit.calibration import fit_temperature
from hvit.console import progress
from hvit.data.caching.photo_cache import MAX_UNREADABLE, PhotoCache, UnreadablePhotosError, sha256_with_retries
from hvit.data.datasets.reading import DataError, Sample, readers
from hvit.data.leafsim import EARLY_STRESS
from hvit.data.preprocess import Preprocessing
from hvit.device import chosen_device
from hvit.models import Classifier
from hvit.rejection import METHODS, OodDetector
from hvit.runs import INFO, Run
from hvit.runs.checkpoint import Checkpoint, load_checkpoint
from hvit.runs.layout import SPLIT
from hvit.runs.results import record_results
from hvit.runs.saving import save_calibration, save_checkpoint
from hvit.scoring.predict import predict_samples
from hvit.scoring.scores import score
from hvit.weights_origin import Origin
from training.calibration.conformal import AUTO, STRATEGIES, choose_conformal, levels_for
from training.calibration.recorded_photos import RecordedPhotos, check_unchanged, find_recorded
from training.calibration.unknown_classes import (
    Acceptance,
    SetRecipe,
    calibration_set,
    leave_one_class_out,
    rejection_threshold,
    unsure_quantile,
)
from training.config import CalibrationConfig, FinetuneConfig
from training.frozen_features.labeled_features import LabeledFeatures
from training.inputs.datasets import Datasets, encode_roles
from training.inputs.random_streams import uniform

REFERENCE_PHOTOS, SEED = 6000, 0  # where a run does not say
TIMED_PHOTOS = 48


def calibrate_again(
    run: Run, dirs: list[Path], options: CalibrationConfig, by_path: bool = False, device: str = "auto"
) -> dict:
    """Calibrates a finished run from its weights, and writes model.json, the detector, run.json and the manifest.

    Nothing is written before everything is computed.

    Args:
        dirs: data sets that hold the photos of the run's split.csv.
        by_path: the photos were encoded again: match them by path, and record their new paths and hashes.
    Returns:
        Figures for the run's summary, all on the calibrating half.
    """
    checkpoint = load_checkpoint(run.path, chosen_device(device))
    recorded = find_recorded(run.path, dirs, by_path, early_stress=EARLY_STRESS in checkpoint.classes)
    if not by_path:
        check_unchanged(recorded, run.name)
    reference, calibrating = calibration_photos(recorded, run.config or {})
    summary = calibrate(checkpoint, reference, calibrating, options, run.field_sets)
    _record(run, summary, recorded if by_path else None)
    return summary


def calibration_photos(recorded: RecordedPhotos, config: dict) -> tuple[list[Sample], list[Sample]]:
    """Samples the training photos that fit the detector, and lists the photos that calibrate.

    Raises:
        DataError: the run's split.csv lists none of one kind.
    """
    train, calibrating = recorded.of_role("train"), recorded.of_role("calibrate")
    if not train or not calibrating:
        raise DataError(f"{SPLIT} lists {len(train)} photos that train and {len(calibrating)} that calibrate")
    count, seed = config.get("rejection_photos", REFERENCE_PHOTOS), config.get("seed", SEED)
    return [train[i] for i in stratified(train, count, seed)], calibrating


def _record(run: Run, summary: dict, recorded: RecordedPhotos | None) -> None:
    results: dict[str, Any] = {}
    if recorded is not None:
        hashes = [sample.sha256() for sample in recorded.samples]
        results[SPLIT] = encode_roles(recorded.samples, hashes, [row["role"] for row in recorded.rows])
    kept = {name: value for name, value in run.info.summary.items() if not name.startswith("calibrate_")}
    results[INFO] = replace(run.info, summary=kept | summary).to_dict()
    record_results(run.path, results)


def finish_run(
    run_dir: Path,
    model: Classifier,
    config: FinetuneConfig,
    preprocessing: Preprocessing,
    datasets: Datasets,
    arguments: dict,
    pretrained: Origin | None = None,
) -> dict:
    """Writes weights and card into the run, and calibrates it.

    Args:
        model: with the selected weights.
        preprocessing: at serving time.
        datasets: of the training; their calibrating photos are used here.
        arguments: of `create_model`, beside the name.
        pretrained: origin of weights from outside.
    Returns:
        Figures for the run's summary, all on the calibrating half.
    """
    train, val = datasets.train, datasets.val
    save_checkpoint(
        run_dir=run_dir,
        model=model,
        architecture=config.model.name,
        arguments=arguments,
        classes=datasets.classes,
        preprocessing=preprocessing,
        data_fingerprint=train.fingerprint,
        licences=config.data.licences,
        spectral=datasets.stream,
        pretrained=pretrained,
    )
    reference = _unchanged(train, stratified(train.samples, config.rejection_photos, config.seed))
    calibrates = _unchanged(val, datasets.calibrates)
    print("calibrating", file=sys.stderr, flush=True)
    summary = calibrate(
        load_checkpoint(run_dir, next(model.parameters()).device),  # float16-rounded, as it ships
        [train.samples[i] for i in reference],
        [val.samples[i] for i in calibrates],
        config.calibration,
        tuple(config.data.field),
    )
    lost = len(datasets.calibrates) - len(calibrates)
    return summary | ({"calibrate_lost": lost} if lost else {})


def calibrate(
    checkpoint: Checkpoint,
    reference: list[Sample],
    calibrating: list[Sample],
    options: CalibrationConfig,
    field_sets: Sequence[str],
) -> dict:
    """Fits temperature, conformal thresholds and detector of a run, and saves them in it.

    Args:
        reference: training photos that the detector is fitted to.
        calibrating: photos that neither trained nor selected, with their groups.
        field_sets: names of the data sets of field photos.
    Returns:
        Figures for the run's summary, all on the calibrating photos.
    """
    photos, known = (_features(checkpoint, samples) for samples in (calibrating, reference))
    temperature = fit_temperature(photos.logits, photos.labels)
    method = METHODS[options.ood_method].fit(known.features, known.logits, known.labels)
    scores = method.score(photos.features, photos.logits)
    acceptance = Acceptance(options.accepted_laboratory, options.accepted_field, tuple(field_sets))
    ood = OodDetector(method, rejection_threshold(scores, photos.sources, acceptance))
    calibrates = calibration_set(photos, temperature, field_sets, ood.accepts(scores))
    strategies = STRATEGIES if options.conformal == AUTO else (options.conformal,)
    level, reason, compared = choose_conformal(calibrates, levels_for(len(photos)), strategies)
    summary = {"temperature": temperature, "alpha": level.alpha, "errors_not_named": level.errors_not_named}
    if options.max_unknown_named is not None:
        recipe = SetRecipe(temperature, level.alpha, level.strategy)
        left_out = leave_one_class_out(METHODS[options.ood_method], known, photos, photos, recipe, acceptance)
        quantile = unsure_quantile(left_out, options.max_unknown_named)
        limit = min(float(np.quantile(scores, quantile)), ood.threshold)
        ood = replace(ood, unsure_threshold=limit)
        summary["unsure_quantile"] = quantile
    save_calibration(checkpoint.run_dir, temperature, level.to_record(), ood)
    found = replace(checkpoint, temperature=temperature, conformal=level.to_record(), ood=ood)
    document = score(found, photos.predictions, photos.labels)
    for name in ("n", "top1", "nll", "ece", "named", "named_correct"):
        summary[f"calibrate_{name}"] = document[name]
    for name, other in compared.items():
        summary[f"conformal_{name}_lowest_coverage"] = other.lowest_coverage
        summary[f"conformal_{name}_set_size"] = other.mean_set_size
    return summary | {"conformal_reason": reason}


def _features(checkpoint: Checkpoint, samples: list[Sample]) -> LabeledFeatures:
    """Predicts the photos of a split; their features and logits with the labels."""
    found = predict_samples(checkpoint, samples, progress=progress("photos"), workers=readers(samples))
    return LabeledFeatures.of(found, samples, checkpoint.classes)


def _unchanged(cache: PhotoCache, indices: Sequence[int]) -> list[int]:
    """Filters photos whose file has not changed since it was decoded; returns their indices.

    Raises:
        UnreadablePhotosError: more than 0.5 % are not.
    """
    kept = [i for i in indices if sha256_with_retries(cache.samples[i]) == cache.sha256[i]]
    if lost := sorted(set(indices) - set(kept)):
        first = cache.samples[lost[0]].relative
        reason = f"{len(lost)} of {len(indices)} photos are gone or changed since training began, {first} the first"
        if len(lost) > MAX_UNREADABLE * len(indices):
            raise UnreadablePhotosError(f"{reason}; restore them, then resume with --resume")
        print(f"{reason}; calibrating without them", file=sys.stderr, flush=True)
    return kept


def finish_s(model: Classifier, config: FinetuneConfig, preprocessing: Preprocessing, datasets: Datasets) -> float:
    """Estimates the seconds `finish_run` will take, by timing a few of its photos."""
    train, device = datasets.train, next(model.parameters()).device
    checkpoint = Checkpoint(
        model=copy.deepcopy(model).float().eval(),
        card={},
        name=config.model.name,
        run_dir=Path(),
        classes=tuple(datasets.classes),
        preprocessing=preprocessing,
        temperature=1.0,
        conformal=None,
        ood=None,
        sha256="",
        device=device,
        spectral=datasets.stream,
    )
    few = [train.samples[i] for i in stratified(train.samples, TIMED_PHOTOS, config.seed)]
    for samples in (few[:8], few):  # the first pass of a net is slower than others
        began = time.perf_counter()
        found = predict_samples(checkpoint, samples)
    photo_s = (time.perf_counter() - began) / len(few)
    num_reference, num_calibrating = min(config.rejection_photos, len(train)), len(datasets.calibrates)
    detector_s = _detector_s(LabeledFeatures.of(found, few, datasets.classes), num_reference, num_calibrating, config)
    return photo_s * (num_reference + num_calibrating) + detector_s


def _detector_s(few: LabeledFeatures, num_reference: int, num_calibrating: int, config: FinetuneConfig) -> float:
    """Estimates the seconds the detector takes, by fitting one to the features of a few repeated photos."""
    known, asked = (few.only(np.resize(np.arange(len(few)), count)) for count in (num_reference, num_calibrating))
    began = time.perf_counter()
    method = METHODS[config.calibration.ood_method].fit(known.features, known.logits, known.labels)
    method.score(asked.features, asked.logits)
    leaves_out = config.calibration.max_unknown_named is not None
    return (time.perf_counter() - began) * (1 + leaves_out * len(few.classes))


def stratified(samples: list[Sample], count: int, seed: int) -> list[int]:
    """Row numbers of photos sampled evenly over (data set, class), at most `count`, in order."""
    strata = defaultdict(list)
    keys = uniform(seed, np.arange(len(samples)), 1, 4000)[:, 0]
    for i in np.argsort(keys, kind="stable"):
        strata[(samples[i].source, samples[i].label)].append(int(i))
    chosen, turn = [], 0
    queues = [strata[key] for key in sorted(strata)]
    while len(chosen) < min(count, len(samples)):
        chosen += [queue[turn] for queue in queues if turn < len(queue)][: count - len(chosen)]
        turn += 1
    return sorted(chosen)
