"""Fixed color scales of heatmaps, the same for every photo.

Values are never normalized by the minimum or maximum of a map: a flat map looks flat, and two photos can be compared.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ColorScale:
    """Maps values to [0, 1], like a matplotlib `Normalize`.

    Attributes:
        unit: label of the color bar.
        ticks: values at the ticks of the color bar; the first and the last are its limits, where values are clipped.
        linthresh: None for a logarithmic scale between two positive limits. Otherwise a symmetric scale around 0,
            linear well below this absolute value and logarithmic well above, like `SymLogNorm`.
    """

    unit: str
    ticks: tuple[float, ...]
    linthresh: float | None = None

    @property
    def labels(self) -> list[str]:
        """Tick labels."""
        return [f"{tick:g}x" if self.linthresh is None else f"{tick:+g}" if tick else "0" for tick in self.ticks]

    def normalize(self, values: np.ndarray) -> np.ndarray:
        """Values of any shape -> positions on the scale in [0, 1], float32.

        >>> RELATIVE_SHARE.normalize(np.array([0.5, 1.0, 2.0, 9.0])).tolist()
        [0.0, 0.5, 1.0, 1.0]
        """
        low, high = self.ticks[0], self.ticks[-1]
        positions: np.ndarray
        if self.linthresh is None:
            positions = np.log(np.clip(values, low, high) / low) / np.log(high / low)
        else:
            strength = np.log1p(np.abs(values) / self.linthresh) / np.log1p(high / self.linthresh)
            positions = (1 + np.sign(values) * np.minimum(strength, 1)) / 2
        result: np.ndarray = positions.astype(np.float32)
        return result

    def to_dict(self) -> dict[str, Any]:
        """The fields and the kind of the scale, for JSON, where `linthresh` is called knee."""
        kind = "log" if self.linthresh is None else "signed log"
        return {"kind": kind, "unit": self.unit, "ticks": list(self.ticks), "knee": self.linthresh}


# Share of a cell divided by the uniform share 1/N. 1 is the average, in the middle.
RELATIVE_SHARE = ColorScale("share, against the average", (0.5, 1.0, 2.0))
# Contributions to the logit of a class. The limits hold over 99 % of the values of leaf33-tiny on 30 validation photos.
# Where the cells sum to a logit, values are multiplied by the number of cells, so that they do not depend on the size
# of the cells: the logit of a photo with this value everywhere. Pixels vary far more than tokens, hence two scales.
FEATURE_CONTRIBUTION = ColorScale("score, were all like this place", (-10.0, -2.0, 0.0, 2.0, 10.0), linthresh=2.0)
PIXEL_CONTRIBUTION = ColorScale("score, were all like this place", (-300.0, -50.0, 0.0, 50.0, 300.0), linthresh=25.0)
SCORE_DROP = ColorScale("score lost by hiding this place", (-2.0, -0.5, 0.0, 0.5, 2.0), linthresh=0.25)
# Difference of two relative shares: the limits hold 97 % of the values of leaf33-tiny on 20 validation photos, about
# as many as those of `RELATIVE_SHARE`.
RELATIVE_SHARE_DIFFERENCE = ColorScale(
    "share for one class less the other, in average shares", (-2.0, -0.5, 0.0, 0.5, 2.0), linthresh=0.5
)


def resample_area(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Area interpolation of a map (h, w) to another grid over the same image: (height, width) float32.

    Each output is the exact mean over its cell, also for sizes that do not divide each other; the overall mean stays.

    >>> resample_area(np.array([[0.0, 3.0]]), 1, 3).tolist()
    [[0.0, 1.5, 3.0]]
    """
    rows, columns = _overlaps(values.shape[0], height), _overlaps(values.shape[1], width)
    # In float64, so that equal values stay equal after rounding to float32 and have the same rank.
    means: np.ndarray = (rows @ values.astype(np.float64) @ columns.T).astype(np.float32)
    return means


def _overlaps(source: int, target: int) -> np.ndarray:
    """Resampling matrix (target, source) along an axis: the share of each target cell in each source cell."""
    old, new = np.arange(source + 1) / source, np.arange(target + 1) / target
    shared = np.minimum(new[1:, None], old[None, 1:]) - np.maximum(new[:-1, None], old[None, :-1])
    weights: np.ndarray = np.clip(shared, 0, None) * target
    return weights
