"""Saves weights, model card, detector and severity record of a run."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as save_tensors

from hvit.data.preprocess import Preprocessing
from hvit.data.spectral import SpectralStream
from hvit.files import file_sha256, write_bytes, write_json
from hvit.models import Classifier
from hvit.rejection import OodDetector
from hvit.runs.checkpoint import read_card
from hvit.runs.layout import CARD, REJECTION, WEIGHTS
from hvit.runs.model_card import (
    ConformalRecord,
    DetectorRecord,
    ModelCard,
    PreprocessingRecord,
    SpectralRecord,
)
from hvit.runs.writer import update_manifest
from hvit.weights_origin import Origin


def save_checkpoint(
    run_dir: Path,
    model: Classifier,
    architecture: str,
    arguments: dict[str, Any],
    classes: list[str],
    preprocessing: Preprocessing,
    data_fingerprint: str,
    licences: dict[str, str],
    temperature: float | None = None,
    conformal: ConformalRecord | None = None,
    ood: OodDetector | None = None,
    half: bool = True,
    spectral: SpectralStream | None = None,
    pretrained: Origin | None = None,
) -> None:
    """Saves weights (`model.safetensors`) and model card (`model.json`), in this order.

    Args:
        architecture, arguments: of `create_model`.
        data_fingerprint: of the training photos.
        licences: of the data, by data set.
        conformal: thresholds of the prediction sets.
        ood: detector with its thresholds.
        half: store floating-point weights as float16, but for those beyond its range: the variances of a baseline's
            batch norm can be.
        spectral: input specification of the spectral stream; required for a `_dfca` model, and only there.
        pretrained: origin of outside weights; None without any.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    if half:
        tensors = {name: _halved(value) for name, value in tensors.items()}
    write_bytes(run_dir / WEIGHTS, save_tensors(tensors))
    rejection = None
    if ood is not None:
        ood.save(run_dir / REJECTION)
        rejection = _rejection_record(ood, run_dir / REJECTION)
    card = ModelCard(
        architecture=architecture,
        arguments=arguments,
        classes=tuple(classes),
        preprocessing=PreprocessingRecord(preprocessing.img_size, preprocessing.mean, preprocessing.std),
        temperature=temperature,
        conformal=conformal,
        ood=rejection,
        sha256=file_sha256(run_dir / WEIGHTS),
        data_fingerprint=data_fingerprint,
        licences=licences,
        spectral=None if spectral is None else SpectralRecord.from_dict(spectral.to_dict()),
        pretrained=pretrained,
    )
    write_json(run_dir / CARD, card.to_dict())


def save_calibration(run_dir: Path, temperature: float, conformal: ConformalRecord, ood: OodDetector | None) -> None:
    """Replaces the calibration in `model.json` and the file of its detector, and lists both in the run's manifest.

    The detector goes to a file named by its content first, then `model.json` names it, then the old one is removed: a
    crash leaves a run that can predict, as before or as after.

    Raises:
        CheckpointError: the run has no card that can be read.
    """
    card = read_card(run_dir)
    before, record = card.ood, None
    if ood is not None:
        unnamed = run_dir / f"{REJECTION}.partial"  # a name the manifest passes over
        ood.save(unnamed)
        name = REJECTION if before is None else f"rejection-{file_sha256(unnamed)[:12]}.npz"
        path = run_dir / name
        os.replace(unnamed, path)
        record = _rejection_record(ood, path)
    write_json(run_dir / CARD, replace(card, temperature=temperature, conformal=conformal, ood=record).to_dict())
    replaced = [] if before is None or (record is not None and before.file == record.file) else [before.file]
    for name in replaced:
        (run_dir / name).unlink(missing_ok=True)  # a plain name: nothing outside the run is removed
    update_manifest(run_dir, [CARD] if record is None else [CARD, record.file], replaced)


def save_severity(run_dir: Path, record: dict[str, Any]) -> None:
    """Adds or replaces `severity` in `model.json`; its file must be there already. Lists both in the run's manifest.

    Raises:
        CheckpointError: the run has no card that can be read.
    """
    write_json(run_dir / CARD, replace(read_card(run_dir), severity=record).to_dict())
    update_manifest(run_dir, [CARD, record["file"]])


def _rejection_record(ood: OodDetector, path: Path) -> DetectorRecord:
    unsure = None if ood.unsure_threshold is None else float(ood.unsure_threshold)
    return DetectorRecord(ood.method.name, path.name, float(ood.threshold), file_sha256(path), unsure)


def _halved(value: torch.Tensor) -> torch.Tensor:
    if not value.is_floating_point() or value.abs().amax() > torch.finfo(torch.float16).max:
        return value
    return value.half()
