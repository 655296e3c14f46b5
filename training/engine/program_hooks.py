"""What a training program implements for the loop of `training.engine.trainer`."""

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
from torch import Tensor

from hvit.data.caching.photo_cache import PhotoCache
from training.engine.gradient_guard import StepOutcome


class ProgramHooks(ABC):
    """Hooks of a training program: data, model, gradients, validation, and its own state in checkpoints."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """Kind of the run: pretrain, finetune or baseline."""

    @property
    @abstractmethod
    def photos(self) -> PhotoCache:
        """Cache of the training photos."""

    @property
    @abstractmethod
    def num_photos(self) -> int:
        """Photos in an epoch."""

    @property
    @abstractmethod
    def plants_known(self) -> bool | None:
        """Whether the plant of every photo is known; None where that does not matter."""

    @abstractmethod
    def _build_datasets(self, resumed: Path | None) -> None:
        """Reads the photos; `resumed` is the run that is resumed."""

    @abstractmethod
    def _build(self, fresh: bool) -> None:
        """Creates `learner`, `ema`, `optimizer` and `sampler`; `fresh` is whether no checkpoint will fill them."""

    @abstractmethod
    def _write_split(self) -> None:
        """Writes the role of each photo to split.csv."""

    @abstractmethod
    def _begin(self) -> None:
        """Hook before the first step, on all processes."""

    @abstractmethod
    def _gradients(self) -> Tensor:
        """Accumulates the gradients of the next step, averaged over all processes.

        Returns:
            Mean loss of this process's samples, a detached scalar.
        """

    def _after_step(self, outcome: StepOutcome) -> None:  # noqa: B027
        """Hook after a step, once its outcome is known."""

    @abstractmethod
    def _photos_of(self, samples: np.ndarray) -> np.ndarray:
        """Photo numbers of global samples, (B,)."""

    @abstractmethod
    def _validate(self) -> None:
        """Validates the model; called on all processes.

        Raises:
            GaveUp: on all processes: training cannot succeed.
        """

    @property
    @abstractmethod
    def _note(self) -> str:
        """Extra text for the progress line."""

    @abstractmethod
    def _extra(self) -> dict:
        """Extra state for a checkpoint."""

    @abstractmethod
    def _restore(self, step: int, extra: dict) -> None:
        """Restores the state of `_extra`."""

    def _extra_files(self) -> list[Path]:
        """Extra files for a checkpoint."""
        return []

    @abstractmethod
    def _finish(self) -> dict:
        """Writes the results of the run on the first process; all must call it. Returns the summary."""
