"""Repeated augmentation: a few fixed views of each photo, so that teacher outputs can be stored.

A view is a pure function of (seed, photo, epoch modulo the number of views), mixing partners included: they come from
blocks of 8 samples, and epochs shuffle blocks.
"""

import numpy as np

from training.config import ConfigError
from training.inputs.augment import BLOCK, aspects, sides_of
from training.inputs.random_streams import uniform

ASPECT, BLOCK_ORDER, STEP_ORDER = 2200, 2201, 2202  # random streams


class RepeatedViews:
    """Maps each global sample to one of a fixed set of view samples, so that views repeat over epochs.

    View samples are the first global samples of an endless training, `num_views` epochs of them rounded up to whole
    blocks; a global sample is mapped to one of them, and is then augmented and mixed as that one. A block has an
    aspect of its own, and a step takes blocks of one aspect: those that do not fill a step are left out of that epoch.

    Args:
        num_photos: an epoch goes through.
        num_views: V.
        images_per_step: over all processes and accumulated passes.
        square: share of blocks that are square.
    Raises:
        ConfigError: there are too few photos for a step.
    """

    def __init__(self, num_photos: int, num_views: int, images_per_step: int, seed: int, square: float):
        self._seed, self._images = seed, images_per_step
        self.num_views, self.blocks_per_view = num_views, -(-num_photos // BLOCK)
        numbers = np.arange(num_views * self.blocks_per_view)
        self.aspects = aspects(seed, numbers, square, ASPECT)  # of every block
        per_step = images_per_step // BLOCK
        views = self.aspects.reshape(num_views, self.blocks_per_view)
        steps = [sum(count // per_step for count in np.unique(view, return_counts=True)[1]) for view in views]
        if sum(steps) == 0:
            raise ConfigError(
                f"distill.views: {num_photos} photos do not fill a step of {images_per_step} pictures of one aspect; "
                "lower batch_size, raise square, or set views to 0"
            )
        self._ends = np.cumsum(steps)  # of each view, in steps of a cycle through all views
        self._epoch: tuple[int, np.ndarray] | None = None

    @property
    def num_samples(self) -> int:
        """Total number of view samples."""
        return len(self.aspects) * BLOCK

    def samples(self, numbers: np.ndarray) -> np.ndarray:
        """Maps the global sample numbers of one step to view samples, (B,) -> (B,)."""
        step = int(numbers[0]) // self._images
        places = numbers - step * self._images
        return self._blocks(step)[places // BLOCK] * BLOCK + places % BLOCK

    def sides(self, step: int, img_size: int) -> tuple[int, int]:
        """Image height and width in pixels of an optimizer step."""
        return sides_of(img_size, self.aspects[self._blocks(step)[0]])

    def _blocks(self, step: int) -> np.ndarray:
        """Block numbers of an optimizer step."""
        cycle, place = divmod(step, int(self._ends[-1]))
        view = int(np.searchsorted(self._ends, place, side="right"))
        first = int(self._ends[view - 1]) if view else 0
        return self._steps(cycle * self.num_views + view)[place - first]

    def _steps(self, epoch: int) -> np.ndarray:
        """Block numbers of each step of an epoch, (steps, blocks a step)."""
        if self._epoch is None or self._epoch[0] != epoch:
            first = epoch % self.num_views * self.blocks_per_view
            keys = uniform(self._seed, np.arange(self.blocks_per_view) + epoch * self.blocks_per_view, 1, BLOCK_ORDER)
            shuffled = first + np.argsort(keys[:, 0], kind="stable")
            per_step, steps = self._images // BLOCK, []
            for aspect in np.unique(self.aspects):
                own = shuffled[self.aspects[shuffled] == aspect]
                steps.append(own[: len(own) // per_step * per_step].reshape(-1, per_step))
            steps = np.concatenate(steps)
            keys = uniform(self._seed, np.arange(len(steps)) + epoch * self.blocks_per_view, 1, STEP_ORDER)[:, 0]
            self._epoch = epoch, steps[np.argsort(keys, kind="stable")]
        return self._epoch[1]
