"""The folder of a batch: created, opened, listed and deleted."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hvit.batches.layout import FOLDERS, INFO, SCHEMA_VERSION, SETTINGS, UPLOADS
from hvit.batches.logs import BatchError as BatchError
from hvit.batches.logs import locked, write_errors
from hvit.batches.progress import is_scoring
from hvit.batches.rules import Rules
from hvit.files import write_json
from hvit.runs import ModelCard, Trouble
from hvit.untrusted import UntrustedFileError, read_json

MAX_NAME = 60
HALF_WRITTEN = "is not a batch, or was half written: it has no batch.json; move it elsewhere or delete it"


@dataclass(frozen=True)
class Batch:
    """A batch as described by its `batch.json`.

    Attributes:
        path: its folder.
        created: ISO 8601, UTC.
        run: name of the run that scores it.
        run_sha256: of the weights of that run; a batch is not continued with other weights.
        rules: from logits to verdicts.
    """

    path: Path
    created: str
    run: str
    run_sha256: str
    rules: Rules

    @property
    def name(self) -> str:
        return self.path.name

    def alpha(self) -> float | None:
        """Chosen error level of the prediction sets; None for that of the run.

        Raises:
            BatchError: the settings are damaged.
        """
        try:
            value = read_json(self.path / SETTINGS).get("alpha")
        except FileNotFoundError:
            return None
        except (UntrustedFileError, AttributeError):
            raise BatchError(f"{SETTINGS} of batch {self.name} is damaged; delete that file") from None
        return value if isinstance(value, float) else None

    def choose_alpha(self, alpha: float | None) -> None:
        """Stores an error level of the prediction sets; None for that of the run."""
        with locked(self.path), write_errors(self.path):
            write_json(self.path / SETTINGS, {"alpha": alpha})


def create_batch(root: Path, title: str, run: str, card: ModelCard) -> Batch:
    """Creates an empty batch; a name that is taken gets a number.

    Args:
        root: folder of all batches, created if absent.
        title: of the batch; characters that file names cannot have are replaced.
        run, card: name and `model.json` of the run that will score it.
    Raises:
        BatchError: the folder cannot be written.
    """
    with write_errors(Path(root) / "new"):
        root.mkdir(parents=True, exist_ok=True)
        path = _new_folder(root, folder_name(title))
        for name in (UPLOADS, FOLDERS):
            (path / name).mkdir()
        document = {
            "schema_version": SCHEMA_VERSION,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "run": run,
            "run_sha256": card.sha256,
            **Rules.from_card(card).to_json(),
        }
        write_json(path / INFO, document)  # last: a folder without it is no batch
    return open_batch(path)


def folder_name(title: str) -> str:
    """A title as the name of a folder on every system; "batch" where nothing is left of it.

    >>> folder_name(" Field 7: north/east ")
    'Field 7 north east'
    """
    letters = "".join(c if c.isalnum() or c in " -_.()" else " " for c in unicodedata.normalize("NFC", title))
    return re.sub(r"\s+", " ", letters)[:MAX_NAME].strip(" .") or "batch"


def _new_folder(root: Path, name: str) -> Path:
    number = 1
    while True:
        path = root / (name if number == 1 else f"{name} {number}")
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1


def open_batch(path: Path) -> Batch:
    """Reads `batch.json`.

    Raises:
        BatchError: it is missing, damaged or of another version.
    """
    try:
        document = read_json(path / INFO)
        if not isinstance(document, dict):
            raise UntrustedFileError("is damaged")
        if (version := document.get("schema_version")) != SCHEMA_VERSION:
            raise BatchError(
                f"batch {path.name} was written by another version (format {version}; this one reads "
                f"{SCHEMA_VERSION}); open it with the version that wrote it"
            )
        created, run, sha256 = (document.get(name) for name in ("created", "run", "run_sha256"))
        if not (isinstance(created, str) and isinstance(run, str) and isinstance(sha256, str)):
            raise UntrustedFileError("lacks its time, run or hash")
        if Path(run).name != run:  # a path would lead out of the folder of runs
            raise UntrustedFileError("has a run that is not a name")
        return Batch(path, created, run, sha256, Rules.from_json(document))
    except (FileNotFoundError, NotADirectoryError):
        raise BatchError(f"folder {path.name} {HALF_WRITTEN}") from None
    except UntrustedFileError as error:
        raise BatchError(f"{INFO} of batch {path.name} {error}; restore it, or delete the folder") from None


def list_batches(root: Path) -> tuple[list[Batch], list[Trouble]]:
    """All batches of a folder, newest first, and the subfolders that cannot be read."""
    batches, troubles = [], []
    for path in _folders(root):
        try:
            batches.append(open_batch(path))
        except BatchError as error:
            troubles.append(Trouble(path.name, str(error)))
    return sorted(batches, key=lambda batch: batch.created, reverse=True), troubles


def _folders(root: Path) -> Sequence[Path]:
    try:
        return sorted(path for path in Path(root).iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:  # there is none yet
        return ()


def delete_batch(batch: Batch) -> None:
    """Deletes a batch with its uploads; photos of linked folders stay where they are.

    Raises:
        BatchError: it cannot be deleted, or is being scored.
    """
    if is_scoring(batch.path):
        raise BatchError(f"batch {batch.name} is being scored; stop it, then delete it")
    with write_errors(batch.path):
        hidden = batch.path.with_name(f".deleted {batch.name}")
        shutil.rmtree(hidden, ignore_errors=True)
        batch.path.rename(hidden)  # first: no half of a batch is ever listed
        for link in _links(hidden / FOLDERS):
            link.unlink()
        shutil.rmtree(hidden)


def _links(folder: Path) -> list[Path]:
    """Links in a folder; a copied batch may hold real folders instead, or none."""
    return [path for path in folder.iterdir() if path.is_symlink()] if folder.is_dir() else []
