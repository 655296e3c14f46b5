"""Rendered leaves as sample photos, with their ground truth."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from app.photos import pictures
from hvit.data.leafsim import CONDITIONS, Address, Plan, plan, render

if TYPE_CHECKING:
    from hvit.runs.snapshot import RunSnapshot

SEED = 5  # a data set of its own: no shipped run learned from any of its leaves
SIDE_PX = 384
AT_A_TIME = 4
HEALTHY = "healthy"
PREFERRED_RUN = "leafsim-tiny"
TAG = "Drawn by LeafSim, not a photograph"


@dataclass(frozen=True)
class Rendering:
    """A rendered leaf for the pages.

    Attributes:
        address: from which it can be rendered again.
        plan: species, condition and companion.
        severity: exact symptomatic share of the full leaf.
        symptom_mask, leaf_mask: (H, W) bool, of the image or of the crop; symptoms are part of the leaf.
        png: the image, lossless.
    """

    address: Address
    plan: Plan
    severity: float
    symptom_mask: np.ndarray
    leaf_mask: np.ndarray
    png: bytes

    def cut(self, box: pictures.Box) -> Rendering:
        """The part of the leaf inside `box`; `png` stays the full image."""
        left, top, right, bottom = pictures.edges_px(box, *self.symptom_mask.shape)
        part = slice(top, bottom), slice(left, right)
        return replace(self, symptom_mask=self.symptom_mask[part], leaf_mask=self.leaf_mask[part])


def make(address: Address) -> Rendering:
    """Renders a leaf."""
    leaf = render(address, SIDE_PX)
    return Rendering(
        address, leaf.plan, float(leaf.severity), leaf.symptom_mask, leaf.leaf_mask, pictures.png(leaf.picture)
    )


def next_leaves(start: int) -> tuple[list[Address], int]:
    """The next four sample leaves: from the test split, of four conditions, one of them healthy.

    Args:
        start: index at which to begin to look.
    Returns:
        Their addresses, and the index at which the leaves after them begin.
    """
    chosen: dict[str, Address] = {}
    index = start
    while len(chosen) < AT_A_TIME:
        address = Address(SEED, index)
        index += 1
        if address.split != "test":
            continue
        condition = plan(address).condition
        diseases = len(set(chosen) - {HEALTHY})
        if condition not in chosen and (condition == HEALTHY or diseases < AT_A_TIME - 1):
            chosen[condition] = address
    return list(chosen.values()), index


def is_known_to(classes: Collection[str]) -> bool:
    """Whether a run has a class for every leaf that may be shown."""
    return set(CONDITIONS) <= set(classes)


def run_for_renderings(runs: Sequence[RunSnapshot], current: RunSnapshot) -> RunSnapshot | None:
    """Run for rendered leaves: the current one if it knows them, else the shipped one, else any."""
    knowing = [run for run in runs if is_known_to(run.classes)]
    return current if current in knowing else min(knowing, key=lambda run: run.name != PREFERRED_RUN, default=None)


def run_for_photos(runs: Sequence[RunSnapshot]) -> RunSnapshot | None:
    """The first run trained on photos."""
    return next((run for run in runs if "photos" in run.learned_from), None)
