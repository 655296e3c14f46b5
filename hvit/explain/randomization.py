"""Model parameter randomization test (Adebayo et al. 2018, arXiv:1810.03292).

An attribution method whose map does not change with the weights explains the photo, not the model.
"""

import copy
import threading
from collections.abc import Callable, Iterator

import numpy as np
import torch

from hvit.models import Classifier, HViT

# From the head down to the image; cascading randomization adds the weights of one level after the other.
LEVELS = {
    "head": ("head.", "backbone.norm."),
    "stage4": ("backbone.stages.3.",),
    "stage3": ("backbone.stages.2.", "backbone.image_embedding", "backbone.fusion."),
    "stage2": ("backbone.stages.1.",),
    "stage1": ("backbone.stages.0.", "backbone.unit_embedding"),
    "stem": ("backbone.patch_embed.",),
}
_rng_lock = threading.Lock()  # initialization uses torch's global generator, which threads share


def randomized_model(model: Classifier, seed: int = 0) -> Classifier:
    """A model of the same architecture with newly initialized weights, as before training.

    Args:
        seed: of the initialization.
    Returns:
        In evaluation mode, with frozen parameters, on the device of `model`, which is not changed.
    """
    with _rng_lock, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        randomized = model.reinitialized()
    return randomized.eval().requires_grad_(False).to(next(model.parameters()).device)


def cascading_randomization(model: HViT, seed: int = 0) -> Iterator[tuple[str, HViT]]:
    """Cascading randomization: copies of a model with random weights from the head down to each of `LEVELS`."""
    random, mixed = randomized_model(model, seed).state_dict(), copy.deepcopy(model)
    for level, prefixes in LEVELS.items():
        mixed = copy.deepcopy(mixed)
        weights = mixed.state_dict()
        mixed.load_state_dict({**weights, **{key: value for key, value in random.items() if key.startswith(prefixes)}})
        yield level, mixed


def map_similarities(
    models: dict[str, HViT], explain: Callable[[HViT], np.ndarray], original: np.ndarray
) -> dict[str, float | None]:
    """Spearman rank correlation of the attribution of each model with the original attribution.

    Args:
        models: from `cascading_randomization`, by level.
        explain: returns the attribution (h, w) of a model, for the same photo and the same class.
        original: attribution of the trained model.
    Returns:
        By level; None where an attribution is constant.
    """
    return {level: rank_correlation(original, explain(model)) for level, model in models.items()}


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman rank correlation of two maps of one shape; None where one of them is constant.

    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
    0.5
    """
    from scipy.stats import rankdata

    ranks = [rankdata(values.ravel()) for values in (first, second)]
    deviations = [rank - rank.mean() for rank in ranks]
    spread = np.sqrt((deviations[0] ** 2).sum() * (deviations[1] ** 2).sum())
    return None if spread == 0 else float((deviations[0] * deviations[1]).sum() / spread)
