"""Kinds of photos of unknown classes: no leaf, green but no crop, another crop, another disease."""

from collections.abc import Sequence

from hvit.data.classes import crop_of, crops

KNOWN, NOT_LEAF, GREEN, UNKNOWN_CROP, UNKNOWN_DISEASE = "known", "not_leaf", "green", "unknown_crop", "unknown_disease"
UNKNOWN_KINDS = (NOT_LEAF, GREEN, UNKNOWN_CROP, UNKNOWN_DISEASE)


def kind_of_unknown(label: str, classes: Sequence[str]) -> str:
    """Kind of an unknown class, by its name: another disease, another crop, or no crop at all.

    >>> kind_of_unknown("Apple___Canker", ["Apple___Scab"]), kind_of_unknown("Fig___Rust", ["Apple___Scab"])
    ('unknown_disease', 'unknown_crop')
    >>> kind_of_unknown("furniture", ["Apple___Scab"])
    'not_leaf'
    """
    crop = crop_of(label)
    if not crop:
        return NOT_LEAF
    return UNKNOWN_DISEASE if crop in crops(classes) else UNKNOWN_CROP
