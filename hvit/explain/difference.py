"""Why one class rather than another: what a place says for the one, less what it says for the other."""

from dataclasses import replace

from hvit.explain.color_scale import LIFT, LIFT_DIFFERENCE
from hvit.explain.explanation import Explanation


def difference(one: Explanation, other: Explanation) -> Explanation:
    """Attribution for one class less that for another, by the same method on the same photo.

    Points of a score stay on their scale. Shares lose their whole: they sum to 0, and have a scale with a sign.

    Raises:
        ValueError: the two were not made the same way, or explain the same class or none.
    """
    if (one.method, one.arguments) != (other.method, other.arguments):
        raise ValueError(f"{one.method} and {other.method} cannot be compared; use one method and its arguments twice")
    if one.class_index is None or one.class_index == other.class_index:
        raise ValueError(f"a difference needs two classes; {one.method} was given one or none")
    if one.scale == LIFT:
        scale = LIFT_DIFFERENCE
    else:
        scale = replace(one.scale, unit=f"{one.scale.unit}, one class less the other")
    return replace(
        one,
        attribution=one.attribution - other.attribution,
        scale=scale,
        against=other.class_index,
        nothing_for=one.nothing_for + other.nothing_for,
    )
