"""Index of photos by SHA-256, to find the photos of a run that ships without them."""

from collections.abc import Callable
from pathlib import Path

from hvit.data.datasets.folders import find_photos
from hvit.files import file_sha256, typed_folder


def index_photos(folder: Path, show: Callable[[int, int], None] = lambda done, total: None) -> dict[str, Path]:
    """Maps SHA-256 of every photo in a folder tree to its path; of identical photos the first by name.

    Args:
        show: progress callback (done, total).
    Raises:
        ValueError: there is no such folder, or no photo in it.
    """
    folder = typed_folder(str(folder))
    found = find_photos(folder)
    if not found:
        raise ValueError(
            f"No photo lies in {folder}. I look for JPEG, PNG, WebP, HEIC, HEIF, AVIF, GIF, BMP and TIFF files."
        )
    index: dict[str, Path] = {}
    for done, path in enumerate(found, 1):
        try:
            index.setdefault(file_sha256(path), path)
        except OSError:
            pass  # removed, or not readable: left out
        if done % 100 == 0 or done == len(found):
            show(done, len(found))
    return index
