"""Contrastive explanation: attribution for one class minus attribution for another."""

from dataclasses import replace

from hvit.explain.color_scale import RELATIVE_SHARE, RELATIVE_SHARE_DIFFERENCE
from hvit.explain.explanation import Explanation


def difference(one: Explanation, other: Explanation) -> Explanation:
    """Subtracts two attributions of one photo by the same method for two classes.

    Contributions to logits keep their color scale. Shares then sum to 0 and get a diverging scale.

    Raises:
        ValueError: methods or arguments differ, or the two are for the same class or for none.
    """
    if (one.method, one.arguments) != (other.method, other.arguments):
        raise ValueError(f"{one.method} and {other.method} cannot be compared; use one method and its arguments twice")
    if one.class_index is None or one.class_index == other.class_index:
        raise ValueError(f"a difference needs two classes; {one.method} was given one or none")
    if one.scale == RELATIVE_SHARE:
        scale = RELATIVE_SHARE_DIFFERENCE
    else:
        scale = replace(one.scale, unit=f"{one.scale.unit}, one class less the other")
    return replace(
        one,
        attribution=one.attribution - other.attribution,
        scale=scale,
        against=other.class_index,
        no_evidence_for=one.no_evidence_for + other.no_evidence_for,
    )
