"""Decoded photos on disk, so that epochs decode no JPEG and draw no leaf again."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor

from hvit.data.caching.band_cache import BandCache
from hvit.data.caching.device_photos import DevicePhotos
from hvit.data.datasets.reading import DataError, Sample
from hvit.data.photos import InvalidPhotoError, LostPhotoError, photo_errors
from hvit.data.preprocess import shrunk_sizes
from hvit.data.transfer import to_device
from hvit.files import write_bytes
from hvit.processes import answers

T = TypeVar("T")
DECODING = 3  # raised whenever the same file decodes to other pixels: older caches are then not used
MAX_UNREADABLE = 0.005
NAMED_UNREADABLE = 10  # of them in an error
MOST_RESIDENT = 0.5  # of an accelerator's memory that is free: the rest is for training
COULD_NOT_BE_OPENED = "the file could not be opened."
AGAIN_S = (0.2, 1.0)  # pauses before a file that cannot be opened is tried again: a network drive may be busy


class UnreadablePhotosError(DataError):
    """More photos cannot be read than may be left out."""


def data_fingerprint(samples: list[Sample], sha256: list[str]) -> str:
    """SHA-256 over path, content, class and split of every photo, in any order."""
    rows = sorted(f"{s.relative}\t{h}\t{s.label}\t{s.split}" for s, h in zip(samples, sha256))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


class PhotoCache:
    """Photos of different sizes, one after the other in one memory-mapped file of uint8.

    Attributes:
        samples: those that could be read, in the order given.
        sha256: of each sample.
        sizes: height and width of each, (N, 2).
        unreadable: relative path and reason of those left out.
        pixels: of all photos, one after the other, uint8.
        offsets: where each begins in `pixels`, and the end, (N + 1,).
        bands: their spectral pictures, where a program asked for them; None else.
        resident: the same pixels on an accelerator, where `make_resident` put them there; None else.
    """

    bands: BandCache | None = None
    resident: DevicePhotos | None = None

    def __init__(self, samples: list[Sample], index: dict, pixels: np.ndarray):
        reasons = index["unreadable"]
        self.samples = [sample for sample in samples if sample.relative not in reasons]
        self.unreadable: dict[str, str] = reasons
        self.sha256: list[str] = index["sha256"]
        self.sizes = np.array(index["sizes"], dtype=np.int64).reshape(-1, 2)
        self.offsets = np.concatenate([[0], np.cumsum(self.sizes.prod(1) * 3)])
        self.pixels = pixels

    @property
    def fingerprint(self) -> str:
        """SHA-256 over path, content, class and split of every photo: what a run was trained on."""
        return data_fingerprint(self.samples, self.sha256)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int) -> np.ndarray:
        """Photo `i`, (H, W, 3) uint8."""
        return self.pixels[self.offsets[i] : self.offsets[i + 1]].reshape(*self.sizes[i], 3)

    def canvas(self, indices: np.ndarray, shrink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Several photos in the top left corners of one array.

        Args:
            indices: which photos, (B,).
            shrink: whole number each is scaled down by, (B,); antialiased.
        Returns:
            (B, 3, H, W) uint8 with zeros beyond each photo, and the sizes (B, 2).
        """
        sizes = shrunk_sizes(self.sizes[indices], shrink)
        canvas = np.zeros((len(indices), 3, *sizes.max(0)), dtype=np.uint8)
        for image, i, by, (h, w) in zip(canvas, indices, shrink, sizes):
            photo = self[i] if by == 1 else cv2.resize(self[i], (int(w), int(h)), interpolation=cv2.INTER_AREA)
            image[:, :h, :w] = photo.transpose(2, 0, 1)
        return canvas, sizes

    def canvas_on(self, indices: np.ndarray, shrink: np.ndarray, device: torch.device) -> tuple[Tensor, np.ndarray]:
        """`canvas` in the memory of a device: (B, 3, H, W) uint8, and the sizes (B, 2)."""
        if self.resident is not None:
            return self.resident.canvas(indices, shrink)
        canvas, sizes = self.canvas(indices, shrink)
        return to_device(canvas, device), sizes

    def make_resident(self, device: torch.device) -> bool:
        """Moves the pixels to an accelerator, unless they would take more than half of what is free there.

        Returns:
            Whether they are there now; those on the CPU stay in the file that is mapped into memory.
        """
        if device.type != "cuda" or self.pixels.nbytes > MOST_RESIDENT * torch.cuda.mem_get_info(device)[0]:
            return False
        self.resident = DevicePhotos(self.pixels, self.sizes, self.offsets, device)
        return True


def open_cache(
    samples: list[Sample], side: int, folder: Path, progress=lambda done, total: None, workers: int = 1
) -> PhotoCache:
    """The cache of these photos; decodes or draws them where that was not done before.

    A photo that cannot be read is left out, and listed in `unreadable`; a file that cannot be opened is tried again.

    Args:
        samples: photos to hold.
        side: photos larger than `side` squared in area are scaled down to it (antialiased, aspect kept).
        folder: where caches are kept.
        progress: called with the photos done and their number.
        workers: processes that decode; the cache is the same for any number.
    Raises:
        UnreadablePhotosError: more than 0.5 % of the photos cannot be read; names the first ten.
    """
    hashes = [patient_sha256(sample) for sample in samples]
    made_of = json.dumps([DECODING, side, [sample.cache_name for sample in samples], hashes])
    key = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    index_path, pixel_path = folder / f"{key}.json", folder / f"{key}.u8"
    if not index_path.exists():
        _decode_all(samples, hashes, side, index_path, pixel_path, progress, workers)
    index = json.loads(index_path.read_text())
    return PhotoCache(samples, index, np.memmap(pixel_path, dtype=np.uint8, mode="r"))


def _decode_all(samples, hashes, side, index_path: Path, pixel_path: Path, progress, workers: int) -> None:
    sizes, kept, unreadable = [], [], {}
    partial_path = pixel_path.with_suffix(f".{os.getpid()}.partial")
    try:
        with open(partial_path, "wb") as out:
            decoded = answers([partial(_decode, sample, side) for sample in samples], workers)
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


def patient_sha256(sample: Sample) -> str:
    """Of the file; "" where it cannot be opened, though it was tried again."""
    try:
        return _patiently(sample.sha256, OSError)
    except OSError:
        return ""


def _decode(sample: Sample, side: int) -> np.ndarray:
    photo = _patiently(sample.read, LostPhotoError)
    with photo_errors():
        return shrunk_to_area(photo.pixels, side)


def _patiently(call: Callable[[], T], error: type[Exception]) -> T:
    """What a call returns, tried again where it raises this error."""
    for pause_s in AGAIN_S:
        try:
            return call()
        except error:
            time.sleep(pause_s)
    return call()


def shrunk_to_area(pixels: np.ndarray, side: int) -> np.ndarray:
    """A photo larger than `side` squared in area, scaled down to it: antialiased, aspect kept."""
    height, width = pixels.shape[:2]
    scale = side / (height * width) ** 0.5
    if scale >= 1:
        return pixels
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(pixels, target, interpolation=cv2.INTER_AREA)
