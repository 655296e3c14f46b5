"""The model card, `model.json`: everything except the weights that prediction needs. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from hvit.data.classes import crop_of
from hvit.runs.fields import check_card
from hvit.runs.layout import SCHEMA_VERSION
from hvit.untrusted import UntrustedFileError
from hvit.weights_origin import Origin

NEEDED = (
    "schema_version", "architecture", "arguments", "classes", "preprocessing", "temperature", "conformal", "ood",
    "sha256", "data_fingerprint", "licences",
)  # fmt: skip
NEEDED_IN = {
    "preprocessing": ("img_size", "mean", "std"),
    "conformal": ("alpha", "method", "threshold"),
    "ood": ("method", "file", "threshold", "sha256"),
    "spectral": ("kind", "names", "mean", "std", "scale"),
}
# Keys that are written only where there is a value.
LEFT_OUT = {"spectral", "pretrained", "severity", "groups", "unsure_threshold"}


@dataclass(frozen=True)
class _Record:
    """A JSON object as fields: lists are tuples, and keys without a field are in `extra`."""

    extra: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads validated values."""
        known = {each.name for each in fields(cls)} - {"extra"}
        own = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items() if key in known}
        return cls(**own, extra={key: value for key, value in values.items() if key not in known})

    def to_dict(self) -> dict[str, Any]:
        """Value for JSON."""
        values: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, _Record | Origin):
                values[each.name] = value.to_dict()
            elif each.name != "extra" and (value is not None or each.name not in LEFT_OUT):
                values[each.name] = list(value) if isinstance(value, tuple) else value
        return values | dict(self.extra)


@dataclass(frozen=True)
class PreprocessingRecord(_Record):
    """Fields of `hvit.data.preprocess.Preprocessing`."""

    img_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class ConformalRecord(_Record):
    """Conformal prediction sets.

    Attributes:
        alpha: error level the sets are calibrated for, in (0, 1).
        method: score function, such as "lac".
        threshold: of the score, one for all classes or one for each crop.
        groups: how photos were pooled to fit it; None where that was not recorded.
    """

    alpha: float
    method: str
    threshold: float | Mapping[str, float]
    groups: str | None = None


@dataclass(frozen=True)
class DetectorRecord(_Record):
    """Out-of-distribution detector: a method of `hvit.rejection`, its file, and its thresholds.

    Attributes:
        threshold: scores above it are out of distribution.
        unsure_threshold: scores above it are never named; None without this second threshold.
    """

    method: str
    file: str
    threshold: float
    sha256: str
    unsure_threshold: float | None = None


@dataclass(frozen=True)
class SpectralRecord(_Record):
    """Fields of `hvit.data.spectral.SpectralStream`."""

    kind: str
    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float


@dataclass(frozen=True)
class ModelCard(_Record):
    """Content of `model.json`.

    Attributes:
        architecture, arguments: of `hvit.models.create_model`.
        classes: in the order of the logits; empty for a backbone pre-trained without labels.
        temperature: divides the logits; None where the run is not calibrated.
        conformal: None without prediction sets.
        ood: None without a detector.
        sha256: of `model.safetensors`.
        data_fingerprint: hash of the training photos.
        licences: of the data, by data set.
        spectral: of a `_dfca` model.
        pretrained: origin of the outside weights it, or its parent, started from.
        severity: of the segmentation head; None without one. Not validated here but where the head is read, see
            `hvit.severity.storage`: diagnosis goes on where it is damaged.
        extra: keys this version does not know, kept as they are.
    """

    architecture: str
    arguments: Mapping[str, Any]
    classes: tuple[str, ...]
    preprocessing: PreprocessingRecord
    temperature: float | None
    conformal: ConformalRecord | None
    ood: DetectorRecord | None
    sha256: str
    data_fingerprint: str | None
    licences: Mapping[str, str]
    spectral: SpectralRecord | None = None
    pretrained: Origin | None = None
    severity: Any = None
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Validates and reads the value of the JSON file.

        Raises:
            UntrustedFileError: something is missing, or a value is of another type or out of range.
        """
        values = dict(check_card(values))
        _check_complete(values)
        for name, kind in RECORDS.items():
            values[name] = None if values.get(name) is None else kind.from_dict(values[name])
        values["pretrained"] = _origin(values.get("pretrained"))
        values["licences"] = values["licences"] or {}
        card = super().from_dict(values)
        _check_thresholds(card)
        return card

    def to_dict(self) -> dict[str, Any]:
        """Value of the JSON file."""
        return {"schema_version": self.schema_version} | super().to_dict()


RECORDS: dict[str, type[_Record]] = {
    "preprocessing": PreprocessingRecord,
    "conformal": ConformalRecord,
    "ood": DetectorRecord,
    "spectral": SpectralRecord,
}


def _check_complete(values: Mapping[str, Any]) -> None:
    missing = [key for key in NEEDED if key not in values]
    for part, keys in NEEDED_IN.items():
        if isinstance(values.get(part), dict):
            missing += [f"{part}.{key}" for key in keys if key not in values[part]]
    if missing:
        raise UntrustedFileError(f"lacks {', '.join(missing)}")


def _origin(value: Any) -> Origin | None:
    if value is None:
        return None
    try:
        return Origin.from_dict(value)
    except ValueError as error:
        raise UntrustedFileError(f"has a damaged section pretrained: {error}") from None


def _check_thresholds(card: ModelCard) -> None:
    """Checks that thresholds of prediction sets are in [0, 1], one for all or one for each crop of the classes."""
    if card.conformal is None:
        return
    threshold = card.conformal.threshold
    by_crop = threshold if isinstance(threshold, Mapping) else {"": threshold}
    lacking = {crop_of(name) for name in card.classes} - set(by_crop) if isinstance(threshold, Mapping) else set()
    if lacking or not all(0 <= value <= 1 for value in by_crop.values()):
        raise UntrustedFileError(
            f"has conformal.threshold {threshold!r:.80}; expected a number from 0 to 1, or one for each crop"
        )
