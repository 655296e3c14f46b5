"""Early stopping: comparison of metrics, and patience."""

from training.config import EarlyStopping


def better(value: float, best: float, metric: str) -> bool:
    """Whether a value of top1, macro_f1 (more is better) or nll (less is better) is strictly better than another."""
    return value < best if metric == "nll" else value > best


class Patience:
    """Counts the validations in a row that brought nothing new.

    Args:
        config: metric and number of validations; None waits for ever.
        state: of an earlier part of the same run, or None.
    """

    def __init__(self, config: EarlyStopping | None, state: dict | None = None):
        self._config = config
        self.best, self.waited = (state["best"], state["waited"]) if state else (None, 0)

    @property
    def state(self) -> dict:
        """What a run that goes on needs to know, for JSON."""
        return {"best": self.best, "waited": self.waited}

    @property
    def is_over(self) -> bool:
        return self._config is not None and self.waited >= self._config.patience

    def see(self, scores: dict[str, float]) -> None:
        """Takes in a validation."""
        if self._config is None:
            return
        value = scores[self._config.metric]
        if self.best is None or better(value, self.best, self._config.metric):
            self.best, self.waited = value, 0
        else:
            self.waited += 1
