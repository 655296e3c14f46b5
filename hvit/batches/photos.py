"""The photos of a batch: uploaded into it, or in a folder that it links to."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hvit.batches.folder import Batch, BatchError
from hvit.batches.layout import FOLDERS, PHOTOS, THUMBNAILS, UPLOADS
from hvit.batches.logs import LINE_BREAKS, append_rows, locked, read_rows, write_errors
from hvit.data.datasets.folders import describe, list_photos
from hvit.files import typed_folder, write_bytes

COLUMNS = ("path", "sha256")
MAX_NAME_BYTES = 200  # systems end at 255, and a number or the ending of a temporary file is added
BROKEN_NAME = "a line break in its name: rename it"


@dataclass(frozen=True)
class BatchPhoto:
    """One photo of a batch.

    Attributes:
        path: below the batch: `uploads/IMG_1.jpg`, `folders/1/plot 3/IMG_1.jpg`.
        sha256: of its bytes; None where it was not read when it was added.
    """

    path: str
    sha256: str | None

    @property
    def name(self) -> str:
        """Display name: the path within the upload or the linked folder."""
        parts = PurePosixPath(self.path).parts
        return "/".join(parts[1:] if parts[0] == UPLOADS else parts[2:])


def read_photos(batch: Batch) -> list[BatchPhoto]:
    """The photos in the order they were added, each path once.

    Raises:
        BatchError: the list is damaged, or a path leads out of the batch.
    """
    found: dict[str, BatchPhoto] = {}
    for row in read_rows(batch.path / PHOTOS, COLUMNS):
        parts = PurePosixPath(row["path"]).parts
        if len(parts) < 2 or parts[0] not in (UPLOADS, FOLDERS) or ".." in parts:
            raise BatchError(f"{PHOTOS} of batch {batch.name} names {row['path'][:80]!r}, which is not in the batch")
        found.setdefault(row["path"], BatchPhoto(row["path"], row["sha256"] or None))
    return list(found.values())


def add_uploads(batch: Batch, uploads: Iterable[tuple[str, bytes]]) -> int:
    """Copies uploaded photos into the batch; the same bytes are kept once.

    Args:
        uploads: name and bytes of each; a name that is taken gets a number.
    Returns:
        How many were new.
    Raises:
        BatchError: the batch cannot be written.
    """
    known = {photo.sha256 for photo in read_photos(batch)}
    rows = []
    for name, data in uploads:
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 not in known:
            known.add(sha256)
            with locked(batch.path), write_errors(batch.path):
                path = _free_path(batch.path / UPLOADS, safe_name(name))
                write_bytes(path, data)
            rows.append({"path": f"{UPLOADS}/{path.name}", "sha256": sha256})
    append_rows(batch.path / PHOTOS, COLUMNS, rows)
    return len(rows)


def safe_name(name: str) -> str:
    """The last part of an uploaded file's name, without characters that some systems refuse, and not too long for them.

    >>> safe_name("C:\\\\photos\\\\leaf: 1.jpg"), safe_name("../../.hidden")
    ('leaf_ 1.jpg', 'hidden')
    """
    last = re.split(r"[\\/]", name)[-1]
    kept = "".join(c if c.isprintable() and c not in '<>:"|?*' else "_" for c in last)
    end = " ".join(kept.split()).encode()[-MAX_NAME_BYTES:].decode(errors="ignore")
    return end.strip(" .") or "photo"


def _free_path(folder: Path, name: str) -> Path:
    path, number = folder / name, 2
    while path.exists():
        path = folder / f"{Path(name).stem} ({number}){Path(name).suffix}"
        number += 1
    return path


def add_folder(batch: Batch, typed: str) -> tuple[int, str | None]:
    """Links a folder of this computer and adds the photos below it; nothing is copied.

    Added again, a folder contributes the photos that are new in it.

    Returns:
        Number of new photos, and a note on skipped files, if any.
    Raises:
        BatchError: the batch cannot be written, or the folder cannot be linked or holds the batch itself.
        ValueError: there is no such folder, or no photo in it.
    """
    root = typed_folder(typed).resolve()
    if batch.path.resolve().is_relative_to(root):
        raise BatchError(f"{root} holds the batches themselves; name the folder with the photos alone")
    link = link_folder(batch.path, root)
    try:
        listing = list_photos(link)
    except OSError as error:
        raise BatchError(f"The folder {root} cannot be opened: {error.strerror}.") from None
    if not listing.photos:
        raise BatchError(f"No photo lies in {root}. I look for JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP and TIFF files.")
    known = {photo.path for photo in read_photos(batch)}
    paths = [path.relative_to(batch.path).as_posix() for path in listing.photos]
    broken = [path for path in paths if LINE_BREAKS.search(path)]
    new = [path for path in paths if path not in known and path not in broken]
    append_rows(batch.path / PHOTOS, COLUMNS, [{"path": path, "sha256": ""} for path in new])
    names = [PurePosixPath(*PurePosixPath(path).parts[2:]).as_posix() for path in broken]
    return len(new), describe(root, listing.passed_over | ({BROKEN_NAME: names} if names else {}))


def link_folder(path: Path, root: Path) -> Path:
    """The link to the folder `root` below `path / "folders"`, created if missing.

    Raises:
        BatchError: it cannot be created.
    """
    with locked(path), write_errors(path):
        (path / FOLDERS).mkdir(exist_ok=True)  # copies leave out empty folders
        links = sorted((path / FOLDERS).iterdir(), key=lambda link: link.name)
        for link in links:
            if link.resolve() == root:
                return link
        link = path / FOLDERS / str(1 + max((int(link.name) for link in links if link.name.isdigit()), default=0))
        try:
            os.symlink(root, link, target_is_directory=True)
        except OSError as error:  # Windows without developer mode
            raise BatchError(f"{root} cannot be linked ({error.strerror}); upload the photos instead") from None
        return link


def missing_folders(batch: Batch) -> list[tuple[str, str]]:
    """Linked folders that no longer exist: name of the link, and its target."""
    try:
        links = sorted((batch.path / FOLDERS).iterdir(), key=lambda path: path.name)
    except OSError:  # a batch without its folder of links has none
        return []
    return [(link.name, os.readlink(link)) for link in links if link.is_symlink() and not link.is_dir()]


def relink_folder(batch: Batch, link: str, typed: str) -> None:
    """Changes the target of a link to a folder that was moved; scores and reviews stay.

    Raises:
        ValueError: there is no such folder.
        BatchError: there is no such link, none of its photos lies there, or the batch cannot be written.
    """
    root = typed_folder(typed).resolve()
    prefix = f"{FOLDERS}/{link}/"
    own = [photo.path.removeprefix(prefix) for photo in read_photos(batch) if photo.path.startswith(prefix)]
    if not own:
        raise BatchError(f"batch {batch.name} has no photos in {prefix}")
    if not any((root / path).is_file() for path in own):
        raise BatchError(f"none of the {len(own)} photos lies in {root}; name the folder that {own[0]} is in")
    with locked(batch.path), write_errors(batch.path):
        new = batch.path / FOLDERS / f".{link}"
        new.unlink(missing_ok=True)
        os.symlink(root, new, target_is_directory=True)
        os.replace(new, batch.path / FOLDERS / link)


def thumbnail_path(batch: Batch, photo_path: str) -> Path:
    """Path of the thumbnail of a scored photo."""
    return batch.path / THUMBNAILS / f"{hashlib.sha256(photo_path.encode()).hexdigest()[:24]}.jpg"
