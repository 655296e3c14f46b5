"""The eight symmetries of an image (rotations and mirror images), for test-time augmentation and robustness."""

from torch import Tensor

TURNS = (0, 1, 2, 3)  # quarter turns, counter-clockwise
VIEWS: tuple[tuple[int, bool], ...] = tuple((turns, mirrored) for mirrored in (False, True) for turns in TURNS)
PLAIN, MIRROR = (0, False), (0, True)
TTA = {  # the photo itself comes first
    "mirror": (PLAIN, MIRROR),
    "turns": VIEWS[:4],
    "mirror+turns": VIEWS,
}


def view_of(batch: tuple[Tensor, ...], view: tuple[int, bool]) -> tuple[Tensor, ...]:
    """Applies a symmetry to model inputs: horizontal flip, then rotation.

    Args:
        batch: inputs of a model; images are those of shape (B, C, H, W), all else stays.
        view: number of counter-clockwise quarter turns, and whether to flip.
    """
    turns, is_mirrored = view

    def transformed(part: Tensor) -> Tensor:
        if part.ndim != 4:
            return part
        return (part.flip(3) if is_mirrored else part).rot90(turns, (2, 3))

    return tuple(transformed(part) for part in batch)
