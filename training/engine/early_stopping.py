"""Early stopping: metric comparison and patience."""

from training.config import EarlyStopping


def better(value: float, best: float, metric: str) -> bool:
    """Whether a metric improved strictly: top1 and macro_f1 rise, nll falls."""
    return value < best if metric == "nll" else value > best


class Patience:
    """Counts consecutive validations without improvement.

    Args:
        config: metric and number of validations; None waits for ever.
        state: of an earlier part of the same run, or None.
    """

    def __init__(self, config: EarlyStopping | None, state: dict | None = None):
        self._config = config
        self.best, self.waited = (state["best"], state["waited"]) if state else (None, 0)

    @property
    def state(self) -> dict:
        """State for a checkpoint, as JSON."""
        return {"best": self.best, "waited": self.waited}

    @property
    def is_over(self) -> bool:
        """Whether training should end."""
        return self._config is not None and self.waited >= self._config.patience

    def record(self, scores: dict[str, float]) -> None:
        """Records a validation."""
        if self._config is None:
            return
        value = scores[self._config.metric]
        if self.best is None or better(value, self.best, self._config.metric):
            self.best, self.waited = value, 0
        else:
            self.waited += 1
