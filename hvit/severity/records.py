"""Recorded severity of photos with masks: one row for each photo and method, in eval/<split>/severity.parquet."""

from dataclasses import asdict, dataclass
from typing import Any

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


TEXT_COLUMNS = ("path", "sha256", "data", "label", "method", "reason")
COUNT_COLUMNS = (
    "pixels", "leaf_true", "leaf_predicted", "leaf_both", "symptom_true", "symptom_predicted", "symptom_both",
)  # fmt: skip
SHARE_COLUMNS = ("area_true", "area", "low", "high")


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
        texts = all(isinstance(getattr(record, name), str) for name in TEXT_COLUMNS[:-1])
        counts = all(isinstance(getattr(record, name), int) and getattr(record, name) >= 0 for name in COUNT_COLUMNS)
        shares = all(_is_share(getattr(record, name)) for name in SHARE_COLUMNS)
        if not (texts and counts and shares):
            raise ValueError(f"holds damaged values at {record.path!r:.80}")
    return records


def _is_share(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and 0 <= value <= 1)
