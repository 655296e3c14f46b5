"""One photo, or one drawn leaf, of a data set."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from hvit.data.datasets.folders import DataError
from hvit.data.leafsim import BANDS, Address, plan, render
from hvit.data.photos import Photo, read_photo
from hvit.data.spectral import find_bands, read_bands
from hvit.files import file_sha256
from hvit.processes import worth_starting

RENDER_PX = 160


@dataclass(frozen=True)
class Sample:
    """One photo of a data set.

    Attributes:
        path: where it lies.
        label: class name, as the folder is called.
        split: train, val or test; None where the data set has no splits.
        group: photos of one group (a plant, a series, near-duplicates) never span two splits; "" is not known.
        source: name of the data set.
        root: folder the data set lies in; `relative` is the path below its parent.
        augmented: an altered copy of another photo: it may only train.
    """

    path: Path
    label: str
    split: str | None
    group: str
    source: str
    root: Path
    augmented: bool = False
    slow: ClassVar[bool] = False  # to read: worth several processes

    @property
    def relative(self) -> str:
        """Path from the parent of the data set, with forward slashes: what a run records."""
        return f"{self.source}/{self.path.relative_to(self.root).as_posix()}"

    @property
    def cache_name(self) -> str:
        """What tells its pixels from those of others, beside the hash."""
        return self.relative

    def read(self) -> Photo:
        """Its pixels.

        Raises:
            InvalidPhotoError: the file cannot be read, or is not a photo.
        """
        return read_photo(self.path)

    def read_with_bands(self, num_bands: int, scale: float) -> tuple[Photo, np.ndarray | None]:
        """Its pixels, and its reflectance (C, h, w) float32; None where no file of bands belongs to it.

        Args:
            num_bands, scale: of `read_bands`.
        Raises:
            InvalidPhotoError: the file cannot be read, or is not a photo.
            InvalidBandsError: its bands cannot be read, or are not those of this photo.
        """
        photo, bands = self.read(), find_bands(self.path, self.root)
        return photo, None if bands is None else read_bands(bands, num_bands, scale, photo.pixels.shape[:2])

    def sha256(self) -> str:
        """SHA-256 of the file's bytes, in hexadecimal."""
        return file_sha256(self.path)


@dataclass(frozen=True)
class RenderedSample(Sample):
    """One leaf of LeafSim, drawn whenever it is read; `path` is its address, where no file lies.

    Attributes:
        size: side of the picture in pixels.
    """

    size: int = field(default=RENDER_PX, kw_only=True)
    slow: ClassVar[bool] = True

    @classmethod
    def of(cls, address: Address, early_stress: bool = False) -> "RenderedSample":
        """The leaf of an address, with the class that a color photo can show, or that the bands show."""
        path = Path(str(address))
        source = path.parent.as_posix().replace(":", "-").replace("/", "-")  # leafsim-v1-7
        return cls(path, plan(address).label(early_stress), address.split, str(address), source, path.parent)

    @property
    def relative(self) -> str:
        """The address: what a run records, and all it takes to draw the leaf again."""
        return self.path.as_posix()  # str of a Path has backslashes on Windows

    @property
    def cache_name(self) -> str:
        return f"{self.relative} at {self.size} px"

    def read(self) -> Photo:
        """Draws it."""
        return Photo(render(Address.parse(self.relative), self.size).picture, self.sha256(), animated=False)

    def read_with_bands(self, num_bands: int, scale: float) -> tuple[Photo, np.ndarray | None]:
        """Draws it, with its bands.

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
        """SHA-256 of the address, not of the pixels: those may differ in the last bit from machine to machine."""
        return hashlib.sha256(self.relative.encode()).hexdigest()


def readers(samples: list[Sample]) -> int:
    """Processes worth starting to read these samples."""
    return worth_starting(sum(sample.slow for sample in samples))
