"""Texts of the Feature space page. Pure functions, no drawing."""

from collections.abc import Sequence

import numpy as np

from app.feature_space.selection import Summary
from app.words import NBSP, percent
from hvit.feature_space import FeatureMap
from hvit.feature_space.mapped_samples import MappedSamples, PlacedPhoto
from hvit.words import class_in_text, class_title

INTRODUCTION = (
    "Each point is a leaf. Leaves that the model sees as alike lie close together; how far apart two groups lie means "
    "little."
)
HOW_TO = (
    "Draw around some points to see which leaves they are and how many were classified correctly. Or select by "
    "clicking: a leaf then shows its nearest neighbors."
)


def point_texts(samples: MappedSamples) -> list[str]:
    """Hover text of each sample: true class, prediction and confidence."""
    titles = {name: class_title(name) for name in {*samples.labels, *samples.classes}}
    in_text = {name: class_in_text(name) for name in samples.classes}
    rightly = [label == prediction for label, prediction in zip(samples.labels, samples.predicted)]
    predictions = ["correct" if r else f"taken for {in_text[a]}" for r, a in zip(rightly, samples.predicted)]
    return [
        f"<b>{titles[label]}</b><br>{prediction}, {percent(p)}"
        for label, prediction, p in zip(samples.labels, predictions, samples.confidence)
    ]


def tile_line(samples: MappedSamples, row: int) -> str:
    """Caption of the image of a sample."""
    prediction = samples.predicted[row]
    what = "correct" if samples.labels[row] == prediction else f"taken for {class_in_text(prediction)}"
    return f"{what}, {percent(samples.confidence[row])}"


def accuracy(summary: Summary) -> str:
    """Accuracy of a selection, with its interval where that is informative."""
    if summary.n == 1:
        return "Correct." if summary.right else "Wrong."
    share = f"{100 * summary.right / summary.n:.0f}{NBSP}%"
    interval = f"95{NBSP}%: {100 * summary.low:.0f} to {100 * summary.high:.0f}"
    return f"{share} correct ({interval}; n{NBSP}={NBSP}{summary.n:,})"


def confusion(summary: Summary) -> str | None:
    """The most frequent confusion in a sentence; None without errors."""
    found = summary.confusion
    if found is None:
        return None
    of = next(count for name, count, _ in summary.classes if name == found.label)
    return (
        f"Most often confused: {class_in_text(found.label)} taken for {class_in_text(found.prediction)}, "
        f"{found.count} of {of}."
    )


def selected_share(rows: int, total: int) -> str:
    """`57 of 2,400 leaves selected`."""
    return f"{rows:,} of {total:,} leaves selected"


def limits() -> list[str]:
    """Limitations of such a map."""
    return [
        "Read it from close up: neighbors on the map are mostly neighbors for the model. The space between two groups, "
        "the size of a group and which way the map is turned mean little. t-SNE keeps neighbors and gives up "
        "distances.",
        "A photo of something else lands somewhere too. Whether it belongs there is told by its distance in feature "
        "space, not by its place on the map.",
    ]


def quality(found: FeatureMap, name: str) -> list[str]:
    """Quality of a map, from the measures recorded with it."""
    about = found.about
    count, n = about["neighbors"], len(found)
    sentences = [
        f"{name}: the {count} nearest neighbors in feature space name the right class of "
        f"{100 * about['accuracy_in_space']:.0f}{NBSP}% of the leaves, the {count} nearest on the map of "
        f"{100 * about['accuracy_on_map']:.0f}{NBSP}% (n = {n:,}).",
        f"Trustworthiness of the map: {about['trustworthiness']:.3f}, where 1 means that every neighbor on the map is "
        f"one in feature space, and about 0.5 that it is there by chance (n = {about['trustworthiness_n']:,}).",
        f"It was made of {about['dimensions']} principal components, which keep "
        f"{100 * about['variance_kept']:.1f}{NBSP}% of the variance and {100 * about['neighbors_kept']:.1f}{NBSP}% of "
        f"the neighbors (perplexity {about['perplexity']:g}, seed {about['seed']}).",
    ]
    if about["aligned_samples"] is not None:
        shared = f"{about['aligned_samples']:,} leaves they share"
        sentences.append(f"It was laid like the map of {about['aligned_with']} by the {shared}.")
    return sentences


def unfamiliar(photo: PlacedPhoto, ood_threshold: float) -> str:
    """Caveat for the position of an unfamiliar photo."""
    return (
        "This does not look like any leaf I know, so it is drawn hollow. It lands somewhere, as everything does, but "
        f"it is farther from what I learned from ({photo.distance:.2f}) than I accept ({ood_threshold:.2f})."
    )


def prediction(photo: PlacedPhoto) -> str:
    """Prediction of the run for the photo."""
    return f"My answer: {class_in_text(photo.label)}, {percent(photo.confidence)}."


def position(refined: bool) -> str:
    """How the position of the photo was computed."""
    if refined:
        return "Placed by t-SNE among the leaves of the map, which stayed where they were."
    return "Approximate position: the middle of its 15 nearest neighbors. Lines lead to the nearest 10."


def neighbors_agree(labels: Sequence[str], prediction: str) -> str:
    """Classes of the true neighbors of a photo."""
    names, counts = np.unique(np.asarray(labels, dtype=str), return_counts=True)
    best = int(np.argmax(counts))
    most = f"{counts[best]} of its {len(labels)} nearest leaves are {class_in_text(str(names[best]))}"
    if names[best] == prediction:
        return f"{most}, like my answer."
    return f"{most}; my answer was {class_in_text(prediction)}."


def no_map(name: str) -> str:
    """Sentence on a run without a map."""
    return f"There is no map of {name} yet. This makes one from its recorded predictions, and takes minutes:"


def distance(value: float) -> str:
    """Formats a distance in feature space."""
    return f"distance {value:.2f}"
