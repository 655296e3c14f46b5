"""Image corruptions for robustness tests: sixteen kinds of change to a leaf photo, each at five strengths.

`corrupt(images, "defocus", strength=3, seed=0)` returns changed copies; start reading at `corruption.py`.
"""

from hvit.data.corruptions.corruption import (
    CORRUPTIONS,
    STRENGTHS,
    Corruption,
    corrupt,
    corruption_named,
    sample_index,
)

__all__ = ["CORRUPTIONS", "STRENGTHS", "Corruption", "corrupt", "corruption_named", "sample_index"]
