"""Groups of samples for coloring the map. Pure functions, no drawing."""

from collections.abc import Sequence

import numpy as np

from app.figures.feature_map import Group
from app.theme import Palette
from app.words import NBSP
from hvit.data.classes import crop_of, crop_title, crops
from hvit.data.leafsim import EARLY_STRESS
from hvit.feature_space.mapped_samples import MappedSamples
from hvit.words import class_in_text, class_title

CROP, CONDITION, CORRECT, CONFIDENCE = "crop", "condition", "correct", "confidence"
SEVERITY, DISTANCE, DATA_SET, SPLIT = "severity", "strangeness", "data", "split"
TITLES = {
    CROP: "Crop",
    CONDITION: "Condition",
    CORRECT: "Correct or wrong",
    CONFIDENCE: "Confidence",
    SEVERITY: "Severity",
    DISTANCE: "Distance from the training photos",
    DATA_SET: "Data set",
    SPLIT: "Split",
}
# Rendered conditions by appearance: there are more than the nine hues that are distinguishable.
LOOKS = {
    "Spots": ("Bacterial_spot", "Gray_leaf_spot", "Scab", "Septoria_leaf_spot"),
    "Blights and scorch": ("Early_blight", "Late_blight", "Leaf_scorch"),
    "Rust": ("Rust",),
    "No disease I know": ("healthy",),
    "Powdery mildew": ("Powdery_mildew",),
    "Yellowing and mosaic": ("Interveinal_chlorosis", "Mosaic_virus"),
    "Miners and mites": ("Leaf_miner", "Spider_mites"),
    "Early stress": (EARLY_STRESS,),
}
LOOK_OF = {condition: look for look, conditions in LOOKS.items() for condition in conditions}
CONFIDENCES = (0.5, 0.7, 0.9, 0.97)
SEVERITIES = (0.02, 0.05, 0.15, 0.35)


def modes(samples: MappedSamples) -> list[str]:
    """Attributes by which the samples of a run can be colored; the first is the default."""
    found = samples.map
    kinds = [CROP] if crops(samples.classes) else [CONDITION]
    kinds += [CORRECT, CONFIDENCE]
    kinds += [SEVERITY] if found.severity is not None else []
    kinds += [DISTANCE] if found.strangeness is not None else []
    kinds += [DATA_SET] if len(set(_data_sets(samples))) > 1 else []
    kinds += [SPLIT] if len(set(found.splits)) > 1 else []
    return kinds


def groups_of(samples: MappedSamples, mode: str, colors: Palette) -> list[Group]:
    """Groups the samples by one of `modes`."""
    if mode == CROP:
        return _named([crop_title(crop_of(name)) or "No crop" for name in samples.labels], colors)
    if mode == CONDITION and set(samples.classes) <= set(LOOK_OF):
        return _named([LOOK_OF[name] for name in samples.labels], colors, tuple(LOOKS))
    if mode == CONDITION:
        return _named([class_title(name) for name in samples.labels], colors)
    if mode == CORRECT:
        right = samples.correct
        return [
            Group("Correct", colors.quiet, np.flatnonzero(right)),
            Group("Wrong", colors.error, np.flatnonzero(~right)),
        ]
    if mode == CONFIDENCE:
        return _binned(samples.confidence, CONFIDENCES, _percents(CONFIDENCES), colors.steps)
    if mode == SEVERITY:
        return _binned(samples.map.severity, SEVERITIES, _percents(SEVERITIES, " of the leaf"), colors.steps)
    if mode == DISTANCE:
        return _by_distance(samples, colors)
    if mode == DATA_SET:
        return _named(_data_sets(samples), colors)
    return _named([str(name) for name in samples.map.splits], colors)


def highlighted(samples: MappedSamples, name: str, colors: Palette) -> list[Group]:
    """Groups of one class, of samples confused with it, and of all others in grey."""
    is_class, is_named = samples.labels == name, samples.predicted == name
    title, in_text = class_title(name), class_in_text(name)
    return [
        Group("All others", colors.quiet, np.flatnonzero(~is_class & ~is_named)),
        Group(f"Other leaves taken for {in_text}", colors.error, np.flatnonzero(~is_class & is_named), "circle-open"),
        Group(f"{title}, taken for another", colors.error, np.flatnonzero(is_class & ~is_named)),
        Group(f"{title}, correct", colors.accent, np.flatnonzero(is_class & is_named)),
    ]


def _data_sets(samples: MappedSamples) -> list[str]:
    """Data set of each sample: the first folder of its path; rendered leaves are one data set."""
    return [path.partition("/")[0].partition(":")[0] for path in samples.paths]


def _named(names: Sequence[str], colors: Palette, order: Sequence[str] | None = None) -> list[Group]:
    """One hue a name; beyond nine names the rarest share grey.

    Args:
        order: of the hues, the same on every map; None gives them in the order of the names.
    """
    names = np.asarray(names, dtype=str)
    found, counts = np.unique(names, return_counts=True)
    kept = found[np.sort(np.argsort(-counts, kind="stable")[: len(colors.hues)])] if order is None else order
    rest = np.flatnonzero(~np.isin(names, kept))
    others = [Group(f"The other {len(found) - len(kept)}", colors.quiet, rest)] if len(rest) else []
    return others + [Group(str(name), color, np.flatnonzero(names == name)) for name, color in zip(kept, colors.hues)]


def _binned(values: np.ndarray, edges: Sequence[float], titles: Sequence[str], steps: Sequence[str]) -> list[Group]:
    numbers = np.digitize(values, edges)
    return [Group(title, steps[i], np.flatnonzero(numbers == i)) for i, title in enumerate(titles)]


def _percents(edges: Sequence[float], of: str = "") -> list[str]:
    limits = [f"{100 * edge:g}" for edge in edges]
    between = [f"{low} to {high}{NBSP}%{of}" for low, high in zip(limits, limits[1:])]
    return [f"under {limits[0]}{NBSP}%{of}", *between, f"{limits[-1]}{NBSP}%{of} and more"]


def _by_distance(samples: MappedSamples, colors: Palette) -> list[Group]:
    """Quartiles of the out-of-distribution score, and the samples that the run calls unfamiliar."""
    values = samples.map.strangeness
    limit = np.inf if samples.ood_threshold is None else samples.ood_threshold
    familiar = values <= limit
    if not familiar.any():
        return [Group(f"over {limit:.2f}: unfamiliar", colors.error, np.flatnonzero(~familiar))]
    edges = np.quantile(values[familiar], (0.25, 0.5, 0.75))
    titles = [f"up to {edges[0]:.2f}", *(f"{a:.2f} to {b:.2f}" for a, b in zip(edges, edges[1:]))]
    titles.append(f"{edges[-1]:.2f} to {values[familiar].max():.2f}")
    numbers = np.where(familiar, np.digitize(values, edges, right=True), len(titles))
    groups = [Group(title, colors.steps[i], np.flatnonzero(numbers == i)) for i, title in enumerate(titles)]
    if not familiar.all():
        groups.append(Group(f"over {limit:.2f}: unfamiliar", colors.error, np.flatnonzero(~familiar)))
    return groups
