"""Texts of the Guess first page, and statistics of guesses. Pure functions, no drawing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hvit.scoring.concordance import concordance_correlation
from hvit.severity.estimator import area_class

ENOUGH = 20


@dataclass(frozen=True)
class Guess:
    """A guessed and a true lesion share."""

    address: str
    guessed: float
    true: float


def verdict(guess: Guess) -> tuple[str, str]:
    """Error of a guess: bold words, and the rest of the sentence."""
    off = 100 * (guess.guessed - guess.true)
    true, own = area_class(guess.true), area_class(guess.guessed)
    bold = f"True: {100 * guess.true:.1f} % of the leaf."
    rest = "The same area class." if true == own else f"Area class {true}; you said {own}."
    return bold, f"You were {abs(off):.1f} points {'above' if off > 0 else 'below'}. {rest}" if abs(
        off
    ) >= 0.05 else rest


def summary(guesses: Sequence[Guess]) -> str:
    """Bias and mean error so far, and concordance once there are enough guesses."""
    off = 100 * np.array([guess.guessed - guess.true for guess in guesses])
    bias = round(off.mean(), 1) + 0.0  # never -0.0
    text = f"{len(guesses)} {'guess' if len(guesses) == 1 else 'guesses'}: bias {bias:+.1f} points, "
    text += f"mean absolute error {np.abs(off).mean():.1f} points."
    if len(guesses) < ENOUGH:
        left = ENOUGH - len(guesses)
        return f"{text} {left} more for Lin's concordance."
    value = concordance_correlation(np.array([g.true for g in guesses]), np.array([g.guessed for g in guesses]))
    return text if value is None else f"{text} Lin's concordance {value:.2f} (1 is perfect)."
