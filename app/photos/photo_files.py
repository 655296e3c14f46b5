"""Photo files of a session: name, stable key, and bytes on request."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from hvit.data.datasets.folders import list_photos
from hvit.data.leafsim import Address
from hvit.data.photo_limits import MAX_BYTES, check_bytes
from hvit.data.photos import InvalidPhotoError, photo_bytes
from hvit.files import typed_folder


class FolderError(ValueError):
    """A folder that cannot be read, or has no photo."""


@dataclass(frozen=True)
class PhotoFile:
    """An upload (`data` in memory), a local file (`path`, read on request), or a rendered leaf.

    Attributes:
        problem: why it cannot be a photo, where that is known without its bytes.
        address: of a rendered leaf or a crop of one; None for a photo. A full rendered leaf has neither `data` nor
            `path`: it is rendered on request.
    """

    name: str
    key: str
    data: bytes | None = field(default=None, repr=False)
    path: Path | None = None
    address: Address | None = None
    problem: str | None = None

    @property
    def is_full_rendering(self) -> bool:
        """Whether it is a complete rendered leaf, of which no bytes are stored."""
        return self.address is not None and self.data is None

    def read(self) -> bytes:
        """The file's bytes.

        Raises:
            InvalidPhotoError: the file has gone since it was listed, or is too large to be a photo.
        """
        if self.problem is not None:
            raise InvalidPhotoError(self.problem)
        return self.data if self.data is not None else photo_bytes(self.path)


def uploaded(name: str, data: bytes) -> PhotoFile:
    """Photo from an upload; `name` is shown, never used as a path."""
    return PhotoFile(name, hashlib.sha256(data).hexdigest(), data)


def too_large(name: str, size: int) -> PhotoFile:
    """An upload with too many bytes for a photo; the bytes are not kept."""
    try:
        check_bytes(size)
    except InvalidPhotoError as error:
        return PhotoFile(name, f"{name}:{size}", problem=str(error))
    raise AssertionError(f"{size} bytes are not too many; the limit is {MAX_BYTES}")


def rendered(name: str, address: Address) -> PhotoFile:
    """A rendered leaf; it is not rendered yet."""
    return PhotoFile(name, str(address), address=address)


def in_folder(folder: str) -> tuple[list[PhotoFile], str | None]:
    """Photos below a local folder, sorted by name, and a note on skipped files.

    Raises:
        FolderError: there is no such folder, or no photo in it.
    """
    try:
        root = typed_folder(folder)
        listing = list_photos(root)
    except ValueError as error:
        raise FolderError(str(error)) from None
    except OSError as error:
        raise FolderError(f"The folder {root} cannot be opened: {error.strerror}.") from None
    if not listing.photos:
        looked_for = "I look for JPEG, PNG, WebP, HEIC, HEIF, AVIF, GIF, BMP and TIFF files"
        raise FolderError(f"No photo lies in {root}. {looked_for}.")
    return [on_disk(path, path.relative_to(root).as_posix()) for path in listing.photos], listing.note


def on_disk(path: Path, name: str) -> PhotoFile:
    """Photo from a local file, read on request; a changed file is a different photo."""
    try:
        stat = path.stat()
    except OSError:  # gone since the folder was listed: its row will say so
        return PhotoFile(name, str(path), path=path)
    return PhotoFile(name, f"{path}:{stat.st_mtime_ns}:{stat.st_size}", path=path)
