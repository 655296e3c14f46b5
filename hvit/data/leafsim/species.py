"""Leaf shapes, venation and surface of the crops the leaves are modelled on."""

from dataclasses import dataclass

import numpy as np

from hvit.data.leafsim.color import linear


@dataclass(frozen=True)
class Species:
    """Shape parameters of the leaves of a crop. Lengths are fractions of the leaf's length.

    Attributes:
        outline: construction of the margin in `outline.py`.
        width: half width of the blade.
        bulge, taper: exponents of the profile along x: x^bulge (1 - x)^taper.
        teeth: number a side; 0 is a smooth margin.
        tooth: their depth.
        lobes: deep notches a side.
        wave: undulation of margin and surface.
        pairs: of secondary veins; parallel veins across the blade for straps.
        angle: of the secondary veins against the midrib, degrees.
        quilt: how much the blade bulges between veins.
        gloss: 0 matt to 1 waxy.
        dark, light: the range of healthy greens, linear.
        vein: color of the veins, linear.
    """

    outline: str
    width: float
    bulge: float
    taper: float
    teeth: int
    tooth: float
    lobes: int
    wave: float
    pairs: int
    angle: float
    quilt: float
    gloss: float
    dark: np.ndarray
    light: np.ndarray
    vein: np.ndarray


# fmt: off
SPECIES = {
    "tomato": Species("blade", 0.33, 0.45, 1.00, 0, 0.0, 5, 0.5, 6, 55, 1.0, 0.15,
                      linear(38, 66, 44), linear(92, 126, 66), linear(118, 148, 100)),
    "potato": Species("blade", 0.35, 0.50, 0.80, 0, 0.0, 0, 0.5, 6, 52, 1.0, 0.25,
                      linear(56, 92, 50), linear(112, 150, 78), linear(140, 168, 106)),
    "pepper": Species("blade", 0.27, 0.60, 1.00, 0, 0.0, 0, 0.6, 6, 48, 0.6, 0.50,
                      linear(44, 84, 40), linear(88, 136, 62), linear(136, 166, 98)),
    "apple": Species("blade", 0.32, 0.55, 0.70, 45, 0.016, 0, 0.4, 8, 50, 0.6, 0.40,
                     linear(40, 72, 46), linear(98, 132, 66), linear(134, 160, 102)),
    "grape": Species("palmate", 0.50, 0.50, 0.50, 9, 0.050, 5, 0.4, 4, 45, 0.8, 0.35,
                     linear(44, 76, 44), linear(96, 136, 66), linear(134, 160, 98)),
    "peach": Species("blade", 0.14, 0.65, 0.95, 40, 0.006, 0, 1.0, 12, 60, 0.35, 0.80,
                     linear(36, 66, 42), linear(80, 118, 58), linear(132, 160, 100)),
    "coffee": Species("blade", 0.23, 0.85, 0.95, 0, 0.0, 0, 0.9, 9, 58, 0.45, 0.85,
                      linear(40, 76, 30), linear(112, 142, 52), linear(146, 168, 92)),
    "maize": Species("strap", 0.27, 0.00, 0.00, 0, 0.0, 0, 0.9, 16, 0, 0.25, 0.25,
                     linear(70, 112, 64), linear(122, 162, 98), linear(188, 204, 160)),
    "rice": Species("strap", 0.16, 0.00, 0.00, 0, 0.0, 0, 0.4, 9, 0, 0.2, 0.25,
                    linear(84, 126, 56), linear(140, 176, 82), linear(172, 196, 120)),
}
# fmt: on
