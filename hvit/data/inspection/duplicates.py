"""Near-duplicate detection by perceptual hash and thumbnail."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

BLOCK = 1024  # rows compared at a time, to bound memory
SURE_HASH, SURE_HASH_RMSE = 2, 30.0  # differing bits of 64, if the thumbnails do not contradict
SURE_RMSE = 10.5
CLASS_HASH, CLASS_RMSE = 10, 19.0  # within one class


@dataclass(frozen=True)
class Fingerprints:
    """Perceptual hashes and thumbnails of photos.

    Attributes:
        thumbnails: (N, 16, 16, 3) float32, 0 to 255.
        hashes: 64-bit difference hash (dHash) of each photo, (N,) uint64.
        mirrored: difference hash of its mirror image.
    """

    thumbnails: np.ndarray
    hashes: np.ndarray
    mirrored: np.ndarray

    @classmethod
    def of(cls, photos: Iterable[np.ndarray]) -> "Fingerprints":
        """Computes the fingerprints of photos, (H, W, 3) uint8 each."""
        parts = [(_thumbnail(p), _dhash(p), _dhash(p[:, ::-1])) for p in photos]
        thumbnails, hashes, mirrored = zip(*parts) if parts else ((), (), ())
        shape = (len(parts), 16, 16, 3)
        return cls(
            np.array(thumbnails, dtype=np.float32).reshape(shape),
            np.array(hashes, dtype=np.uint64),
            np.array(mirrored, dtype=np.uint64),
        )


def reduced(pixels: np.ndarray) -> np.ndarray:
    """Downsamples a photo to the size its fingerprint needs, (64, 72, 3)."""
    return cv2.resize(pixels, (72, 64), interpolation=cv2.INTER_AREA)


def near_duplicate_pairs(prints: Fingerprints, labels: np.ndarray | None = None) -> np.ndarray:
    """Finds pairs of near-duplicates, mirrored or not.

    A pair is near-duplicate where the hashes differ in at most 2 bits and the thumbnails do not contradict, where the
    thumbnails differ by at most 10.5 (root mean square), or, within one class, by at most 10 bits and 19.

    Args:
        prints: of N photos.
        labels: class of each photo, (N,); without it the rule within a class is not used.
    Returns:
        (P, 2), each row i < j, sorted.
    """
    count = len(prints.hashes)
    flat = _rows(prints.thumbnails)
    squares = (flat**2).sum(1)
    found = []
    variants = ((flat, prints.hashes), (_rows(prints.thumbnails[:, :, ::-1]), prints.mirrored))
    for start in range(0, count, BLOCK):
        rows, rest = slice(start, min(start + BLOCK, count)), slice(start, count)  # the pairs before were compared
        later = np.arange(start, count)[None] > np.arange(rows.start, rows.stop)[:, None]
        for other, hashes in variants:
            rmse2 = (squares[rows, None] + squares[None, rest] - 2 * flat[rows] @ other[rest].T) / flat.shape[1]
            bits = np.bitwise_count(prints.hashes[rows, None] ^ hashes[None, rest])
            same = ((bits <= SURE_HASH) & (rmse2 <= SURE_HASH_RMSE**2)) | (rmse2 <= SURE_RMSE**2)
            if labels is not None:
                within = labels[rows, None] == labels[None, rest]
                same |= (bits <= CLASS_HASH) & (rmse2 <= CLASS_RMSE**2) & within
            i, j = np.nonzero(same & later)
            found.append(np.stack([i, j], 1) + start)
    return np.unique(np.concatenate(found), axis=0) if found else np.empty((0, 2), dtype=int)


def groups_of(count: int, pairs: np.ndarray) -> np.ndarray:
    """Connected components (union-find): the smallest index of the component of each photo, (count,).

    >>> groups_of(4, np.array([[1, 3], [0, 1]])).tolist()
    [0, 0, 2, 0]
    """
    parent = np.arange(count)

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in pairs:
        low, high = sorted((root(i), root(j)))
        parent[high] = low
    return np.array([root(i) for i in range(count)])


def _rows(thumbnails: np.ndarray) -> np.ndarray:
    return thumbnails.reshape(len(thumbnails), 16 * 16 * 3)


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
    return cv2.resize(pixels, (16, 16), interpolation=cv2.INTER_AREA)


def _dhash(pixels: np.ndarray) -> int:
    """64 bits: whether each of 8x8 cells is brighter than its right neighbor."""
    grey = cv2.resize(
        cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA
    )
    bits = (grey[:, :-1] > grey[:, 1:]).flatten()
    return int(np.packbits(bits).view(">u8")[0])
