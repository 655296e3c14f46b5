"""Saves and loads the weights and the model card of a run; nothing is unpickled."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from hvit.data.preprocess import Preprocessing
from hvit.data.spectral import SpectralStream
from hvit.files import file_sha256
from hvit.models import Classifier, HViT, create_model
from hvit.rejection import METHODS, OodDetector, RejectionFileError
from hvit.runs.layout import CARD, WEIGHTS, run_name
from hvit.runs.model_card import (
    ConformalRecord,
    DetectorRecord,
    ModelCard,
)
from hvit.runs.reader import Run, RunError
from hvit.severity.estimator import SeverityEstimator
from hvit.severity.storage import SeverityHeadError, read_head
from hvit.untrusted import UntrustedFileError, inside, read_bytes, tensor_shapes

MAX_WEIGHTS_BYTES = 8 * 2**30


class CheckpointError(ValueError):
    """A run that cannot predict; the message says why and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model with its preprocessing and calibration; immutable, shared by threads.

    Attributes:
        model: in evaluation mode, float32, on `device`.
        card: `model.json`.
        name: of the run.
        run_dir: its folder.
        classes: names, in the order of the logits.
        preprocessing: photo to tensor.
        temperature: divides the logits; 1.0 where the run is not calibrated.
        conformal: thresholds of the prediction sets; None without any.
        ood: out-of-distribution detector, or None.
        sha256: of the weights.
        device: where the model is.
        spectral: input specification of the spectral stream of a `_dfca` model; None without a stream.
        severity: measures the share of the leaf with symptoms; None for a run without a usable segmentation head.
        severity_problem: why the head cannot be used, where the run has one that cannot.
    """

    model: Classifier
    card: ModelCard
    name: str
    run_dir: Path
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    temperature: float
    conformal: ConformalRecord | None
    ood: OodDetector | None
    sha256: str
    device: torch.device
    spectral: SpectralStream | None = None
    severity: SeverityEstimator | None = None
    severity_problem: str | None = None

    @property
    def takes_bands(self) -> bool:
        """Whether a file of bands beside a photo is read; indices need none."""
        return self.spectral is not None and self.spectral.kind == "bands"


def read_card(run_dir: Path) -> ModelCard:
    """Reads the model card of a run that must have one.

    Raises:
        CheckpointError: it is missing, damaged, incomplete or of another version.
    """
    try:
        card = Run(run_dir).model_card()
    except RunError as error:
        raise CheckpointError(str(error)) from None
    if card is None:
        raise CheckpointError(
            f"run {run_dir.name} has no {CARD}, so it cannot predict; finish its training or choose another"
        )
    return card


def load_checkpoint(run_dir: Path, device: str | torch.device = "cpu", headless: bool = False) -> Checkpoint:
    """Loads the model of a run, in evaluation mode.

    Args:
        headless: also take a run that was pre-trained without labels, whose model gives embeddings.
    Raises:
        CheckpointError: weights or card are missing, were changed since they were written, or do not fit each other; or
            the run knows no classes. Nothing is allocated for a model before its shapes were compared with the weights.
    """
    run_dir = Path(run_dir)
    card = read_card(run_dir)
    if not card.classes and not headless:
        raise CheckpointError(
            f"run {run_dir.name} was pre-trained without labels and knows no classes; give it some: "
            f"python -m training.finetune --config ... --set init={run_dir.name}"
        )
    try:
        with torch.device("meta"):
            described = create_model(card.architecture, **card.arguments)
        preprocessing = Preprocessing.from_dict(card.preprocessing.to_dict())
        spectral = None if card.spectral is None else SpectralStream.from_dict(card.spectral.to_dict())
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        reason = " ".join(str(error).split())[:160]
        raise CheckpointError(f"{CARD} of run {run_dir.name} does not describe a model: {reason}") from None
    _check_outputs(run_dir, card, described, spectral)
    tensors = _checked_tensors(run_dir, card, described)
    model = create_model(card.architecture, **card.arguments)
    model.load_state_dict(tensors)
    device = torch.device(device)
    severity, problem = _severity_of(run_dir, card, model, device)
    model = model.float().eval().requires_grad_(False)
    ood = load_ood_detector(run_dir, card.ood)
    if ood is not None:
        _check_ood_detector(run_dir, ood, model)
    return Checkpoint(
        model=model.to(device),
        card=card,
        name=run_name(run_dir),
        run_dir=run_dir,
        classes=card.classes,
        preprocessing=preprocessing,
        temperature=1.0 if card.temperature is None else card.temperature,
        conformal=card.conformal,
        ood=ood,
        sha256=card.sha256,
        device=device,
        spectral=spectral,
        severity=severity,
        severity_problem=problem,
    )


def _severity_of(
    run_dir: Path, card: ModelCard, model: Classifier, device: torch.device
) -> tuple[SeverityEstimator | None, str | None]:
    """The segmentation head of a run; None, or None with the reason where it cannot be used: diagnosis needs none."""
    if card.severity is None:
        return None, None
    if not isinstance(model, HViT):
        return None, f"run {run_dir.name} is a baseline without the feature pyramid that a severity head needs"
    try:
        severity = read_head(run_dir, card.severity, model.stage_dims(), card.sha256)
    except SeverityHeadError as error:
        return None, str(error)
    severity.head.to(device)
    return severity, None


def _check_outputs(run_dir: Path, card: ModelCard, model: Classifier, spectral: SpectralStream | None) -> None:
    """Compares classes and spectral channels of a card with the model it describes."""
    if model.num_classes != len(card.classes):
        raise CheckpointError(
            f"{CARD} of run {run_dir.name} names {len(card.classes)} classes for a model with {model.num_classes}; "
            "copy the run again"
        )
    takes = model.spectral_chans
    described = 0 if spectral is None else spectral.num_bands
    if takes != described:
        raise CheckpointError(
            f"{CARD} of run {run_dir.name} describes {described} spectral channels for a model that takes {takes}; "
            "copy the run again"
        )


def _checked_tensors(run_dir: Path, card: ModelCard, model: Classifier) -> dict[str, torch.Tensor]:
    """Loads the weights of a run after comparing their shapes and their hash.

    Args:
        model: of the same shapes, without memory.
    """
    name = f"{WEIGHTS} of run {run_dir.name}"
    try:
        path = inside(run_dir, WEIGHTS)
        found, size = tensor_shapes(path, MAX_WEIGHTS_BYTES)
        _check_shapes(name, card.architecture, found, model)
        data = read_bytes(path, size)
        # Safetensors reads a flipped bit without a word, hence the hash.
        if hashlib.sha256(data).hexdigest() != card.sha256:
            raise CheckpointError(f"{name} was changed or damaged after it was written; copy the run again")
        tensors = load_tensors(data)
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(
            f"run {run_dir.name} has no {WEIGHTS}, so it cannot predict; its weights are not in this copy"
        ) from None
    except UntrustedFileError as error:
        raise CheckpointError(f"{name} {error}; copy the run again") from None
    except SafetensorError as error:
        raise CheckpointError(f"{name} cannot be read: {error}") from None
    if not all(torch.isfinite(value).all() for value in tensors.values()):
        raise CheckpointError(f"{name} hold values that are not finite; copy the run again, or train it anew")
    return tensors


def _check_shapes(name: str, architecture: str, found: dict[str, tuple[int, ...]], model: Classifier) -> None:
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    differing = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    if differing:
        key = differing[0]
        raise CheckpointError(
            f"{name} do not fit {architecture}: {key[:80]} is {found.get(key, 'missing')} there and "
            f"{expected.get(key, 'missing')} in the model ({len(differing)} differ); copy the run again"
        )


def _check_ood_detector(run_dir: Path, ood: OodDetector, model: Classifier) -> None:
    """Scores features of zeros: the arrays of a detector must have the widths of the model's stages and classes."""
    features = [np.zeros((1, width), dtype=np.float32) for width in model.stage_dims()]
    try:
        with np.errstate(all="ignore"):
            scores = ood.score(features, np.zeros((1, model.num_classes), dtype=np.float32))
        fits = np.shape(scores) == (1,)
    except (ValueError, IndexError, TypeError):  # exceptions of NumPy for mismatched shapes
        fits = False
    if not fits:
        raise CheckpointError(
            f"the detector of run {run_dir.name} does not fit its model; calibrate the run again: "
            "python -m training.calibrate"
        )


def load_ood_detector(run_dir: Path, record: DetectorRecord | None) -> OodDetector | None:
    """Loads the out-of-distribution detector that `ood` of model.json describes; None without one.

    Raises:
        CheckpointError: its file is missing, changed, or of a method this version does not know.
    """
    if record is None:
        return None
    name = record.file
    try:
        path = inside(run_dir, name)
        sha256 = file_sha256(path)
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(
            f"run {run_dir.name} has no {name}, its out-of-distribution detector; copy the run again"
        ) from None
    except UntrustedFileError as error:
        raise CheckpointError(f"{name} of run {run_dir.name} {error}; copy the run again") from None
    except OSError as error:  # a pipe or a folder in its place
        raise CheckpointError(f"{name} of run {run_dir.name} cannot be read: {error.strerror}") from None
    if sha256 != record.sha256:
        raise CheckpointError(
            f"{name} of run {run_dir.name} was changed or damaged after it was written; copy the run again"
        )
    if record.method not in METHODS:
        raise CheckpointError(
            f"{CARD} of run {run_dir.name} has ood.method {record.method!r}; this version knows {', '.join(METHODS)}"
        )
    try:
        method = METHODS[record.method].load(path)
    except RejectionFileError as error:
        raise CheckpointError(f"{name} of run {run_dir.name} {error}; calibrate the run again") from None
    return OodDetector(method, record.threshold, record.unsure_threshold)
