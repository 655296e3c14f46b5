"""Disk cache of decoded photos, so that files are decoded and leaves rendered only once."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor

from hvit.data.caching.band_cache import BandCache
from hvit.data.caching.device_photos import DevicePhotos
from hvit.data.datasets.reading import DataError, Sample
from hvit.data.invalid_photo import InvalidPhotoError, LostPhotoError
from hvit.data.photos import photo_errors
from hvit.data.preprocess import shrunk_sizes
from hvit.data.transfer import to_device
from hvit.files import write_bytes
from hvit.processes import run_in_order

T = TypeVar("T")
DECODING = 3  # version of the decoder; a new one invalidates older caches
MAX_UNREADABLE = 0.005  # of the photos
NAMED_UNREADABLE = 10  # of them in an error message
MAX_RESIDENT = 0.5  # of the free GPU memory
COULD_NOT_BE_OPENED = "the file could not be opened."
AGAIN_S = (0.2, 1.0)  # pauses before retries of a file that cannot be opened, as on a busy network drive


class UnreadablePhotosError(DataError):
    """More than `MAX_UNREADABLE` of the photos cannot be read."""


def data_fingerprint(samples: list[Sample], sha256: list[str]) -> str:
    """SHA-256 over path, content, class and split of all photos, independent of their order."""
    rows = sorted(f"{s.relative}\t{h}\t{s.label}\t{s.split}" for s, h in zip(samples, sha256))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


class PhotoCache:
    """Photos of different sizes, concatenated in one memory-mapped uint8 file.

    Attributes:
        samples: the readable ones, in the given order.
        sha256: of each sample.
        sizes: height and width of each, (N, 2).
        unreadable: reason by relative path of the others.
        pixels: of all photos, concatenated, uint8.
        offsets: of each photo in `pixels`, and the end, (N + 1,).
        bands: cache of their spectral bands, or None.
        resident: copy of the pixels in GPU memory after `make_resident`, or None.
    """

    bands: BandCache | None = None
    resident: DevicePhotos | None = None

    def __init__(self, samples: list[Sample], index: dict[str, Any], pixels: np.ndarray):
        reasons = index["unreadable"]
        self.samples = [sample for sample in samples if sample.relative not in reasons]
        self.unreadable: dict[str, str] = reasons
        self.sha256: list[str] = index["sha256"]
        self.sizes = np.array(index["sizes"], dtype=np.int64).reshape(-1, 2)
        self.offsets = np.concatenate([[0], np.cumsum(self.sizes.prod(1) * 3)])
        self.pixels = pixels

    @property
    def fingerprint(self) -> str:
        """SHA-256 over path, content, class and split of all photos, as recorded in runs."""
        return data_fingerprint(self.samples, self.sha256)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int) -> np.ndarray:
        """Photo `i`, (H, W, 3) uint8."""
        return self.pixels[self.offsets[i] : self.offsets[i + 1]].reshape(*self.sizes[i], 3)

    def canvas(self, indices: np.ndarray, shrink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Zero-padded batch of photos, aligned top left.

        Args:
            indices: of the photos, (B,).
            shrink: integer downscaling factors, (B,), with antialiasing.
        Returns:
            (B, 3, H, W) uint8, padded with zeros, and the sizes (B, 2).
        """
        sizes = shrunk_sizes(self.sizes[indices], shrink)
        canvas = np.zeros((len(indices), 3, *sizes.max(0)), dtype=np.uint8)
        for image, i, by, (h, w) in zip(canvas, indices, shrink, sizes):
            photo = self[i] if by == 1 else cv2.resize(self[i], (int(w), int(h)), interpolation=cv2.INTER_AREA)
            image[:, :h, :w] = photo.transpose(2, 0, 1)
        return canvas, sizes

    def canvas_on(self, indices: np.ndarray, shrink: np.ndarray, device: torch.device) -> tuple[Tensor, np.ndarray]:
        """`canvas` on a device: (B, 3, H, W) uint8, and the sizes (B, 2)."""
        if self.resident is not None:
            return self.resident.canvas(indices, shrink)
        canvas, sizes = self.canvas(indices, shrink)
        return to_device(canvas, device), sizes

    def make_resident(self, device: torch.device) -> bool:
        """Copies the pixels to a GPU, unless they need more than half of its free memory.

        Returns:
            Whether they were copied; never for the CPU, where the file is memory-mapped.
        """
        if device.type != "cuda" or self.pixels.nbytes > MAX_RESIDENT * torch.cuda.mem_get_info(device)[0]:
            return False
        self.resident = DevicePhotos(self.pixels, self.sizes, self.offsets, device)
        return True


def open_cache(
    samples: list[Sample],
    side: int,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int = 1,
) -> PhotoCache:
    """Opens the cache of photos; decodes or renders them where it does not exist.

    Unreadable photos are left out and listed in `unreadable`; opening a file is retried.

    Args:
        samples: photos to cache.
        side: photos with an area above `side` squared are downscaled to it (antialiased, aspect ratio kept).
        folder: of the caches.
        progress: called with the photos done and their number.
        workers: number of processes; the cache does not depend on it.
    Raises:
        UnreadablePhotosError: more than 0.5 % of the photos cannot be read; the message names the first ten.
    """
    hashes = [sha256_with_retries(sample) for sample in samples]
    made_of = json.dumps([DECODING, side, [sample.cache_name for sample in samples], hashes])
    key = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    index_path, pixel_path = folder / f"{key}.json", folder / f"{key}.u8"
    if not index_path.exists():
        _decode_all(samples, hashes, side, index_path, pixel_path, progress, workers)
    index = json.loads(index_path.read_text())
    return PhotoCache(samples, index, np.memmap(pixel_path, dtype=np.uint8, mode="r"))


def _decode_all(
    samples: list[Sample],
    hashes: list[str],
    side: int,
    index_path: Path,
    pixel_path: Path,
    progress: Callable[[int, int], None],
    workers: int,
) -> None:
    sizes: list[tuple[int, ...]] = []
    kept: list[str] = []
    unreadable: dict[str, str] = {}
    partial_path = pixel_path.with_suffix(f".{os.getpid()}.partial")
    try:
        with open(partial_path, "wb") as out:
            decoded = run_in_order([partial(_decode, sample, side) for sample in samples], workers)
            for done, (sample, sha256, pixels_of) in enumerate(zip(samples, hashes, decoded), 1):
                try:
                    pixels = pixels_of()
                    if not sha256:
                        raise LostPhotoError(COULD_NOT_BE_OPENED)
                except InvalidPhotoError as error:
                    unreadable[sample.relative] = str(error)
                    continue
                out.write(pixels.tobytes())
                sizes.append(pixels.shape[:2])
                kept.append(sha256)
                progress(done, len(samples))
        if len(unreadable) > MAX_UNREADABLE * len(samples):
            named = [f"{path}: {reason}" for path, reason in list(unreadable.items())[:NAMED_UNREADABLE]]
            rest = len(unreadable) - len(named)
            raise UnreadablePhotosError(
                f"{len(unreadable)} of {len(samples)} photos cannot be read; the first is {' | '.join(named)}"
                + (f" | and {rest} more" if rest else "")
            )
        os.replace(partial_path, pixel_path)
    finally:
        partial_path.unlink(missing_ok=True)
    write_bytes(index_path, json.dumps({"sizes": sizes, "sha256": kept, "unreadable": unreadable}).encode())


def sha256_with_retries(sample: Sample) -> str:
    """SHA-256 of a sample, with retries; "" where its file cannot be opened."""
    try:
        return _with_retries(sample.sha256, OSError)
    except OSError:
        return ""


def _decode(sample: Sample, side: int) -> np.ndarray:
    photo = _with_retries(sample.read, LostPhotoError)
    with photo_errors():
        return shrunk_to_area(photo.pixels, side)


def _with_retries(call: Callable[[], T], error: type[Exception]) -> T:
    """Calls a function, and retries where it raises this error."""
    for pause_s in AGAIN_S:
        try:
            return call()
        except error:
            time.sleep(pause_s)
    return call()


def shrunk_to_area(pixels: np.ndarray, side: int) -> np.ndarray:
    """Downscales a photo with an area above `side` squared to it: antialiased, aspect ratio kept."""
    height, width = pixels.shape[:2]
    scale = side / (height * width) ** 0.5
    if scale >= 1:
        return pixels
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(pixels, target, interpolation=cv2.INTER_AREA)
