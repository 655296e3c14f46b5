"""Prediction intervals of a measured lesion share, by the calibration group of the crop."""

from __future__ import annotations

from dataclasses import dataclass

from hvit.severity.intervals import AreaIntervals, widest

ANY_CROP = "*"


@dataclass(frozen=True)
class AreaBounds:
    """Intervals and smallest measurable shares of a run, by group of calibration photos.

    Attributes:
        intervals: by group: a crop, `ANY_CROP`, or a data set that stands for no crop of the run.
        least_measurable: smallest lesion share that is told from none, by group.
    """

    intervals: dict[str, AreaIntervals]
    least_measurable: dict[str, float]

    def group_of(self, crop: str) -> str | None:
        """Calibration group of a crop; None for a crop whose lesions were never validated."""
        # A crop is `coffee` in a class, Coffee in words.
        by_name = {group.casefold(): group for group in self.intervals}
        return by_name.get(crop.casefold(), by_name.get(ANY_CROP))

    def interval(self, fraction: float, crop: str) -> tuple[float, float, float, str | None]:
        """Interval of a measured lesion share, the smallest measurable share, and a caveat or None.

        Args:
            fraction: lesion share, in [0, 1]; always inside the interval.
            crop: whose calibration is used; the widest bounds of all groups where it has none, with a caveat.
        """
        group = self.group_of(crop)
        if group is None:
            low, high = widest(list(self.intervals.values()), fraction)
            least, caveat = max(self.least_measurable.values()), f"lesions never validated on {crop.lower()}"
        else:
            low, high = self.intervals[group].interval(fraction)
            least, caveat = self.least_measurable[group], None
        return min(low, fraction), max(high, fraction), least, caveat
