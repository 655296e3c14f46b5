"""Downloads public data sets of leaf photos."""

import difflib
import os
import shutil
import tempfile
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hvit.data.datasets.reading import DataError

MAX_FILES, MAX_BYTES, MAX_RATIO = 200_000, 20_000_000_000, 200


@dataclass(frozen=True)
class PublicSet:
    """A data set that can be downloaded as one zip archive.

    Attributes:
        name: argument of `data fetch`.
        title, photos, classes, megabytes: description and approximate size.
        licence, citation: of the photos.
        url: of the archive.
        folder: folder inside the archive that holds the classes or splits.
        sha256: of the archive; None where its host does not promise the same bytes every time.
    """

    name: str
    title: str
    photos: int
    classes: int
    megabytes: int
    licence: str
    citation: str
    url: str
    folder: str
    sha256: str | None = None

    def row(self) -> dict[str, Any]:
        """The fields, for `data list --json`."""
        return asdict(self)


CATALOGUE = {
    entry.name: entry
    for entry in (
        PublicSet(
            name="plantdoc",
            title="leaves in the field, from the web, with train and test",
            photos=2598,
            classes=27,
            megabytes=950,
            licence="CC BY 4.0",
            citation="Singh et al. 2020, PlantDoc, CoDS-COMAD, doi:10.1145/3371158.3371196",
            url="https://github.com/pratikkayal/PlantDoc-Dataset/archive/refs/heads/master.zip",
            folder="PlantDoc-Dataset-master",
        ),
        PublicSet(
            name="plantvillage",
            title="single leaves in the laboratory, on plain ground",
            photos=54305,
            classes=38,
            megabytes=868,
            licence="CC0 1.0",
            citation="Hughes & Salathe 2015, arXiv:1511.08060; Geetharamani & Pandian 2019, doi:10.17632/tywbtsjrjv.1",
            url="https://data.mendeley.com/public-files/datasets/tywbtsjrjv/files/"
            "d5652a28-c1d8-4b76-97f3-72fb80f94efc/file_downloaded",
            folder="Plant_leave_diseases_dataset_without_augmentation",
            sha256="ac3432453984d02a86197987e775a5429d0d59e7cc7c35bcf5a8f50349b90ff0",
        ),
    )
}


def fetch(name: str, out: Path, progress_bar: bool = False, catalogue: dict[str, PublicSet] = CATALOGUE) -> Path:
    """Downloads and unpacks a public data set into `out`/`name`, atomically.

    Args:
        progress_bar: show one on stderr while downloading.
        catalogue: the known data sets.
    Returns:
        The folder of the data set.
    Raises:
        DataError: no such name (names the nearest), the folder exists, the download failed, or the archive is unsafe.
    """
    if name not in catalogue:
        near = difflib.get_close_matches(name, catalogue, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(catalogue)}"
        raise DataError(f"no public data set {name!r}; {hint}")
    entry, target = catalogue[name], out / name
    if target.exists():
        raise DataError(f"{target} exists already; move it away, or choose another --out")
    import pooch
    import requests

    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=f".{name}-") as folder:
        try:
            known = f"sha256:{entry.sha256}" if entry.sha256 else None
            archive = pooch.retrieve(entry.url, known, fname=f"{name}.zip", path=folder, progressbar=progress_bar)
        except (OSError, ValueError, requests.exceptions.RequestException) as error:
            raise DataError(
                f"{name} could not be downloaded from {entry.url}: {' '.join(str(error).split())[:200]}"
            ) from None
        unpacked = Path(folder) / "unpacked"
        try:
            unpack(Path(archive), entry.folder, unpacked)
            os.replace(unpacked, target)
        except OSError as error:
            raise DataError(f"{name} could not be unpacked into {target}: {error.strerror}") from None
    return target


def unpack(archive: Path, folder: str, target: Path) -> None:
    """Extracts the files in `folder` of a zip archive.

    Raises:
        DataError: it is not a zip archive, lacks the folder, leads out of `target`, or would grow out of proportion.
    """
    try:
        with zipfile.ZipFile(archive) as files:
            members = [
                m for m in files.infolist() if not m.is_dir() and PurePosixPath(m.filename).is_relative_to(folder)
            ]
            _check_archive(members, archive)
            if not members:
                raise DataError(f"{archive.name} holds nothing in {folder}")
            for member in members:
                path = target / PurePosixPath(member.filename).relative_to(folder)
                path.parent.mkdir(parents=True, exist_ok=True)
                with files.open(member) as source, open(path, "wb") as out:
                    shutil.copyfileobj(source, out)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError):  # the last: encrypted, or an unknown packing
        raise DataError(f"{archive.name} is not a zip archive, or was cut short; fetch it again") from None


def _check_archive(members: list[zipfile.ZipInfo], archive: Path) -> None:
    size, packed = sum(m.file_size for m in members), sum(m.compress_size for m in members)
    if len(members) > MAX_FILES or size > MAX_BYTES or size > MAX_RATIO * max(packed, 1):
        raise DataError(
            f"{archive.name} would unpack to {len(members)} files of {size / 1e9:.1f} GB, which is out of proportion"
        )
    for member in members:
        parts = PurePosixPath(member.filename).parts
        is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
        if ".." in parts or PurePosixPath(member.filename).is_absolute() or "\\" in member.filename or is_link:
            raise DataError(f"{archive.name} holds a path that leads out of the folder: {member.filename}")
