"""What a run learned from and was judged on, counted: by data set, class, and the part each photo played."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hvit.data.leafsim.address import SCHEME, AddressError, Span
from hvit.runs import Run, RunError
from hvit.runs.predictions import read_prediction_columns

if TYPE_CHECKING:
    from hvit.data.datasets.reading import RenderedSample

SPLIT = "split.csv"  # of the run: which photo trained, selected, calibrated
ADDRESSES = "addresses"
TRAIN, SELECT, CALIBRATE, TEST, CV = "train", "select", "calibrate", "test", "cv"
ROLES = (TRAIN, SELECT, CALIBRATE, CV, TEST)
FOLD = "fold"  # the roles of a run that was judged by cross-validation are its folds: each learned and was judged


@dataclass(frozen=True)
class Balance:
    """Photos of a run.

    Attributes:
        counts: photos by (data set, class, role); roles are those of `ROLES`.
        told_by: where the parts played in training are known from: "split.csv" of the run, the "addresses" of drawn
            leaves, or None where neither is at hand.
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


@dataclass(frozen=True)
class Part:
    """One photo and the part it played.

    Attributes:
        path, sha256: as the run recorded them.
        label: its class.
        role: one of `ROLES`.
    """

    path: str
    sha256: str
    label: str
    role: str

    @property
    def source(self) -> str:
        """The data set it belongs to: `field-256`, `leafsim-v1-7`."""
        if self.path.startswith(SCHEME):
            return self.path.rpartition("/")[0].replace(":", "-").replace("/", "-")
        return self.path.partition("/")[0]


def told_by(run: Run) -> str | None:
    """Where the parts played in training are known from: see `Balance`."""
    if (run.path / SPLIT).exists():
        return SPLIT
    return ADDRESSES if run.learned_from == {"drawings"} else None


def parts_of(run: Run) -> list[Part]:
    """The photos of a run as far as it tells them.

    Those of training and validation are in its `split.csv`; where that is not in this copy, the addresses of drawn
    leaves tell the same. Those of test are its recorded answers.

    Raises:
        RunError: what it recorded is damaged.
    """
    told = told_by(run)
    learned = _listed(run) if told == SPLIT else _drawn(run) if told == ADDRESSES else []
    tested = read_prediction_columns(run, "test", ("path", "sha256", "label"))
    if tested is None:
        return learned
    columns = (tested[name] for name in ("path", "sha256", "label"))
    return learned + [Part(path, sha256, label, TEST) for path, sha256, label in zip(*columns)]


def balance_of(run: Run) -> Balance:
    """Counts the photos of a run, see `parts_of`.

    Raises:
        RunError: what it recorded is damaged.
    """
    return counted(parts_of(run), told_by(run))


def counted(parts: Iterable[Part], told: str | None) -> Balance:
    """Counts photos; `told` is what `told_by` says of their run."""
    return Balance(dict(Counter((part.source, part.label, part.role) for part in parts)), told)


def _listed(run: Run) -> list[Part]:
    rows = [list(row.values()) for row in run.csv_rows(SPLIT, ("path", "sha256", "label", "role")) or []]
    if any(not value for row in rows for value in row):
        raise RunError(f"{SPLIT} of run {run.name} is damaged; copy the run again")
    return [Part(*row[:3], CV if row[3].startswith(FOLD) else row[3]) for row in rows]


def _drawn(run: Run) -> list[Part]:
    """Drawn leaves, by the rules of `training`: a share of each class trains, val is halved by group."""
    from hvit.data.datasets.reading import RenderedSample
    from hvit.data.datasets.splits import halves_of_val

    data = run.config["data"]
    fraction = data.get("train_fraction")
    if fraction is not None and not 0 < fraction <= 1:
        raise RunError(f"data.train_fraction in config.yaml of run {run.name} is {fraction}; expected up to 1")
    stress = data.get("early_stress") is True  # runs of before had no such setting, and no such class
    try:
        addresses = [address for name in data["dirs"] for address in Span.parse(str(name))]
    except AddressError as error:
        raise RunError(f"config.yaml of run {run.name} names drawn leaves that cannot be read: {error}") from None
    samples = [RenderedSample.of(address, stress) for address in addresses if address.split != TEST]
    train, val = ([sample for sample in samples if sample.split == split] for split in ("train", "val"))
    parts = [(sample, TRAIN) for sample in _share(train, fraction)]
    seed = run.info.get("seed")
    if run.info.get("kind") != "pretrain" and seed is not None:  # the one never opens val, the other divides it
        halves = halves_of_val(val, set(data.get("calibrate_only") or ()), seed)
        parts += [(sample, SELECT if selects else CALIBRATE) for sample, selects in zip(val, halves)]
    return [Part(sample.relative, sample.sha256(), sample.label, role) for sample, role in parts]


def _share(train: "list[RenderedSample]", fraction: float | None) -> "list[RenderedSample]":
    """As many of each class as trained; which of them did is not told here."""
    if fraction is None:
        return train
    kept: Counter[str] = Counter()
    most = {label: max(1, round(fraction * n)) for label, n in Counter(sample.label for sample in train).items()}
    shared = []
    for sample in train:
        kept[sample.label] += 1
        if kept[sample.label] <= most[sample.label]:
            shared.append(sample)
    return shared
