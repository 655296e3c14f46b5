"""Where the samples of a run lie in its feature space: a map, true neighbors, and where a new photo falls.

`fit_map(embeddings, ...)` makes a `FeatureMap`; start reading at `feature_map.py`.
"""

from hvit.feature_space.feature_map import MAP, FeatureMap, MapError, Place, fit_map, read_map

__all__ = ["MAP", "FeatureMap", "MapError", "Place", "fit_map", "read_map"]
