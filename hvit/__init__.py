"""HViT: diagnose leaf diseases with a hierarchical vision transformer, and know how sure it is."""

from importlib import import_module
from typing import Any

_HOMES = {
    "create_model": "hvit.models",
    "load_checkpoint": "hvit.runs.checkpoint",
    "find_run": "hvit.runs",
    "list_runs": "hvit.runs",
    "diagnose": "hvit.diagnosis",
    "diagnose_many": "hvit.diagnosis",
    "Diagnosis": "hvit.diagnosis",
    "evaluate": "hvit.scoring.evaluation",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Loads a public name on first use, so that importing the package costs nothing."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'hvit' has no attribute {name!r}")
