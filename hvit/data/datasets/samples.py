"""Samples of a data set: a photo file, or a rendered leaf."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from hvit.data.datasets.folders import DataError
from hvit.data.leafsim import BANDS, Address, plan, render
from hvit.data.photos import LeastSides, Photo, read_photo
from hvit.data.spectral import find_bands, read_bands
from hvit.files import file_sha256
from hvit.processes import suggested_workers

RENDER_PX = 160


@dataclass(frozen=True)
class Sample:
    """One photo of a data set.

    Attributes:
        path: of the file.
        label: class name.
        split: train, val or test; None where the data set has no splits.
        group: plant, series or set of near-duplicates, which must not span two splits; "" where unknown.
        source: name of the data set.
        root: folder of the data set; `relative` is the path from its parent.
        augmented: an augmented copy of another photo, for training only.
    """

    path: Path
    label: str
    split: str | None
    group: str
    source: str
    root: Path
    augmented: bool = False
    slow: ClassVar[bool] = False  # whether reading is slow enough for several processes

    @property
    def relative(self) -> str:
        """Path from the parent of the data set, with forward slashes, as recorded in runs."""
        return f"{self.source}/{self.path.relative_to(self.root).as_posix()}"

    @property
    def cache_name(self) -> str:
        """Cache key of its pixels, in addition to the hash."""
        return self.relative

    def read(self, least_sides: LeastSides | None = None) -> Photo:
        """Decodes the photo.

        Args:
            least_sides: of `decode_photo`.
        Raises:
            InvalidPhotoError: the file cannot be read, or is not a photo.
        """
        return read_photo(self.path, least_sides)

    def read_with_bands(
        self, num_bands: int, scale: float, least_sides: LeastSides | None = None
    ) -> tuple[Photo, np.ndarray | None]:
        """Decodes the photo and reads its reflectance (C, h, w) float32; None where it has no file of bands.

        Args:
            num_bands, scale: of `read_bands`.
            least_sides: of `decode_photo`.
        Raises:
            InvalidPhotoError: the file cannot be read, or is not a photo.
            InvalidBandsError: its bands cannot be read, or are not those of this photo.
        """
        photo, bands = self.read(least_sides), find_bands(self.path, self.root)
        return photo, None if bands is None else read_bands(bands, num_bands, scale, photo.sides)

    def sha256(self) -> str:
        """SHA-256 of the file's bytes, in hexadecimal."""
        return file_sha256(self.path)


@dataclass(frozen=True)
class RenderedSample(Sample):
    """A leaf of LeafSim, rendered whenever it is read; `path` is its address, not a file.

    Attributes:
        size: side of the image in px.
    """

    size: int = field(default=RENDER_PX, kw_only=True)
    slow: ClassVar[bool] = True

    @classmethod
    def of(cls, address: Address, early_stress: bool = False) -> "RenderedSample":
        """The sample of an address, labeled by what RGB shows, or with `early_stress` by what the bands show."""
        path = Path(str(address))
        source = path.parent.as_posix().replace(":", "-").replace("/", "-")  # leafsim-v1-7
        return cls(path, plan(address).label(early_stress), address.split, str(address), source, path.parent)

    @property
    def relative(self) -> str:
        """The address, as recorded in runs."""
        return self.path.as_posix()  # str of a Path has backslashes on Windows

    @property
    def cache_name(self) -> str:
        return f"{self.relative} at {self.size} px"

    def read(self, least_sides: LeastSides | None = None) -> Photo:
        """Renders the leaf, at its size: it is not reduced."""
        return Photo(render(Address.parse(self.relative), self.size).picture, self.sha256(), animated=False)

    def read_with_bands(
        self, num_bands: int, scale: float, least_sides: LeastSides | None = None
    ) -> tuple[Photo, np.ndarray | None]:
        """Renders the leaf with its bands, at its size.

        Raises:
            DataError: other bands are expected.
        """
        if (num_bands, scale) != (len(BANDS), 1):
            raise DataError(
                f"{self.relative} has {len(BANDS)} bands at scale 1, and {num_bands} at scale {scale:g} are expected"
            )
        leaf = render(Address.parse(self.relative), self.size, bands=True)
        return Photo(leaf.picture, self.sha256(), animated=False), leaf.bands

    def sha256(self) -> str:
        """SHA-256 of the address; pixels may differ in the last bit between machines."""
        return hashlib.sha256(self.relative.encode()).hexdigest()


def readers(samples: list[Sample]) -> int:
    """Number of worker processes for reading these samples."""
    return suggested_workers(sum(sample.slow for sample in samples))
