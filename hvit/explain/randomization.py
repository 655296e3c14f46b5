"""The same network with drawn weights: what a map shows of a model that knows nothing, and whether weights matter.

A method that draws the same map whatever the weights explains the photo and not the model (Adebayo et al. 2018,
arXiv:1810.03292).
"""

import copy
import threading
from collections.abc import Callable, Iterator

import numpy as np
import torch

from hvit.models import Classifier, HViT

# From the read-out down to the image; each level adds its weights to those drawn anew.
LEVELS = {
    "head": ("head.", "backbone.norm."),
    "stage4": ("backbone.stages.3.",),
    "stage3": ("backbone.stages.2.", "backbone.image_embedding", "backbone.fusion."),
    "stage2": ("backbone.stages.1.",),
    "stage1": ("backbone.stages.0.", "backbone.unit_embedding"),
    "stem": ("backbone.patch_embed.",),
}
_drawing = threading.Lock()  # weights are drawn by torch's one generator: two threads would share its draws


def randomized_twin(model: Classifier, seed: int = 0) -> Classifier:
    """A model of the same architecture with all weights drawn anew, as before training.

    Args:
        seed: of the draws.
    Returns:
        In evaluation mode, without gradients, on the device of `model`, which is left as it is.
    """
    with _drawing, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        twin = model.reinitialized()
    return twin.eval().requires_grad_(False).to(next(model.parameters()).device)


def cascade(model: HViT, seed: int = 0) -> Iterator[tuple[str, HViT]]:
    """Copies of a model with the weights of its randomized twin from the head down to each of `LEVELS` in turn."""
    drawn, mixed = randomized_twin(model, seed).state_dict(), copy.deepcopy(model)
    for level, prefixes in LEVELS.items():
        mixed = copy.deepcopy(mixed)
        weights = mixed.state_dict()
        mixed.load_state_dict({**weights, **{key: value for key, value in drawn.items() if key.startswith(prefixes)}})
        yield level, mixed


def map_similarities(
    models: dict[str, HViT], explained: Callable[[HViT], np.ndarray], original: np.ndarray
) -> dict[str, float | None]:
    """How alike the map of each model is to the original one: rank correlation (Spearman's), 1 to -1.

    Args:
        models: from `cascade`, by level.
        explained: the map (h, w) of a model, for the same photo and the same class.
        original: that of the trained model.
    Returns:
        By level; None where a map is flat and has no ranks.
    """
    return {level: rank_correlation(original, explained(model)) for level, model in models.items()}


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's correlation of two maps of one shape; None where one of them is flat."""
    from scipy.stats import rankdata

    ranks = [rankdata(values.ravel()) for values in (first, second)]
    deviations = [rank - rank.mean() for rank in ranks]
    spread = np.sqrt((deviations[0] ** 2).sum() * (deviations[1] ** 2).sum())
    return None if spread == 0 else float((deviations[0] * deviations[1]).sum() / spread)
