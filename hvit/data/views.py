"""The eight symmetric views of a photo, for test-time augmentation and for how steady answers are."""

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
    """A batch of photos and their bands, mirrored (left and right exchanged) and then turned.

    Args:
        batch: what a model takes; four-dimensional parts are pictures (B, C, H, W), all others stay.
        view: number of quarter turns and whether it is mirrored.
    """
    turns, is_mirrored = view

    def seen(part: Tensor) -> Tensor:
        if part.ndim != 4:
            return part
        return (part.flip(3) if is_mirrored else part).rot90(turns, (2, 3))

    return tuple(seen(part) for part in batch)
