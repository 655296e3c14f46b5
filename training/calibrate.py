"""From trained weights to a run that can predict: half precision, temperature, prediction sets, rejection.

Everything here is computed on the float16-rounded weights that ship, on photos that neither trained nor selected.
"""

import copy
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hvit.calibration import fit_conformal, fit_temperature, prediction_set, softmax
from hvit.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from hvit.data.cache import MAX_UNREADABLE, PhotoCache, UnreadablePhotosError, patient_sha256
from hvit.data.dataset import readers
from hvit.data.preprocess import Preprocessing
from hvit.evaluation import evaluate, predict_samples
from hvit.models import Baseline, HViT
from hvit.rejection import Rejector
from training.config import FinetuneConfig
from training.draws import uniform
from training.material import Material

ALPHAS = (0.02, 0.015, 0.01, 0.0075, 0.005, 0.003)
ALPHAS_OF_FEW = (0.05, 0.1)  # where there are too few photos for any of these
ERRORS_NOT_NAMED = 0.6
ACCEPTED = 0.94
ACCEPTED_EACH = 0.90
FOLDS = 5
TIMED_PHOTOS = 48


@dataclass(frozen=True)
class Level:
    """The level of the prediction sets and what chose it."""

    alpha: float
    threshold: float
    errors_not_named: float


def finish_run(
    run_dir: Path,
    model: HViT | Baseline,
    config: FinetuneConfig,
    preprocessing: Preprocessing,
    material: Material,
    arguments: dict,
    pretrained: dict | None = None,
) -> dict[str, float]:
    """Writes weights, card and the calibrating half's predictions into the run.

    Args:
        model: with the selected weights.
        preprocessing: the run is served with.
        material: what it was trained on; its calibrating photos are used here.
        arguments: of `create_model`, beside the name.
        pretrained: where outside weights came from, see `hvit.models.pretrained.Origin`.
    Returns:
        Figures for the run's summary, all on the calibrating half.
    """
    train, val, classes = material.train, material.val, material.classes
    common = dict(
        run_dir=run_dir,
        model=model,
        architecture=config.model.name,
        arguments=arguments,
        classes=classes,
        preprocessing=preprocessing,
        data_fingerprint=train.fingerprint,
        licences=config.data.licences,
        spectral=material.stream,
        pretrained=pretrained,
    )
    save_checkpoint(**common)
    device = next(model.parameters()).device
    checkpoint = load_checkpoint(run_dir, device)  # float16-rounded, as it ships
    calibrates, reference = (
        _unchanged(cache, indices)
        for cache, indices in (
            (val, material.calibrates),
            (train, _stratified(train, config.rejection_photos, config.seed)),
        )
    )
    samples = [val.samples[i] for i in calibrates]
    print("calibrating", file=sys.stderr, flush=True)
    known_samples = [train.samples[i] for i in reference]
    known = predict_samples(checkpoint, known_samples, workers=readers(known_samples))
    rejector = Rejector.fit(known.stage_features)
    predicted = predict_samples(checkpoint, samples, workers=readers(samples))
    labels = np.array([classes.index(sample.label) for sample in samples])
    groups = np.array([sample.group for sample in samples])

    temperature = fit_temperature(predicted.logits, labels)
    scores = rejector.score(predicted.stage_features)
    threshold = rejection_threshold(scores, np.array([sample.source for sample in samples]))
    probs = softmax(predicted.logits, temperature)
    alphas = supported(ALPHAS, len(labels)) or supported(ALPHAS_OF_FEW, len(labels)) or ALPHAS_OF_FEW[-1:]
    level = choose_level(probs, labels, groups, scores <= threshold, alphas)
    save_checkpoint(
        **common,
        temperature=temperature,
        conformal={"alpha": level.alpha, "method": "lac", "threshold": level.threshold},
        ood=(rejector, threshold),
    )
    result = evaluate(load_checkpoint(run_dir, device), samples, workers=readers(samples))
    return {
        "calibrate_n": len(samples),
        "calibrate_top1": result.document["top1"],
        "calibrate_nll": result.document["nll"],
        "calibrate_ece": result.document["ece"],
        "temperature": temperature,
        "alpha": level.alpha,
        "errors_not_named": level.errors_not_named,
        **({"calibrate_lost": lost} if (lost := len(material.calibrates) - len(calibrates)) else {}),
    }


def _unchanged(cache: PhotoCache, indices: Sequence[int]) -> list[int]:
    """Those whose file is still the one that was decoded. Training read each once; calibration reads it again.

    Raises:
        UnreadablePhotosError: more than 0.5 % are not.
    """
    kept = [i for i in indices if patient_sha256(cache.samples[i]) == cache.sha256[i]]
    if lost := sorted(set(indices) - set(kept)):
        first = cache.samples[lost[0]].relative
        told = f"{len(lost)} of {len(indices)} photos are gone or changed since training began, {first} the first"
        if len(lost) > MAX_UNREADABLE * len(indices):
            raise UnreadablePhotosError(f"{told}; bring them back, then go on with --resume")
        print(f"{told}; calibrating without them", file=sys.stderr, flush=True)
    return kept


def rejection_threshold(scores: np.ndarray, sources: np.ndarray) -> float:
    """The least score that accepts 94 % of all photos and 90 % of those of each data set.

    Chosen on photos of leaves alone: what strange photos look like is not known beforehand.
    """
    each = [np.quantile(scores[sources == source], ACCEPTED_EACH) for source in np.unique(sources)]
    return float(max(np.quantile(scores, ACCEPTED), *each))


def supported(alphas: Sequence[float], num_photos: int) -> list[float]:
    """The levels that so many photos can hold, even four fifths of them: at a stricter one every class is possible."""
    fewest = num_photos * (FOLDS - 1) / FOLDS + 1
    return [alpha for alpha in alphas if alpha * fewest >= 1]


def choose_level(
    probs: np.ndarray, labels: np.ndarray, groups: np.ndarray, accepted: np.ndarray, alphas: Sequence[float] = ALPHAS
) -> Level:
    """The mildest level at which at least 60 % of the errors are not named: in a set of two or more, or rejected.

    Each level is judged by cross-fitting over groups: the sets of a fold use the threshold of the others.

    Args:
        probs: calibrated, (N, K).
        labels: (N,).
        groups: photos of one group stay in one fold, (N,).
        accepted: photos that are not rejected, (N,).
        alphas: levels to choose from, the mildest first.
    """
    wrong = probs.argmax(1) != labels
    numbers = np.unique(groups, return_inverse=True)[1]
    folds = (uniform(0, numbers, 1, 3000)[:, 0] * FOLDS).astype(int)
    for alpha in alphas:
        sizes = np.zeros(len(labels), dtype=int)
        for fold in range(FOLDS):
            inside = folds == fold
            if inside.any() and not inside.all():
                limit = fit_conformal(probs[~inside], labels[~inside], alpha)
                sizes[inside] = prediction_set(probs[inside], limit).sum(1)
        not_named = (sizes > 1) | ~accepted
        share = float(not_named[wrong].mean()) if wrong.any() else 1.0
        if share >= ERRORS_NOT_NAMED:
            break
    return Level(alpha, fit_conformal(probs, labels, alpha), share)


def finish_s(model: HViT | Baseline, config: FinetuneConfig, preprocessing: Preprocessing, material: Material) -> float:
    """Seconds `finish_run` will take, estimated from the time that a few of its photos take now."""
    train = material.train
    checkpoint = Checkpoint(
        model=copy.deepcopy(model).cpu().float().eval(),
        card={},
        name=config.model.name,
        run_dir=Path(),
        classes=tuple(material.classes),
        preprocessing=preprocessing,
        temperature=1.0,
        conformal=None,
        ood=None,
        sha256="",
        device=torch.device("cpu"),
        spectral=material.stream,
    )
    few = [train.samples[i] for i in _stratified(train, TIMED_PHOTOS, config.seed)]
    for samples in (few[:8], few):  # the first pass of a net is slower than others
        began = time.perf_counter()
        predict_samples(checkpoint, samples)
    photo_s = (time.perf_counter() - began) / len(few)
    return photo_s * (min(config.rejection_photos, len(train)) + 2 * len(material.calibrates))


def _stratified(cache: PhotoCache, count: int, seed: int) -> list[int]:
    """Photos drawn evenly over (data set, class), at most `count`, in order."""
    strata = defaultdict(list)
    keys = uniform(seed, np.arange(len(cache)), 1, 4000)[:, 0]
    for i in np.argsort(keys, kind="stable"):
        strata[(cache.samples[i].source, cache.samples[i].label)].append(int(i))
    chosen, turn = [], 0
    queues = [strata[key] for key in sorted(strata)]
    while len(chosen) < min(count, len(cache)):
        chosen += [queue[turn] for queue in queues if turn < len(queue)][: count - len(chosen)]
        turn += 1
    return sorted(chosen)
