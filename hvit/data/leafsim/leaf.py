"""A drawn leaf with the truth attached."""

from dataclasses import dataclass

import numpy as np

from hvit.data.leafsim.address import Address
from hvit.data.leafsim.plan import Plan, plan

BANDS = ("blue 475 nm", "green 560 nm", "red 668 nm", "red edge 717 nm", "near infrared 840 nm")
MIN_SIZE, MAX_SIZE = 32, 1024


@dataclass(frozen=True)
class DrawnLeaf:
    """A picture and what it shows.

    Attributes:
        address: what it takes to draw it again.
        plan: species, condition and companion.
        picture: (S, S, 3) uint8, RGB.
        leaf_mask: (S, S) bool: the leaf, holes that a disease left in it included.
        symptom_mask: (S, S) bool: what a pathologist would call symptomatic, halos included; within the leaf.
        halo_mask: (S, S) bool: the part of it that is a halo: discolored, not dead.
        stress_mask: (S, S) bool: tissue under early stress, invisible in the picture.
        severity: symptomatic pixels / leaf pixels.
        bands: (5, S, S) float32 reflectance in [0, 1] at `BANDS`, or None where not asked for.
    """

    address: Address
    plan: Plan
    picture: np.ndarray
    leaf_mask: np.ndarray
    symptom_mask: np.ndarray
    halo_mask: np.ndarray
    stress_mask: np.ndarray
    severity: float
    bands: np.ndarray | None


def draw(address: Address, size: int = 160, bands: bool = False, symptoms: bool = True) -> DrawnLeaf:
    """Draws a leaf: the same pixels for the same arguments on every machine, up to rounding.

    Args:
        size: side of the square picture in pixels, 32 to 1024; every size shows the same leaf.
        bands: whether to compute the five reflectance bands too.
        symptoms: False draws the healthy twin: the same leaf and scene without what the condition does to it.
    Raises:
        ValueError: `size` is out of range.
    """
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise ValueError(f"cannot draw a leaf of {size} px; expected {MIN_SIZE} to {MAX_SIZE}")
    # the renderer is under construction: an ellipse for now
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    leaf = (x / 0.8) ** 2 + (y / 0.5) ** 2 < 1
    symptom = leaf & ((x**2 + y**2) < 0.1) & symptoms & (plan(address).condition != "healthy")
    picture = np.full((size, size, 3), 180, np.uint8)
    picture[leaf] = (60, 110 + address.index % 40, 50)
    picture[symptom] = (120, 80, 40)
    none = np.zeros_like(leaf)
    cube = np.full((5, size, size), 0.2, np.float32) if bands else None
    return DrawnLeaf(address, plan(address), picture, leaf, symptom, none, none, symptom.sum() / leaf.sum(), cube)
