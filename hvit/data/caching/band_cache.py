"""Disk cache of spectral bands, so that files are decoded and leaves rendered only once."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from hvit.data.datasets.reading import DataError, RenderedSample, Sample
from hvit.data.preprocess import shrunk_sizes
from hvit.data.spectral import InvalidBandsError, find_bands, fit_planes
from hvit.files import file_sha256, write_bytes
from hvit.processes import run_in_order


class BandCache:
    """Bands of the photos of a `PhotoCache`, concatenated in one memory-mapped float16 file.

    Float16 has a relative precision of 1/2,000, finer than sensor noise.

    Attributes:
        present: mask of the photos that have bands, (N,) bool.
        num_bands: C.
    """

    def __init__(self, sizes: np.ndarray, present: np.ndarray, num_bands: int, values: np.ndarray):
        self.present, self.num_bands = present, num_bands
        self._sizes = sizes
        self._offsets = np.concatenate([[0], np.cumsum(sizes.prod(1) * num_bands * present)])
        self._values = values

    def __getitem__(self, i: int) -> np.ndarray:
        """Bands of photo `i`, (C, H, W) float16; zeros where it has none."""
        shape = (self.num_bands, *self._sizes[i])
        if not self.present[i]:
            return np.zeros(shape, np.float16)
        return self._values[self._offsets[i] : self._offsets[i + 1]].reshape(shape)

    def canvas(self, indices: np.ndarray, shrink: np.ndarray) -> np.ndarray:
        """Zero-padded batch of bands, aligned top left, like `PhotoCache.canvas`.

        Returns:
            (B, C, H, W) float32, 0 in the padding and for photos without bands.
        """
        sizes = shrunk_sizes(self._sizes[indices], shrink)
        canvas = np.zeros((len(indices), self.num_bands, *sizes.max(0)), dtype=np.float32)
        for picture, i, (h, w) in zip(canvas, indices, sizes):
            picture[:, :h, :w] = fit_planes(self[i], (h, w))
        return canvas


def open_bands(
    samples: list[Sample],
    sizes: np.ndarray,
    num_bands: int,
    scale: float,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int = 1,
) -> BandCache:
    """Opens the band cache of photos; fills it where it does not exist.

    Args:
        samples, sizes: as in `hvit.data.caching.photo_cache.PhotoCache`.
        num_bands, scale: as for `hvit.data.spectral.read_bands`.
        folder: of the caches.
        progress: called with the photos done and their number.
        workers: number of processes.
    Raises:
        DataError: a file of bands cannot be read, or is not of its photo; names it.
    """
    identities = [_identity(sample) for sample in samples]
    words = ["bands", 1, num_bands, scale, sizes.tolist(), identities]
    key = hashlib.sha256(json.dumps(words).encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    index_path, values_path = folder / f"{key}.json", folder / f"{key}.f16"
    if not index_path.exists():
        calls = [partial(_bands_of, s, num_bands, scale, tuple(size)) for s, size in zip(samples, sizes.tolist())]
        has_bands = _read_all(calls, values_path, progress, workers)
        write_bytes(index_path, json.dumps({"present": has_bands}).encode())
    present = np.array(json.loads(index_path.read_text())["present"], dtype=bool)
    values = np.memmap(values_path, dtype=np.float16, mode="r") if present.any() else np.zeros(0, np.float16)
    return BandCache(sizes, present, num_bands, values)


def _identity(sample: Sample) -> list[str]:
    """Cache key of the bands of a sample."""
    if isinstance(sample, RenderedSample):
        return [sample.cache_name]
    path = find_bands(sample.path, sample.root)
    return [sample.cache_name, "" if path is None else file_sha256(path)]


def _read_all(
    calls: Sequence[Callable[[], np.ndarray | None]],
    values_path: Path,
    progress: Callable[[int, int], None],
    workers: int,
) -> list[bool]:
    partial_path = values_path.with_suffix(f".{os.getpid()}.partial")
    present: list[bool] = []
    try:
        with open(partial_path, "wb") as out:
            for bands_of in run_in_order(calls, workers):
                try:
                    bands = bands_of()
                except InvalidBandsError as error:
                    raise DataError(str(error)) from None
                present.append(bands is not None)
                out.write(b"" if bands is None else bands.tobytes())
                progress(len(present), len(calls))
        os.replace(partial_path, values_path)
    finally:
        partial_path.unlink(missing_ok=True)
    return present


def _bands_of(sample: Sample, num_bands: int, scale: float, sides: tuple[int, int]) -> np.ndarray | None:
    bands = sample.read_with_bands(num_bands, scale)[1]
    return None if bands is None else fit_planes(bands, sides).astype(np.float16)
