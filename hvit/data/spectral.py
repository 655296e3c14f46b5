"""Spectral images: reflectance bands from a file beside a photo, or vegetation indices of its RGB values.

Indices are functions of red, green and blue; they add no information to the photo.
"""

import math
import struct
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from hvit.data.photo_limits import MAX_PIXELS
from hvit.data.transfer import to_device
from hvit.files import open_regular

Kind = Literal["bands", "indices"]
INDICES = ("ExG", "VARI", "GLI", "NGRDI")
SMALLEST_SUM = 1.0  # of pixel values in a denominator, of 255: below it an index of nearly black pixels is 0
MAX_BANDS = 16  # of a TIFF of the largest size, which is read into memory
MAX_STRETCH = 1.02  # ratio of the aspect ratios of bands and photo
# Exceptions of tifffile and NumPy for damaged files.
DAMAGED = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, struct.error, zlib.error,
)  # fmt: skip
BAND_SUFFIXES = (".npy", ".bands.npy", ".bands.tif", ".bands.tiff")
TRUTH = "truth.csv"  # in a folder of rendered leaves, which has a subfolder for bands


class InvalidBandsError(ValueError):
    """A file that does not hold the bands of a photo; the message begins with its path."""


@dataclass(frozen=True)
class SpectralStream:
    """Input specification of a model's spectral stream, as stored in `model.json`.

    Args:
        kind: "bands", read from a file beside the photo, or "indices", computed from the photo.
        names: of the channels, in order.
        mean, std: of each channel over the training photos.
        scale: value in band files for a reflectance of 1; 1 for indices.
    """

    kind: Kind
    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float = 1.0

    @property
    def num_bands(self) -> int:
        """Number of channels."""
        return len(self.names)

    def normalize(self, planes: Tensor) -> Tensor:
        """Reflectance or indices (B, C, H, W) -> standardized per channel."""
        mean, std = (to_device(torch.tensor(v)[:, None, None], planes.device) for v in (self.mean, self.std))
        return (planes - mean) / std

    def to_dict(self) -> dict[str, Any]:
        """The fields as text, numbers and lists, for JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "SpectralStream":
        """Reads the output of `to_dict`.

        Raises:
            ValueError: a key is missing or unknown, or there are not as many means as names.
        """
        if set(values) != set(cls.__dataclass_fields__):
            raise ValueError(f"spectral has {sorted(values)}, expected {sorted(cls.__dataclass_fields__)}")
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        stream = cls(**fields)
        if stream.kind not in ("bands", "indices") or not len(stream.names) == len(stream.mean) == len(stream.std):
            raise ValueError(f"spectral is a stream of {stream.kind} with {stream.num_bands} names; it is damaged")
        return stream

    @classmethod
    def fit(cls, kind: Kind, names: tuple[str, ...], scale: float, planes: Iterable[np.ndarray]) -> "SpectralStream":
        """Computes mean and standard deviation of the channels over spectral images, each (C, H, W)."""
        count, total, squares = 0, np.zeros(len(names)), np.zeros(len(names))
        for image in planes:
            values = image.reshape(len(names), -1).astype(np.float64)
            count, total, squares = count + values.shape[1], total + values.sum(1), squares + (values**2).sum(1)
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 1e-8))
        return cls(kind, names, tuple(mean.tolist()), tuple(std.tolist()), scale)


def vegetation_indices(images: Tensor) -> Tensor:
    """Vegetation indices ExG, VARI, GLI and NGRDI of every pixel.

    ExG = (2G - R - B) / (R + G + B): Woebbecke et al. 1995, Trans. ASAE 38(1).
    VARI = (G - R) / (G + R - B): Gitelson et al. 2002, Remote Sens. Environ. 80(1). Unbounded: clipped to [-1, 1].
    GLI = (2G - R - B) / (2G + R + B): Louhaichi et al. 2001, Geocarto Int. 16(1). A function of ExG.
    NGRDI = (G - R) / (G + R): Tucker 1979, Remote Sens. Environ. 8(2).

    Args:
        images: RGB in [0, 255], (B, 3, H, W), any type.
    Returns:
        (B, 4, H, W) float32: ExG in [-1, 2], the others in [-1, 1]; 0 where a denominator is nearly 0.

    >>> green = torch.tensor([0.0, 255.0, 0.0]).reshape(1, 3, 1, 1)
    >>> vegetation_indices(green).flatten().tolist()
    [2.0, 1.0, 1.0, 1.0]
    """
    red, green, blue = images.float().unbind(1)
    excess = 2 * green - red - blue
    return torch.stack(
        [
            _ratio(excess, red + green + blue),
            _ratio(green - red, green + red - blue).clamp(-1, 1),
            _ratio(excess, 2 * green + red + blue),
            _ratio(green - red, green + red),
        ],
        1,
    )


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    defined = below.abs() >= SMALLEST_SUM
    return torch.where(defined, above / torch.where(defined, below, 1.0), 0.0)


def find_bands(photo: Path, root: Path | None = None) -> Path | None:
    """Finds the file of bands of a photo; None where there is none.

    `leaf.jpg` has its bands in `leaf.npy`, `leaf.bands.npy` or `leaf.bands.tif` beside it; in a folder that `data
    synthesize --bands` wrote, `root`, in `bands/<name>.npy`.
    """
    beside = [photo.with_name(photo.stem + suffix) for suffix in BAND_SUFFIXES]
    if root is not None and (root / TRUTH).is_file():
        beside.append(root / "bands" / f"{photo.stem}.npy")
    return next((path for path in beside if path.is_file()), None)


def read_bands(path: Path, num_bands: int, scale: float, photo_sides: tuple[int, int] | None = None) -> np.ndarray:
    """Reads reflectance bands from a npy file or a multi-band TIFF; the band axis has `num_bands` entries.

    Args:
        path: `.npy`, or else a TIFF with bands as samples, planes or pages. Nothing is unpickled.
        num_bands: C.
        scale: value for a reflectance of 1.
        photo_sides: height and width of the upright photo; bands may differ in resolution, not in aspect ratio.
    Returns:
        (C, h, w) float32, upright like the photo.
    Raises:
        InvalidBandsError: the file cannot be read, or does not hold these bands of this photo.
    """
    path = Path(path)
    try:
        values = _array_of(path)
    except OSError as error:
        raise InvalidBandsError(f"{path} cannot be opened: {error.strerror or 'it is not a file of bands'}") from None
    except DAMAGED as error:
        reason = " ".join(str(error).split())[:120]
        raise InvalidBandsError(f"{path} is not a NumPy array or a TIFF that can be read: {reason}") from None
    if values.ndim != 3 or num_bands not in (values.shape[0], values.shape[2]):
        wanted = f"expected ({num_bands}, height, width) or (height, width, {num_bands})"
        raise InvalidBandsError(f"{path} holds an array of {values.shape}; {wanted}")
    if values.shape[0] != num_bands:
        values = values.transpose(2, 0, 1)
    if values.dtype.kind not in "fiu":
        raise InvalidBandsError(f"{path} holds values of type {values.dtype}; expected reflectance as numbers")
    _check_sides(path, values.shape[1:], photo_sides)
    values = np.ascontiguousarray(values, dtype=np.float32) / np.float32(scale)
    if not np.isfinite(values).all():
        raise InvalidBandsError(f"{path} holds values that are not numbers (NaN or infinite); fill or cut them out")
    middle = float(np.median(values))
    if middle > 1:
        raise InvalidBandsError(
            f"{path} holds values around {middle * scale:g}, and {scale:g} is a reflectance of 1 for this run; "
            "convert them"
        )
    return values


def _check_sides(path: Path, sides: tuple[int, int], photo_sides: tuple[int, int] | None) -> None:
    (height, width), limit = sides, MAX_PIXELS // 1_000_000
    if not 0 < height * width <= MAX_PIXELS:
        raise InvalidBandsError(f"{path} is {height} x {width} px; expected at least one pixel and at most {limit} M")
    if photo_sides is None:
        return
    stretch = abs(math.log(height * photo_sides[1] / (width * photo_sides[0])))
    if stretch > math.log(MAX_STRETCH):
        raise InvalidBandsError(
            f"{path} is {height} x {width} px and its photo {photo_sides[0]} x {photo_sides[1]}; expected bands of the "
            "same picture, upright and of the same aspect"
        )


def _array_of(path: Path) -> np.ndarray:
    """The array of a file, memory-mapped where its format allows."""
    with open_regular(path):
        pass  # a pipe would make the readers below wait
    if path.suffix.lower() == ".npy":
        mapped: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        return mapped
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]  # its pages or planes of one shape, as one array
        if series.size > MAX_PIXELS * MAX_BANDS:
            raise ValueError(f"it holds {series.size:,} values")
        values: np.ndarray = series.asarray()
        return values


def fit_planes(planes: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """Resizes planes (C, h, w) with antialiasing, each separately: (C, height, width) float32."""
    if planes.shape[1:] == tuple(sides):
        return planes.astype(np.float32)
    shrinks = sides[0] < planes.shape[1] or sides[1] < planes.shape[2]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR  # cubic would overshoot the range of the values
    return np.stack(
        [cv2.resize(plane.astype(np.float32), (sides[1], sides[0]), interpolation=interpolation) for plane in planes]
    )
