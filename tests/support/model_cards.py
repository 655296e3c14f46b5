"""Model cards without weights."""

from collections.abc import Sequence
from typing import Any

from hvit.runs import ModelCard

DETECTOR = {"method": "knn", "file": "rejection.npz", "threshold": 0.69, "sha256": "0" * 64}


def card_document(classes: Sequence[str] = (), **changed: Any) -> dict[str, Any]:
    """Value of a complete `model.json`; `changed` replaces or adds keys, and `...` takes one away."""
    usual = {
        "schema_version": 1, "architecture": "hvit_tiny", "arguments": {"num_classes": len(classes), "img_size": 64},
        "classes": list(classes), "preprocessing": {"img_size": 64, "mean": [0.5] * 3, "std": [0.2] * 3},
        "temperature": None, "conformal": None, "ood": None, "sha256": "0" * 64, "data_fingerprint": "f",
        "licences": {},
    }  # fmt: skip
    return {key: value for key, value in (usual | changed).items() if value is not ...}


def model_card(classes: Sequence[str] = (), **changed: Any) -> ModelCard:
    """The same, read."""
    return ModelCard.from_dict(card_document(classes, **changed))
