"""The interface of every out-of-distribution detector, and how its arrays are stored."""

import io
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, cast, runtime_checkable

import numpy as np

from hvit.files import write_bytes
from hvit.untrusted import UntrustedFileError, read_npz

MAX_BYTES = 64 * 2**20  # of all arrays of a file, unpacked: larger ones are refused before they are read


class RejectionFileError(ValueError):
    """A detector file that cannot be used."""


@runtime_checkable
class RejectionMethod(Protocol):
    """An out-of-distribution detector on pooled stage features and logits.

    `features` are the mean tokens of the stages, a list of (N, C); `logits` are (N, K) before temperature, of the photo
    itself (not averaged over views). A higher score is farther from the training photos.
    """

    name: ClassVar[str]

    @classmethod
    def fit(cls, features: list[np.ndarray], logits: np.ndarray, labels: np.ndarray) -> Self:
        """Fits the detector to training photos; `labels` are class indices, (N,)."""

    def score(self, features: list[np.ndarray], logits: np.ndarray) -> np.ndarray:
        """Out-of-distribution score of each photo, (N,)."""

    def save(self, path: Path) -> None:
        """Writes the detector's arrays as .npz."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads the output of `save`; nothing is unpickled.

        Raises:
            RejectionFileError: the file is damaged, too large, or of another method.
        """


class StoredArrays:
    """Mixin with save() and load() for a frozen dataclass of arrays."""

    def save(self, path: Path) -> None:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{field.name: getattr(self, field.name) for field in fields(cast(Any, self))})
        write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Self:
        names = [field.name for field in fields(cast(Any, cls))]
        try:
            arrays = read_npz(path, names, MAX_BYTES)
        except UntrustedFileError as error:
            raise RejectionFileError(str(error)) from None
        except (FileNotFoundError, NotADirectoryError):
            raise RejectionFileError("is missing") from None
        for name, array in arrays.items():
            if array.dtype.kind != "f" or not np.isfinite(array).all():
                raise RejectionFileError(f"holds values in {name} that are no finite floating-point numbers")
        return cls(**arrays)


def group_means(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each class that occurs, (M, C) in the order of its index, and the row of each sample's class, (N,)."""
    _, rows = np.unique(labels, return_inverse=True)
    sums = np.zeros((rows.max() + 1, features.shape[1]))
    np.add.at(sums, rows, features)
    return sums / np.bincount(rows)[:, None], rows
