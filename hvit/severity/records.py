"""Recorded severity of photos with masks: one row for each photo and method, in eval/<split>/severity.parquet."""

from dataclasses import asdict, dataclass
from typing import Any

from hvit.untrusted.fields import BOOLEAN, SHARE, TEXT, integer

HEAD, CLASSICAL = "head", "classical"


@dataclass(frozen=True)
class MeasuredPhoto:
    """Measurement of one photo by one method, with the values of its true mask.

    Attributes:
        path, sha256, data, label: of the photo; `label` is "" where its condition is not known.
        method: `HEAD`, `CLASSICAL` or the name of another baseline.
        leaf_known: whether the mask distinguishes leaf from background.
        pixels: of the photo.
        leaf_true, leaf_predicted, leaf_both: pixels of leaf, symptoms included; 0 where not known.
        symptom_true, symptom_predicted, symptom_both: pixels of symptoms.
        area_true: symptom share of the leaf; None where the leaf is not known.
        area, low, high: measured share with its interval; None where no single leaf was found.
        lesions: number of lesions.
        reason: why there is no area, or a caveat.
    """

    path: str
    sha256: str
    data: str
    label: str
    method: str
    leaf_known: bool
    pixels: int
    leaf_true: int
    leaf_predicted: int
    leaf_both: int
    symptom_true: int
    symptom_predicted: int
    symptom_both: int
    area_true: float | None
    area: float | None
    low: float | None
    high: float | None
    lesions: int | None
    reason: str | None

    def row(self) -> dict[str, Any]:
        """The fields, in the order of the columns."""
        return asdict(self)


_COUNT = integer(0, 2**40)
_FIELDS = {
    **dict.fromkeys(("path", "sha256", "data", "label", "method"), TEXT.needed()),
    "leaf_known": BOOLEAN.needed(),
    "pixels": _COUNT.needed(),
    **dict.fromkeys(("leaf_true", "leaf_predicted", "leaf_both"), _COUNT.needed()),
    **dict.fromkeys(("symptom_true", "symptom_predicted", "symptom_both"), _COUNT.needed()),
    **dict.fromkeys(("area_true", "area", "low", "high"), SHARE),
    "lesions": _COUNT,
    "reason": TEXT,
}


def records_of(columns: dict[str, list[Any]]) -> list[MeasuredPhoto]:
    """Validates the columns of a table and converts them to records.

    Raises:
        ValueError: a column is missing, or a value is of another type or out of range.
    """
    names = list(MeasuredPhoto.__dataclass_fields__)
    missing = [name for name in names if name not in columns]
    if missing:
        raise ValueError(f"lacks the columns {', '.join(missing)}")
    records = [MeasuredPhoto(*values) for values in zip(*(columns[name] for name in names))]
    for record in records:
        damaged = [name for name, field in _FIELDS.items() if not field(getattr(record, name))]
        if damaged or not _fits(record):
            named = f"{damaged[0]} of " if damaged else "pixel counts or an interval of "
            raise ValueError(f"holds damaged values: {named}{record.path!r:.80}")
    return records


def _fits(record: MeasuredPhoto) -> bool:
    """Whether counts and bounds of a record are possible together: masks overlap, and the photo holds them."""
    leaf = record.leaf_both <= min(record.leaf_true, record.leaf_predicted)
    symptom = record.symptom_both <= min(record.symptom_true, record.symptom_predicted)
    most = max(record.leaf_true, record.leaf_predicted, record.symptom_true, record.symptom_predicted)
    bounds = record.low is None or record.high is None or record.low <= record.high
    return leaf and symptom and most <= record.pixels and bounds
