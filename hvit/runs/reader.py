"""Reads a run directory, whose files are untrusted; lists and finds runs."""

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from hvit.files import file_sha256
from hvit.runs.fields import check_config, check_row, check_scores
from hvit.runs.layout import (
    CARD,
    CONFIG,
    INFO,
    MANIFEST,
    METRICS,
    NOTES,
    PREDICTIONS,
    SCHEMA_VERSION,
    TEST_EVALUATIONS,
    WEIGHTS,
    in_split,
    run_name,
)
from hvit.runs.model_card import ModelCard
from hvit.runs.run_info import LiveProgress, RunInfo, live_progress, status_of
from hvit.untrusted import (
    Nan,
    UntrustedFileError,
    inside,
    parse_json,
    read_bytes,
    read_csv,
    read_json,
    read_lines,
    read_parquet,
    read_yaml,
)

MAX_ROWS, MAX_METRICS_BYTES = 200_000, 64 * 2**20  # of a file of JSON lines, which becomes ten times as large in memory
MAX_NOTES_BYTES = 2**20
MAX_NAME, MAX_PATH = 60, 200  # characters of a name that is repeated in a message
PREDICTION_COLUMNS = {"sample_id": "text", "path": "text", "sha256": "text", "label": "text", "logits": "numbers"}


class RunError(ValueError):
    """A run that does not exist, is damaged, or may not be written; the message says what to do."""


class Run:
    """Reader of a run directory: missing parts are None, corrupt ones raise `RunError`.

    Its files are untrusted: each is read through `hvit.untrusted`, and its fields are checked by `hvit.runs.fields`.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self.name = run_name(self.path)

    @cached_property
    def info(self) -> RunInfo:
        """`run.json`, checked and typed.

        Raises:
            RunError: it is missing, damaged, or of a newer version.
        """
        info = self._json(INFO, nan="null")
        if info is None and not self._is_there(INFO):
            raise RunError(f"{self.path} is not a run: it has no {INFO}")
        if not isinstance(info, dict):
            raise RunError(f"{INFO} of run {self.name} is damaged: it holds no object; copy the run again")
        version = info.get("schema_version")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise RunError(f"{self.name} was written by a newer version of this program; update the program to read it")
        checked: RunInfo = self._checked(INFO, lambda: RunInfo.from_dict(info))
        return checked

    @property
    def status(self) -> str:
        """Status now: running, done, failed, preempted, or stopped (running without a heartbeat for 60 s)."""
        return status_of(self.info)

    @property
    def progress_now(self) -> LiveProgress | None:
        """Progress of a run that trains, or did until its heartbeat stopped; None after its end."""
        return live_progress(self.info)

    @cached_property
    def config(self) -> dict[str, Any] | None:
        """`config.yaml`, the resolved configuration."""
        config = self._read(CONFIG, read_yaml)
        if config is None and not self._is_there(CONFIG):
            return None
        return self._checked(CONFIG, lambda: check_config(config))

    @property
    def learned_from(self) -> frozenset[str]:
        """Kinds of training data: "photos", "drawings" (LeafSim) or both; empty where not recorded."""
        return training_data_kinds(self.config)

    @property
    def field_sets(self) -> tuple[str, ...]:
        """Names of the data sets of field photos, as `data.field` of the configuration lists them."""
        data = (self.config or {}).get("data")
        named = data.get("field", ()) if isinstance(data, dict) else ()
        if not isinstance(named, list | tuple) or not all(isinstance(name, str) for name in named):
            raise RunError(f"data.field in {CONFIG} of run {self.name} is {named!r}; expected a list of data sets")
        return tuple(named)

    @property
    def plants_known(self) -> bool | None:
        """Whether photos were held out plant by plant; None where not recorded, as in older runs."""
        return self.info.plants_known

    @property
    def evaluated_split(self) -> str | None:
        """The split the run is evaluated on: "test", else "cv" (cross-validation), else None."""
        recorded = (split for split in ("test", "cv") if (self.path / in_split(split, PREDICTIONS)).exists())
        return next(recorded, None)

    def metrics(self) -> list[dict[str, Any]]:
        """Rows of `metrics.jsonl`; a torn last line is ignored.

        Raises:
            RunError: another line is not JSON.
        """
        return self._lines(METRICS)

    def test_evaluations(self) -> list[dict[str, Any]]:
        """Log of the evaluations on test: time, n, top1 of each; raises as `metrics` does."""
        return self._lines(TEST_EVALUATIONS)

    def _lines(self, name: str) -> list[dict[str, Any]]:
        def rows_of(path: Path) -> list[dict[str, Any]]:
            rows = []
            for number, line in enumerate(read_lines(path, MAX_METRICS_BYTES), 1):
                if line == b"\n":
                    continue
                try:
                    rows.append(check_row(parse_json(line or b"", nan="null")))
                except UntrustedFileError:
                    if line is not None and not line.endswith(b"\n"):
                        break  # torn, and the last
                    message = f"line {number} of {name} of run {self.name} is damaged; copy the run again"
                    raise RunError(message) from None
                if len(rows) > MAX_ROWS:
                    raise UntrustedFileError(f"has more than {MAX_ROWS:,} lines, which are not read")
            return rows

        return self._read(name, rows_of) or []

    def model_card(self) -> ModelCard | None:
        """`model.json`, checked and typed; None where the run has no weights to predict with yet.

        Raises:
            RunError: it is damaged, incomplete or of another version.
        """
        document = self._json(CARD)
        if document is None:
            return None
        version = document.get("schema_version", SCHEMA_VERSION) if isinstance(document, dict) else SCHEMA_VERSION
        if version != SCHEMA_VERSION:
            raise RunError(
                f"{CARD} of run {self.name} is of another version of HViT; this one reads version {SCHEMA_VERSION}"
            )
        card: ModelCard = self._checked(CARD, lambda: ModelCard.from_dict(document))
        return card

    def evaluation(self, split: str, of: str = "metrics") -> dict[str, Any] | None:
        """Recorded scores on a split, or None. `of` is "metrics", or "tta" for those with test-time augmentation."""
        name = in_split(split, f"{of}.json")
        document = self._json(name, nan="null")
        return None if document is None else self._checked(name, lambda: check_scores(document))

    def predictions(self, split: str) -> dict[str, list[Any]] | None:
        """Recorded predictions on a split as columns: sample_id, path, sha256, label, logits; or None."""
        return self._table("predictions", split, PREDICTION_COLUMNS)

    def explanations(self, split: str) -> dict[str, list[Any]] | None:
        """Recorded scores of explanations as columns, see docs/explanations.md; or None. `ranking` reads them."""
        return self._table("explain", split, None, "explanations")

    def severity(self, split: str) -> dict[str, list[Any]] | None:
        """Recorded severity of photos with masks as columns; or None. `hvit.scoring.severity` reads them."""
        return self._table("severity", split, None, "severities")

    def _table(
        self, file: str, split: str, columns: dict[str, Any] | None, what: str = "predictions"
    ) -> dict[str, list[Any]] | None:
        try:
            return read_parquet(inside(self.path, in_split(split, f"{file}.parquet")), columns)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except UntrustedFileError as error:
            raise RunError(f"{what} of run {self.name} on {split} {error}; copy the run again") from None

    def csv_rows(self, name: str, columns: Iterable[str]) -> list[dict[str, str]] | None:
        """Rows of a CSV file of the run, such as `split.csv`; None where there is none.

        Args:
            columns: to read; all of them must be there.
        Raises:
            RunError: it is damaged.
        """
        return self._read(name, lambda path: read_csv(path, list(columns)))

    def document(self, name: str) -> Any:
        """Value of a JSON file of the run, such as `data_check.json`; None where there is none.

        Raises:
            RunError: it is damaged.
        """
        return self._json(name, nan="null")

    def notes(self) -> str | None:
        """`notes.md`: what a reader of the figures must know, in words; None where there is none.

        Raises:
            RunError: it is no regular file, or larger than 1 MB.
        """
        content: bytes | None = self._read(NOTES, lambda path: read_bytes(path, MAX_NOTES_BYTES))
        return None if content is None else content.decode(errors="replace")

    def manifest(self) -> dict[str, str] | None:
        """SHA-256 of each file by its path, as `manifest.json` lists them; None where there is none.

        Raises:
            RunError: it is damaged, or lists paths outside of the run.
        """
        manifest = self._json(MANIFEST)
        if manifest is None:
            return None
        files = manifest.get("files") if isinstance(manifest, dict) else None
        if not isinstance(files, dict) or not all(isinstance(sha256, str) for sha256 in files.values()):
            raise RunError(f"{MANIFEST} of run {self.name} is damaged; copy the run again")
        if outside := next((name for name in files if not _is_relative(name)), None):
            raise RunError(f"{MANIFEST} of run {self.name} lists {outside[:MAX_NAME]}, which is not in the run")
        return files

    @property
    def can_predict(self) -> bool:
        """Whether weights are here, and classes to name: a run pre-trained without labels has none."""
        card = self.model_card()
        return self._is_there(WEIGHTS) and card is not None and bool(card.classes)

    def row(self) -> dict[str, Any]:
        """What `runs --json` prints of this run."""
        card = self.model_card()
        return {
            "name": self.name,
            "path": str(self.path),
            "status": self.status,
            "kind": self.info.kind,
            "classes": list(card.classes) if card else None,
            "summary": dict(self.info.summary),
            "plants_known": self.plants_known,
            "started": self.info.started,
            "ended": self.info.ended,
            "heartbeat": self.info.heartbeat,
            "progress": asdict(self.progress_now) if self.progress_now else None,
            "can_predict": self.can_predict,
        }

    def damaged_files(self) -> list[str]:
        """Files whose content differs from what `manifest.json` lists; an absent one is not in this copy."""
        return sorted(name for name, sha256 in (self.manifest() or {}).items() if self._differs(name, sha256))

    def _differs(self, name: str, sha256: str) -> bool:
        try:
            return file_sha256(inside(self.path, name)) != sha256
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (UntrustedFileError, OSError):  # a folder or a pipe in its place, or a link that leads elsewhere
            return True

    def _is_there(self, name: str) -> bool:
        return os.path.exists(self.path / name)

    def _json(self, name: str, nan: Nan = "refuse") -> Any:
        return self._read(name, lambda path: read_json(path, nan=nan))

    def _read(self, name: str, read: Callable[[Path], Any]) -> Any:
        """Reads a file of the run; None where it is missing."""
        try:
            return self._checked(name, lambda: read(inside(self.path, name)))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _checked(self, name: str, check: Callable[[], Any]) -> Any:
        try:
            return check()
        except UntrustedFileError as error:
            raise RunError(f"{name} of run {self.name} {error}; copy the run again") from None


def _is_relative(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def training_data_kinds(config: dict[str, Any] | None) -> frozenset[str]:
    """Kinds of training data of a configuration, see `Run.learned_from`."""
    from hvit.data.leafsim.address import SCHEME

    data = (config or {}).get("data")
    dirs = data.get("dirs") if isinstance(data, dict) else None
    return frozenset("drawings" if str(name).startswith(SCHEME) else "photos" for name in dirs or ())
