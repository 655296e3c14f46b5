"""A photo someone gave: its name, a key that stays, and its bytes when they are asked for."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from hvit.data.folders import find_photos
from hvit.data.leafsim import Address
from hvit.data.photos import MAX_BYTES


class FolderError(ValueError):
    """A folder that cannot be read, or holds no photo."""


@dataclass(frozen=True)
class PhotoFile:
    """An upload (`data` in memory), a file of this computer (`path`, read again when needed), or a drawn leaf.

    Attributes:
        address: of a drawn leaf, and of what was cut out of one; None for a photo. The whole leaf has neither `data`
            nor `path`: it is drawn when needed.
    """

    name: str
    key: str
    data: bytes | None = field(default=None, repr=False)
    path: Path | None = None
    address: Address | None = None

    def read(self) -> bytes:
        """The file's bytes; of one too large to be a photo, just enough to see that it is.

        Raises:
            OSError: the file has gone since it was listed.
        """
        if self.data is not None:
            return self.data
        with open(self.path, "rb") as file:
            return file.read(MAX_BYTES + 1)


def uploaded(name: str, data: bytes) -> PhotoFile:
    """A photo sent by the browser; `name` is shown, never used as a path."""
    return PhotoFile(name, hashlib.sha256(data).hexdigest(), data)


def drawn(name: str, address: Address) -> PhotoFile:
    """A leaf to be drawn; nothing is drawn yet."""
    return PhotoFile(name, str(address), address=address)


def in_folder(folder: str) -> list[PhotoFile]:
    """Every photo below a folder of this computer, sorted by name.

    Raises:
        FolderError: there is no such folder, or no photo in it.
    """
    root = Path(folder.strip().strip("\"'")).expanduser()
    if not root.is_dir():
        raise FolderError(f"There is no folder {root} on this computer. Give the whole path, for example ~/Pictures.")
    found = find_photos(root)
    if not found:
        raise FolderError(f"No photo lies in {root}. I look for JPEG, PNG, WebP, GIF, BMP and TIFF files.")
    return [_on_disk(path, path.relative_to(root).as_posix()) for path in found]


def _on_disk(path: Path, name: str) -> PhotoFile:
    stat = path.stat()
    return PhotoFile(name, f"{path}:{stat.st_mtime_ns}:{stat.st_size}", path=path)
