"""Packs data sets into a small tar file of downscaled photos, for training on another machine.

`tar xf FILE` gives DATASET/SPLIT/CLASS/NAME.webp back, which `data.dirs` and `--data` read like any data set.
"""

import csv
import gzip
import hashlib
import io
import math
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, cast

from PIL import Image

from hvit.data.caching.photo_cache import MAX_UNREADABLE, UnreadablePhotosError, shrunk_to_area
from hvit.data.datasets.reading import DataError, Sample
from hvit.data.invalid_photo import InvalidPhotoError
from hvit.data.photo_limits import MIN_SIDE_PX
from hvit.processes import run_in_order

MANIFEST = "packed.csv"  # in the tar: path, sha256 of the packed file, sha256 of the original
PLAIN, COMPRESSED = (".tar",), (".tar.gz", ".tgz")
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "webp": ("WEBP", {"method": 6}),
    "jpeg": ("JPEG", {"optimize": True}),
    "avif": ("AVIF", {"speed": 4}),
}
SUFFIX = {"webp": ".webp", "jpeg": ".jpg", "avif": ".avif"}


@dataclass(frozen=True)
class Packed:
    """Result of `pack`.

    Attributes:
        photos: in the tar.
        num_bytes: of the tar file.
        splits: photos of each split; "" where the data set has none.
        unreadable: relative path and reason of photos that were left out.
    """

    photos: int
    num_bytes: int
    splits: dict[str, int]
    unreadable: dict[str, str]


def pack(
    samples: list[Sample],
    out: Path,
    side: int = 160,
    image_format: str = "webp",
    quality: int = 80,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Packed:
    """Downscales and re-encodes photos into a tar file, atomically.

    Args:
        samples: photos to pack.
        out: file to write; compressed where it ends in .tar.gz or .tgz, which saves about 0.7 kB a photo.
        side: photos larger than `side` squared in area are scaled down to it, as a cache with this `cache_side` does;
            but no side gets shorter than 64 px.
        image_format: webp, jpeg or avif.
        quality: of the encoder, 1 to 100.
        workers: processes that decode and encode; the file is the same for any number.
        progress: called with the photos done and their number.
    Raises:
        DataError: the name, format, side or quality is out of range, this Pillow lacks the format, or the layout
            cannot hold these samples.
        UnreadablePhotosError: more than 0.5 % of the photos cannot be read.
    """
    _check_arguments(samples, out, side, image_format, quality)
    rows: list[tuple[str, str, str]] = []
    splits: dict[str, int] = {}
    unreadable: dict[str, str] = {}
    names: set[str] = set()
    calls = [partial(_encode, sample, side, image_format, quality) for sample in samples]
    with _new_tar(Path(out)) as tar:
        for done, (sample, encoded) in enumerate(zip(samples, run_in_order(calls, workers)), 1):
            try:
                data, original = encoded()
            except InvalidPhotoError as error:
                unreadable[sample.relative] = str(error)
                continue
            name = _name(sample, SUFFIX[image_format], original, names)
            names.add(name)
            _add(tar, name, data)
            rows.append((name, hashlib.sha256(data).hexdigest(), original))
            splits[sample.split or ""] = splits.get(sample.split or "", 0) + 1
            progress(done, len(samples))
        if len(unreadable) > MAX_UNREADABLE * len(samples):
            path, reason = next(iter(unreadable.items()))
            raise UnreadablePhotosError(
                f"{len(unreadable)} of {len(samples)} photos cannot be read; the first is {path}: {reason}"
            )
        _add(tar, MANIFEST, _manifest(rows))
    return Packed(len(rows), Path(out).stat().st_size, splits, unreadable)


def _check_arguments(samples: list[Sample], out: Path, side: int, image_format: str, quality: int) -> None:
    if not str(out).endswith(PLAIN + COMPRESSED):
        raise DataError(f"--out {out}: expected a name that ends in {', '.join(PLAIN + COMPRESSED)}")
    if not Path(out).resolve().parent.is_dir():
        raise DataError(f"--out {out}: there is no folder {Path(out).resolve().parent.name} to write into")
    if image_format not in FORMATS:
        raise DataError(f"format is {image_format!r}, expected {', '.join(FORMATS)}")
    Image.init()
    if FORMATS[image_format][0] not in Image.SAVE:
        raise DataError(f"this version of Pillow writes no {image_format}; choose webp, or install a newer Pillow")
    if side < MIN_SIDE_PX:
        raise DataError(f"side is {side} px, expected at least {MIN_SIDE_PX}")
    if not 1 <= quality <= 100:
        raise DataError(f"quality is {quality}, expected 1 to 100")
    if not samples:
        raise DataError("no photos to pack")
    for sample in samples:
        if sample.group and sample.split is None:
            raise DataError(
                f"{sample.relative} has a group and no split: a folder holds no groups, so that a later division "
                "could put one plant on both sides; give it a split first"
            )
        if "/" in sample.label or sample.label in (".", ".."):
            raise DataError(f"{sample.relative}: class {sample.label!r} cannot be the name of a folder")


def _encode(sample: Sample, side: int, image_format: str, quality: int) -> tuple[bytes, str]:
    """The packed file, and SHA-256 of the original."""
    photo, out = sample.read(), io.BytesIO()
    name, options = FORMATS[image_format]
    height, width = photo.pixels.shape[:2]
    least = math.ceil(MIN_SIDE_PX * (max(height, width) / min(height, width)) ** 0.5)  # a narrow photo stays readable
    Image.fromarray(shrunk_to_area(photo.pixels, max(side, least))).save(out, name, quality=quality, **options)
    return out.getvalue(), photo.sha256


def _name(sample: Sample, suffix: str, sha256: str, taken: set[str]) -> str:
    """DATASET/SPLIT/CLASS/NAME.webp; two photos that differ by folder or ending alone are told apart by content."""
    folder = PurePosixPath(sample.source, *([sample.split] if sample.split else []), sample.label)
    name = str(folder / f"{sample.path.stem}{suffix}")
    if name not in taken:
        return name
    name = str(folder / f"{sample.path.stem}-{sha256[:16]}{suffix}")
    if name in taken:
        raise DataError(f"{sample.relative} is twice in its class under one name; rename one of the files")
    return name


def _manifest(rows: list[tuple[str, str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["path", "sha256", "original_sha256"])
    writer.writerows(rows)
    return out.getvalue().encode()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Adds a file without owner or time, so that the tar is reproducible."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))


@contextmanager
def _new_tar(out: Path) -> Iterator[tarfile.TarFile]:
    """Opens a tar file that replaces `out` on success, and leaves nothing behind on failure."""
    partial_path = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        with open(partial_path, "wb") as file, _stream(file, out.name) as stream:
            with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
                yield tar
        os.replace(partial_path, out)
    finally:
        partial_path.unlink(missing_ok=True)


@contextmanager
def _stream(file: BinaryIO, name: str) -> Iterator[IO[bytes]]:
    if not name.endswith(COMPRESSED):
        yield file
        return
    with gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as stream:
        yield cast(IO[bytes], stream)
