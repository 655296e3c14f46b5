"""Attributions to values for the eye, on scales that are the same for every photo and that put numbers beside colors.

Nothing here looks at the smallest or largest value of a picture: a flat map looks flat, and two photos can be compared.
"""

from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Scale:
    """Where a value stands between two ends.

    Attributes:
        unit: of the values, in words.
        ticks: values to write beside the colors; the first and the last are the ends, beyond which colors stay.
        knee: None for a logarithmic scale between two positive ends. Else the scale has a sign, with 0 in the middle,
            is linear well below this value and logarithmic well above.
    """

    unit: str
    ticks: tuple[float, ...]
    knee: float | None = None

    @property
    def labels(self) -> list[str]:
        """The ticks in writing."""
        return [f"{tick:g}x" if self.knee is None else f"{tick:+g}" if tick else "0" for tick in self.ticks]

    def heat(self, values: np.ndarray) -> np.ndarray:
        """Values of any shape -> positions in [0, 1], float32."""
        low, high = self.ticks[0], self.ticks[-1]
        if self.knee is None:
            steps = np.log(np.clip(values, low, high) / low) / np.log(high / low)
        else:
            strength = np.log1p(np.abs(values) / self.knee) / np.log1p(high / self.knee)
            steps = (1 + np.sign(values) * np.minimum(strength, 1)) / 2
        return steps.astype(np.float32)

    def to_dict(self) -> dict:
        return {"kind": "log" if self.knee is None else "signed log", **asdict(self), "ticks": list(self.ticks)}


# Shares against an even share, N * share: 1 is the average, in the middle.
LIFT = Scale("share, against the average", (0.5, 1.0, 2.0))
# The others are points of the class score, a logit. The ends hold over 99 % of the values of leaf33-tiny on 30 photos
# of its validation splits.
# Where places add up to a score, times their number: the score of a photo that is like this place everywhere, which
# does not depend on the size of the places. That of pixels is far from even, hence two scales.
SCORE_OF_FEATURES = Scale("score, were all like this place", (-10.0, -2.0, 0.0, 2.0, 10.0), knee=2.0)
SCORE_OF_PIXELS = Scale("score, were all like this place", (-300.0, -50.0, 0.0, 50.0, 300.0), knee=25.0)
SCORE_LOST = Scale("score lost by hiding this place", (-2.0, -0.5, 0.0, 0.5, 2.0), knee=0.25)
# Lift for one class less lift for another: the ends hold 97 % of the values of leaf33-tiny on 20 photos of its
# validation splits, about as many as those of the lift itself.
LIFT_DIFFERENCE = Scale("share for one class less the other, in average shares", (-2.0, -0.5, 0.0, 0.5, 2.0), knee=0.5)


def resampled(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Means of `values` (h, w) over the cells of another grid on the same picture: (height, width) float32.

    Exact for squares of one value each: nothing is smoothed, and the mean of the whole stays.
    """
    rows, columns = _overlaps(values.shape[0], height), _overlaps(values.shape[1], width)
    # In float64: rounding to float32 at the end leaves equal values equal, so that a place has one rank.
    return (rows @ values.astype(np.float64) @ columns.T).astype(np.float32)


def _overlaps(source: int, target: int) -> np.ndarray:
    """How much of each of `target` equal parts of a line lies in each of `source` ones: rows sum to 1."""
    old, new = np.arange(source + 1) / source, np.arange(target + 1) / target
    shared = np.minimum(new[1:, None], old[None, 1:]) - np.maximum(new[:-1, None], old[None, :-1])
    return np.clip(shared, 0, None) * target
