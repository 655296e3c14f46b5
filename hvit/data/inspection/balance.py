"""Photos of a run by data set, class and role (training, selection, calibration, test)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hvit.data.leafsim.address import SCHEME, AddressError, Span
from hvit.runs import Run, RunError
from hvit.runs.layout import SPLIT
from hvit.runs.predictions import read_prediction_columns

if TYPE_CHECKING:
    from hvit.data.datasets.reading import RenderedSample

ADDRESSES = "addresses"
TRAIN, SELECT, CALIBRATE, TEST, CV = "train", "select", "calibrate", "test", "cv"
ROLES = (TRAIN, SELECT, CALIBRATE, CV, TEST)
FOLD = "fold"  # prefix of the roles in a run with cross-validation


@dataclass(frozen=True)
class Balance:
    """Photo counts of a run.

    Attributes:
        counts: photos by (data set, class, role); see `ROLES`.
        role_source: source of the training roles: "split.csv" of the run, "addresses" of rendered leaves, or None where
            neither is available.
    """

    counts: Mapping[tuple[str, str, str], int]
    role_source: str | None

    @cached_property
    def sources(self) -> list[str]:
        """Sorted names of the data sets."""
        return sorted({source for source, _, _ in self.counts})

    @cached_property
    def classes(self) -> list[str]:
        """Sorted class names."""
        return sorted({label for _, label, _ in self.counts})

    @cached_property
    def roles(self) -> list[str]:
        """Roles that occur, in the order of `ROLES`."""
        present = {role for _, _, role in self.counts}
        return [role for role in ROLES if role in present]

    def count(self, source: str | None = None, label: str | None = None, role: str | None = None) -> int:
        """Number of photos with this data set, class and role; None for any."""
        wanted = (source, label, role)
        return sum(
            n for key, n in self.counts.items() if all(want is None or want == part for want, part in zip(wanted, key))
        )


@dataclass(frozen=True)
class PhotoRole:
    """A photo of a run and its role.

    Attributes:
        path, sha256: as recorded in the run.
        label: its class.
        role: one of `ROLES`.
    """

    path: str
    sha256: str
    label: str
    role: str

    @property
    def source(self) -> str:
        """Name of its data set."""
        return source_of(self.path)


def source_of(path: str) -> str:
    """Data set of a recorded path: its first folder, or the version and seed of rendered leaves.

    >>> source_of("field-256/test/Rust/1.jpg"), source_of("leafsim:v1/7/0")
    ('field-256', 'leafsim-v1-7')
    """
    if path.startswith(SCHEME):
        return path.rpartition("/")[0].replace(":", "-").replace("/", "-")
    return path.partition("/")[0]


def role_source(run: Run) -> str | None:
    """Source of the training roles of a run; see `Balance.role_source`."""
    if (run.path / SPLIT).exists():
        return SPLIT
    return ADDRESSES if run.learned_from == {"drawings"} else None


def photo_roles(run: Run) -> list[PhotoRole]:
    """Photos of a run with their roles, as far as recorded.

    Training and validation photos are in `split.csv`; where that is missing, they follow from the addresses of rendered
    leaves. Test photos are those of the recorded predictions.

    Raises:
        RunError: a recorded file is damaged.
    """
    source = role_source(run)
    learned = _listed(run) if source == SPLIT else _rendered(run) if source == ADDRESSES else []
    tested = read_prediction_columns(run, "test", ("path", "sha256", "label"))
    if tested is None:
        return learned
    columns = (tested[name] for name in ("path", "sha256", "label"))
    return learned + [PhotoRole(path, sha256, label, TEST) for path, sha256, label in zip(*columns)]


def balance_of(run: Run) -> Balance:
    """Counts the photos of a run by data set, class and role.

    Raises:
        RunError: a recorded file is damaged.
    """
    return count_roles(photo_roles(run), role_source(run))


def count_roles(parts: Iterable[PhotoRole], source: str | None) -> Balance:
    """Counts photos by data set, class and role; `source` is that of the roles, see `role_source`."""
    return Balance(dict(Counter((part.source, part.label, part.role) for part in parts)), source)


def _listed(run: Run) -> list[PhotoRole]:
    rows = [list(row.values()) for row in run.csv_rows(SPLIT, ("path", "sha256", "label", "role")) or []]
    if any(not value for row in rows for value in row):
        raise RunError(f"{SPLIT} of run {run.name} is damaged; copy the run again")
    return [PhotoRole(path, sha256, label, CV if role.startswith(FOLD) else role) for path, sha256, label, role in rows]


def _rendered(run: Run) -> list[PhotoRole]:
    """Roles of rendered leaves, by the rules of `training`: a fraction of each class trains, val is halved by group."""
    from hvit.data.datasets.reading import RenderedSample
    from hvit.data.datasets.splits import halves_of_val

    if run.config is None:
        raise RunError(f"run {run.name} has no config.yaml, which names its rendered leaves; copy the run again")
    data = run.config["data"]
    fraction = data.get("train_fraction")
    if fraction is not None and not 0 < fraction <= 1:
        raise RunError(f"data.train_fraction in config.yaml of run {run.name} is {fraction}; expected up to 1")
    stress = data.get("early_stress") is True  # runs of before had no such setting, and no such class
    try:
        addresses = [address for name in data["dirs"] for address in Span.parse(str(name))]
    except AddressError as error:
        raise RunError(f"config.yaml of run {run.name} has an invalid range of rendered leaves: {error}") from None
    samples = [RenderedSample.of(address, stress) for address in addresses if address.split != TEST]
    train, val = ([sample for sample in samples if sample.split == split] for split in ("train", "val"))
    parts = [(sample, TRAIN) for sample in _share(train, fraction)]
    seed = run.info.seed
    if run.info.kind != "pretrain" and seed is not None:  # the one never opens val, the other divides it
        halves = halves_of_val(val, set(data.get("calibrate_only") or ()), seed)
        parts += [(sample, SELECT if selects else CALIBRATE) for sample, selects in zip(val, halves)]
    return [PhotoRole(sample.relative, sample.sha256(), sample.label, role) for sample, role in parts]


def _share(train: "list[RenderedSample]", fraction: float | None) -> "list[RenderedSample]":
    """A subset with the recorded number of training photos of each class; which ones is not recorded."""
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
