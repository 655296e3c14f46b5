"""Localization of the explanations of a run: their share on the leaf of each photo, and on its symptoms."""

from collections.abc import Callable, Sequence

import numpy as np

from hvit.data.inputs import model_inputs, stacked
from hvit.explain import METHODS
from hvit.explain.leaf_shares import leaf_shares
from hvit.runs.checkpoint import Checkpoint
from hvit.scoring.audit import attribution_share
from hvit.scoring.audit_rows import LEAF, LESION, AttributionShare
from hvit.scoring.leaf_masks import LeafMasks


def explained_regions(
    checkpoint: Checkpoint,
    method: str,
    photos: Sequence[tuple[np.ndarray, LeafMasks]],
    show: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[AttributionShare, ...]:
    """Share of the attribution of the predicted class on the leaf, and within the leaf on symptoms.

    Args:
        method: of `hvit.explain.METHODS`.
        photos: (H, W, 3) uint8, with the masks of one leaf that stands apart.
        show: called with the photos done and their number.
    Returns:
        One a region that two photos show.
    """
    shares: dict[str, list[tuple[float, float]]] = {LEAF: [], LESION: []}
    for number, (pixels, masks) in enumerate(photos):
        inputs = stacked([model_inputs(pixels, checkpoint.preprocessing, checkpoint.spectral)], checkpoint.device)
        leaf = masks.single_leaf
        symptom = np.zeros_like(leaf) if masks.symptom is None else masks.symptom & leaf
        found = leaf_shares(METHODS[method](checkpoint.model, inputs[0], None, *inputs[1:]), leaf, symptom)
        show(number + 1, len(photos))
        if found is None:
            continue
        on_leaf, leaf_area = (1 - each["ground"] for each in (found.attribution, found.area))
        shares[LEAF].append((on_leaf, leaf_area))
        if symptom.any() and on_leaf > 0:
            shares[LESION].append((found.attribution["lesion"] / on_leaf, found.area["lesion"] / leaf_area))
    return tuple(
        attribution_share(region, method, *np.array(values).T) for region, values in shares.items() if len(values) > 1
    )
