"""Rows of the audit of shortcuts, and their titles."""

from dataclasses import dataclass

from hvit.scoring.intervals import Interval

GREY, LOW_PASS, ASPECT, LEAF_ONLY, BACKGROUND_ONLY, ANOTHER_BACKGROUND = (
    "grey", "low_pass", "aspect", "leaf_only", "background_only", "another_background",
)  # fmt: skip
CORNERS, ASPECT_ONLY = "corners", "aspect_only"  # answered by other classifiers
TITLES = {
    GREY: "Without color",
    LOW_PASS: "Without detail",
    ASPECT: "Stretched",
    LEAF_ONLY: "Leaf alone",
    BACKGROUND_ONLY: "Background alone",
    ANOTHER_BACKGROUND: "Another background",
    CORNERS: "Four corners alone",
    ASPECT_ONLY: "Proportions alone",
}
LEAF, LESION = "leaf", "lesion"
REGIONS = {LEAF: "Leaf, of the photo", LESION: "Symptoms, of the leaf"}  # that an explanation may lie on


@dataclass(frozen=True)
class Cue:
    """Accuracy with one cue changed or removed; intervals are of 95 % (Wilson).

    Attributes:
        name: of `TITLES`.
        n: photos.
        top1: accuracy on the changed photos.
        clean_top1: on the same photos as they are; None for `CORNERS` and `ASPECT_ONLY`, which other classifiers
            answer.
        lost: share of the photos that were right and go wrong; None for the same two.
        guess: accuracy of always answering the most frequent class.
    """

    name: str
    n: int
    top1: float
    top1_ci: Interval
    clean_top1: float | None
    lost: float | None
    lost_ci: Interval | None
    guess: float


@dataclass(frozen=True)
class Transfer:
    """Recall of one class on laboratory and on field photos.

    Attributes:
        name: of the class.
        difference: field less laboratory.
        difference_ci: Newcombe's hybrid score interval, 95 %.
    """

    name: str
    n_laboratory: int
    laboratory: float
    n_field: int
    field: float
    difference: float
    difference_ci: Interval


@dataclass(frozen=True)
class AttributionShare:
    """Share of the positive attribution of an explanation in one region, mean over photos.

    Attributes:
        region: of `REGIONS`: the leaf within the photo, or symptoms within the leaf.
        method: of `hvit.explain.METHODS`.
        n: photos that show the region.
        share: of the attribution in the photo, or in the leaf.
        area: the same of the pixels: what a uniform map would have.
        lead, lead_ci: mean of share less area, with its 95 % interval (normal, over photos).
    """

    region: str
    method: str
    n: int
    share: float
    area: float
    lead: float
    lead_ci: Interval
