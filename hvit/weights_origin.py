"""Provenance of pretrained weights from outside."""

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Origin:
    """Provenance of pretrained weights, as recorded in `model.json`.

    Attributes:
        architecture: model they belong to, for example "timm:tf_efficientnet_lite0".
        mean, std: input normalization, one number per channel, in [0, 1].
        source: where the file was found, as free text.
        licence: of the weights, or "unknown".
        trained_on: the data set they were trained on, or "unknown".
        sha256: of the imported file; for weights downloaded by timm, of their tensors as safetensors.
    Raises:
        ValueError: a value is of another type or out of range.
    """

    architecture: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    source: str
    licence: str
    trained_on: str
    sha256: str

    def __post_init__(self) -> None:
        for key in ("architecture", "source", "licence", "trained_on"):
            value = getattr(self, key)
            if not isinstance(value, str) or not 0 < len(value) <= 1000:
                raise ValueError(f"{key} is {value!r:.80}; expected up to 1,000 characters of text")
        for key, least in (("mean", 0.0), ("std", 1e-3)):
            _check_channels(key, getattr(self, key), least)
        if not isinstance(self.sha256, str) or not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(f"sha256 is {self.sha256!r:.80}; expected 64 hexadecimal digits")

    def to_dict(self) -> dict[str, Any]:
        """The fields as text and lists of numbers, for JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Any) -> "Origin":
        """Reads the output of `to_dict`.

        Raises:
            ValueError: a key is missing or unknown, or a value is of another type or out of range.
        """
        if not isinstance(values, dict) or set(values) != set(cls.__dataclass_fields__):
            found = sorted(values) if isinstance(values, dict) else f"{values!r:.80}"
            raise ValueError(f"origin of weights is {found}, expected {sorted(cls.__dataclass_fields__)}")
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        return cls(**fields)


def _check_channels(key: str, values: object, least: float) -> None:
    if not isinstance(values, tuple) or len(values) != 3 or not all(_is_in_range(value, least) for value in values):
        raise ValueError(f"{key} is {values!r:.80}; expected three numbers from {least:g} to 1, of pixels in [0, 1]")


def _is_in_range(value: object, least: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and least <= value <= 1
