"""Out-of-distribution detection, one method a file behind one interface."""

from hvit.rejection.energy import Energy
from hvit.rejection.mahalanobis import HalfRelativeMahalanobis, Mahalanobis, RelativeMahalanobis
from hvit.rejection.method import RejectionFileError, RejectionMethod
from hvit.rejection.neighbors import NearestNeighbors, NearestNeighborsLastStages
from hvit.rejection.ood_detector import OodDetector
from hvit.rejection.vim import VirtualLogit

# By the name in model.json, `ood.method`.
METHODS: dict[str, type[RejectionMethod]] = {
    method.name: method
    for method in (
        NearestNeighbors,
        NearestNeighborsLastStages,
        Mahalanobis,
        HalfRelativeMahalanobis,
        RelativeMahalanobis,
        VirtualLogit,
        Energy,
    )
}

__all__ = ["METHODS", "OodDetector", "RejectionFileError", "RejectionMethod"]
