"""Finds the photos listed in `split.csv` of a run in data sets, which may have moved since training."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from hvit.data.datasets.reading import DataError, Sample, read_samples
from hvit.runs.layout import SPLIT
from hvit.untrusted import UntrustedFileError, inside, read_csv

COLUMNS = ("path", "sha256", "label", "role", "group")


@dataclass(frozen=True)
class RecordedPhotos:
    """Rows of a run's split.csv with their photos, in order.

    Attributes:
        rows: {path, sha256, label, role, group}.
        samples: of each row, with its group.
    """

    rows: list[dict[str, str]]
    samples: list[Sample]

    def of_role(self, role: str) -> list[Sample]:
        """Photos with one role: train, select or calibrate."""
        return [sample for row, sample in zip(self.rows, self.samples) if row["role"] == role]


def read_split(run_dir: Path) -> list[dict[str, str]]:
    """Rows of split.csv.

    Raises:
        DataError: there is none, or it is damaged.
    """
    try:
        rows = read_csv(inside(run_dir, SPLIT), COLUMNS)
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"run {run_dir.name} has no {SPLIT}, so which photos calibrate it is not known") from None
    except UntrustedFileError as error:
        raise DataError(f"{SPLIT} of run {run_dir.name} {error}; expected columns {', '.join(COLUMNS)}") from None
    if not rows:
        raise DataError(f"{SPLIT} of run {run_dir.name} is damaged: expected columns {', '.join(COLUMNS)}")
    return rows


def find_recorded(run_dir: Path, dirs: list[Path], by_path: bool, early_stress: bool = False) -> RecordedPhotos:
    """Finds the photos a run lists in the given data sets.

    Args:
        by_path: match paths without their suffix, as photos that were encoded again have another. Else paths match
            whole; `check_unchanged` says whether contents do.
    Raises:
        DataError: a photo is missing, has another class, or two match.
    """
    key: Callable[[str], str] = _without_suffix if by_path else str
    found: dict[str, Sample] = {}
    for sample in read_samples(dirs, early_stress=early_stress):
        if (other := found.setdefault(key(sample.relative), sample)) is not sample:
            raise DataError(f"{other.relative} and {sample.relative} match one path; remove one, or drop --by-path")
    rows = read_split(run_dir)
    missing = [row["path"] for row in rows if key(row["path"]) not in found]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(rows)} photos of run {run_dir.name} are not in {', '.join(map(str, dirs))}, the "
            f"first is {missing[0]}; name the folders that hold them: --data DIR [DIR ...]"
            + ("" if by_path else "; photos that were encoded again match with --by-path")
        )
    samples = [found[key(row["path"])] for row in rows]
    for row, sample in zip(rows, samples):
        if sample.label != row["label"]:
            raise DataError(f"{sample.relative} is {sample.label} here, and {row['label']} in {SPLIT}")
    return RecordedPhotos(
        rows, [replace(sample, group=row["group"] or sample.relative) for row, sample in zip(rows, samples)]
    )


def check_unchanged(recorded: RecordedPhotos, run_name: str) -> None:
    """Checks the content hashes of photos against split.csv.

    Raises:
        DataError: some are not; names the first.
    """
    changed = [row["path"] for row, sample in zip(recorded.rows, recorded.samples) if sample.sha256() != row["sha256"]]
    if changed:
        raise DataError(
            f"{len(changed)} of {len(recorded.rows)} photos are not those run {run_name} lists, the first is "
            f"{changed[0]}; if they were encoded again, add --by-path"
        )


def _without_suffix(path: str) -> str:
    return PurePosixPath(path).with_suffix("").as_posix()
