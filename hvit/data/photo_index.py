"""Photos of a folder by the hash of their bytes: by that, a run which ships without its photos finds them again."""

from collections.abc import Callable
from pathlib import Path

from hvit.data.folders import find_photos
from hvit.files import file_sha256


def index_photos(folder: Path, show: Callable[[int, int], None] = lambda done, total: None) -> dict[str, Path]:
    """SHA-256 of every photo below a folder -> its path; of equal photos the first by name.

    Args:
        show: told how many photos are done, and of how many.
    Raises:
        ValueError: there is no such folder, or no photo in it.
    """
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder} on this computer. Give the whole path, for example ~/Pictures.")
    found = find_photos(folder)
    if not found:
        raise ValueError(f"No photo lies in {folder}. I look for JPEG, PNG, WebP, GIF, BMP and TIFF files.")
    index: dict[str, Path] = {}
    for done, path in enumerate(found, 1):
        index.setdefault(file_sha256(path), path)
        if done % 100 == 0 or done == len(found):
            show(done, len(found))
    return index
