"""What a run learned from and was judged on, counted: by data set, class, and the part each photo played."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hvit.data.leafsim.address import SCHEME, AddressError, Span
from hvit.runs import Run, RunError

if TYPE_CHECKING:
    from hvit.data.dataset import DrawnSample

SPLIT = "split.csv"  # of the run: which photo trained, selected, calibrated
TRAIN, SELECT, CALIBRATE, TEST, CV = "train", "select", "calibrate", "test", "cv"
ROLES = (TRAIN, SELECT, CALIBRATE, CV, TEST)
FOLD = "fold"  # the roles of a run that was judged by cross-validation are its folds: each learned and was judged


@dataclass(frozen=True)
class Balance:
    """Photos of a run.

    Attributes:
        counts: photos by (data set, class, role); roles are those of `ROLES`.
        told_by: where the parts played in training are known from: "split.csv" of the run, the "addresses" of drawn
            leaves, or None where neither is there.
    """

    counts: Mapping[tuple[str, str, str], int]
    told_by: str | None

    @cached_property
    def sources(self) -> list[str]:
        """Names of the data sets, sorted."""
        return sorted({source for source, _, _ in self.counts})

    @cached_property
    def classes(self) -> list[str]:
        """Sorted."""
        return sorted({label for _, label, _ in self.counts})

    @cached_property
    def roles(self) -> list[str]:
        """Those that occur, in the order of `ROLES`."""
        present = {role for _, _, role in self.counts}
        return [role for role in ROLES if role in present]

    def count(self, source: str | None = None, label: str | None = None, role: str | None = None) -> int:
        """Photos that fit all that is named."""
        wanted = (source, label, role)
        return sum(
            n for key, n in self.counts.items() if all(want is None or want == part for want, part in zip(wanted, key))
        )


def balance_of(run: Run) -> Balance:
    """Counts the photos of a run as far as it tells them.

    Those of training and validation are in its `split.csv`; where that is not in this copy, the addresses of drawn
    leaves tell the same. Those of test are its recorded answers.

    Raises:
        RunError: what it recorded is damaged.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    told_by = None
    if (run.path / SPLIT).exists():
        told_by = SPLIT
        for row in _rows(run):
            role = CV if row["role"].startswith(FOLD) else row["role"]
            counts[source_of(row["path"]), row["label"], role] += 1
    elif run.learned_from == {"drawings"}:
        told_by = "addresses"
        for sample, role in _drawn(run):
            counts[sample.source, sample.label, role] += 1
    for path, label in _tested(run):
        counts[source_of(path), label, TEST] += 1
    return Balance(dict(counts), told_by)


def source_of(path: str) -> str:
    """The data set a recorded path belongs to: `field-256`, `leafsim-v1-7`."""
    if path.startswith(SCHEME):
        return path.rpartition("/")[0].replace(":", "-").replace("/", "-")
    return path.partition("/")[0]


def photos_of(run: Run) -> Iterator[tuple[str, str, str, str]]:
    """Path, sha256, class and role of the photos that `split.csv` lists; of none where it is not there.

    Raises:
        RunError: it is damaged.
    """
    if (run.path / SPLIT).exists():
        yield from ((row["path"], row["sha256"], row["label"], row["role"]) for row in _rows(run))


def _rows(run: Run) -> list[dict[str, str]]:
    try:
        with open(run.path / SPLIT, newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            rows = list(reader)
            whole = {"path", "sha256", "label", "role"} <= set(reader.fieldnames or ())
    except (UnicodeDecodeError, csv.Error):
        whole = False
    if not whole or any(row["path"] is None or row["label"] is None or row["role"] is None for row in rows):
        raise RunError(f"{SPLIT} of run {run.name} is damaged; copy the run again")
    return rows


def _drawn(run: Run) -> "Iterator[tuple[DrawnSample, str]]":
    """Drawn leaves with their roles, by the rules of `training`: a share of each class trains, val is halved."""
    from hvit.data.dataset import DrawnSample
    from hvit.data.splits import halves_of_val

    data = run.config["data"]
    stress = data.get("early_stress") is True
    try:
        spans = [Span.parse(str(name)) for name in data["dirs"]]
    except AddressError as error:
        raise RunError(f"config.yaml of run {run.name} names drawn leaves that cannot be read: {error}") from None
    samples = [DrawnSample.of(address, stress) for span in spans for address in span]
    by_split = {name: [sample for sample in samples if sample.split == name] for name in ("train", "val")}
    fraction = data.get("train_fraction")
    kept: Counter[str] = Counter()
    limits = {
        label: n if fraction is None else max(1, round(fraction * n))
        for label, n in Counter(sample.label for sample in by_split["train"]).items()
    }
    for sample in by_split["train"]:
        kept[sample.label] += 1
        if kept[sample.label] <= limits[sample.label]:
            yield sample, TRAIN
    if run.info.get("kind") == "pretrain":
        return  # it never opened val
    halves = halves_of_val(by_split["val"], set(data.get("calibrate_only") or ()), run.info["seed"])
    yield from ((sample, SELECT if selects else CALIBRATE) for sample, selects in zip(by_split["val"], halves))


def _tested(run: Run) -> Iterable[tuple[str, str]]:
    recorded = run.predictions("test")
    return () if recorded is None else zip(recorded["path"], recorded["label"])
