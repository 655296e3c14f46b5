"""Decision rules from logits to verdicts: classes, temperature, conformal and rejection thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hvit.runs import ModelCard
from hvit.runs.model_card import ConformalRecord
from hvit.untrusted import UntrustedFileError


@dataclass(frozen=True)
class Rules:
    """The part of a run's `model.json` that derives verdicts from scores; stored in the batch itself.

    Attributes:
        classes: names, in the order of the logits.
        temperature: divides the logits; 1.0 where the run is not calibrated.
        calibrated: whether the run recorded a temperature.
        conformal: thresholds of the prediction sets; None without any.
        ood_threshold: largest out-of-distribution score that is accepted; None for a run without rejection.
        unsure_threshold: largest score that may be named; None: every accepted photo may.
    """

    classes: tuple[str, ...]
    temperature: float
    calibrated: bool
    conformal: ConformalRecord | None
    ood_threshold: float | None
    unsure_threshold: float | None

    @classmethod
    def from_card(cls, card: ModelCard) -> Rules:
        """Takes the rules from the `model.json` of a run."""
        return cls(
            card.classes,
            1.0 if card.temperature is None else card.temperature,
            card.temperature is not None,
            card.conformal,
            None if card.ood is None else card.ood.threshold,
            None if card.ood is None else card.ood.unsure_threshold,
        )

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Rules:
        """Reads the output of `to_json`.

        Raises:
            UntrustedFileError: a value is missing or of another type.
        """
        classes, temperature = document.get("classes"), document.get("temperature")
        if not isinstance(classes, list) or not classes or not all(isinstance(name, str) for name in classes):
            raise UntrustedFileError("lists no classes")
        if not isinstance(temperature, int | float) or not temperature > 0:
            raise UntrustedFileError("has no temperature above 0")
        conformal = document.get("conformal")
        if conformal is not None:
            if not isinstance(conformal, dict) or not {"alpha", "method", "threshold"} <= set(conformal):
                raise UntrustedFileError("has a conformal section without alpha, method or threshold")
            conformal = ConformalRecord.from_dict(conformal)
        thresholds = [document.get(name) for name in ("ood_threshold", "unsure_threshold")]
        if not all(value is None or isinstance(value, int | float) for value in thresholds):
            raise UntrustedFileError("has a threshold that is no number")
        return cls(tuple(classes), temperature, document.get("calibrated") is True, conformal, *thresholds)

    def to_json(self) -> dict[str, Any]:
        """Value for JSON."""
        return {
            "classes": list(self.classes),
            "temperature": self.temperature,
            "calibrated": self.calibrated,
            "conformal": None if self.conformal is None else self.conformal.to_dict(),
            "ood_threshold": self.ood_threshold,
            "unsure_threshold": self.unsure_threshold,
        }
