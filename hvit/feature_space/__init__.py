"""Feature space of a run: a t-SNE map of its embeddings, nearest neighbors, and the position of new photos.

`fit_map(embeddings, ...)` returns a `FeatureMap`; start reading at `feature_map.py`.
"""

from hvit.feature_space.feature_map import FeatureMap, MapError, Place, fit_map, read_map

__all__ = ["FeatureMap", "MapError", "Place", "fit_map", "read_map"]
