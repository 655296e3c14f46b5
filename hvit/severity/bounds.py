"""Prediction intervals of a measured lesion share, by the calibration group of the crop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hvit.severity.intervals import AreaIntervals, widest

ANY_CROP = "*"


@dataclass(frozen=True)
class AreaBounds:
    """Intervals and smallest measurable shares of a run, by group of calibration photos.

    Attributes:
        intervals: by group: a crop, `ANY_CROP`, or a data set that stands for no crop of the run.
        least_measurable: smallest lesion share that is told from none, by group; and by crops of which only healthy
            leaves were measured.
    """

    intervals: dict[str, AreaIntervals]
    least_measurable: dict[str, float]

    def group_of(self, crop: str) -> str | None:
        """Calibration group of a crop; None for a crop whose lesions were never validated."""
        by_name = _by_name(self.intervals)
        return by_name.get(crop.casefold(), by_name.get(ANY_CROP))

    def interval(self, fraction: float, crop: str) -> tuple[float, float, float, str | None]:
        """Interval of a measured lesion share, the smallest measurable share, and a caveat or None.

        Args:
            fraction: lesion share, in [0, 1]; always inside the interval.
            crop: whose calibration is used. Where its lesions were never validated, the widest interval of all groups
                with a caveat, and the smallest measurable share of its own healthy leaves, or else the largest of all.
        """
        group = self.group_of(crop)
        if group is None:
            low, high = widest(list(self.intervals.values()), fraction)
            own = _by_name(self.least_measurable).get(crop.casefold())
            least = max(self.least_measurable.values()) if own is None else self.least_measurable[own]
            caveat = f"lesions never validated on {crop.lower()}"
        else:
            low, high = self.intervals[group].interval(fraction)
            least, caveat = self.least_measurable[group], None
        return min(low, fraction), max(high, fraction), least, caveat


def _by_name(groups: Iterable[str]) -> dict[str, str]:
    """Groups by their names without case: a crop is `coffee` in a class, Coffee in words."""
    return {group.casefold(): group for group in groups}
