"""Geometry of a leaf in the image: coverage, leaf coordinates, distances and veins, for placing symptoms."""

from dataclasses import dataclass

import cv2
import numpy as np

from hvit.data.leafsim.noise import fractal
from hvit.data.leafsim.outline import outline
from hvit.data.leafsim.plan import Plan
from hvit.data.leafsim.pose import Pose
from hvit.data.leafsim.random_stream import Part, RandomStream
from hvit.data.leafsim.species import SPECIES, Species
from hvit.data.leafsim.veins import FRACTION_BITS, Veins, veins

P_BITTEN = 0.10
PETIOLE = 0.014  # width, in leaf lengths


@dataclass(frozen=True)
class Blade:
    """A leaf as fields of the picture; arrays are (S, S) float32 unless said otherwise.

    Attributes:
        species, pose: species and position of the leaf.
        cover: how much of each pixel is blade, 0 to 1.
        petiole: how much of each pixel is the stalk outside the blade.
        x, y: leaf coordinates.
        across: y in half widths: 0 at the midrib, about -1 and 1 at the margin.
        to_margin: distance from the margin inwards, in leaf lengths.
        veins: venation.
        warp: two fields of smooth noise that make borders irregular, (2, S, S).
        tone: one field of coarse noise.
    """

    species: Species
    pose: Pose
    cover: np.ndarray
    petiole: np.ndarray
    x: np.ndarray
    y: np.ndarray
    across: np.ndarray
    to_margin: np.ndarray
    veins: Veins
    warp: np.ndarray
    tone: np.ndarray

    @property
    def is_strap(self) -> bool:
        return self.species.outline == "strap"

    def quantile(self, field: np.ndarray, share: float) -> np.float32:
        """Value that a field exceeds on this `share` of the leaf, a quantile; its minimum - 1 for 1 or more."""
        on_leaf = field[::4, ::4][self.cover[::4, ::4] > 0.5]
        if share >= 1 or not len(on_leaf):
            return np.float32(field.min() - 1)
        return np.float32(np.quantile(on_leaf, 1 - share))

    def at(self, points: np.ndarray) -> np.ndarray:
        """Rows and columns of leaf coordinates (N, 2), kept inside the picture; (2, N) int."""
        pixels = np.clip(self.pose.to_picture(points), 0, self.pose.size - 1).astype(int)
        indices: np.ndarray = pixels[:, ::-1].T
        return indices


def rasterize_blade(plan: Plan, size: int, part: Part) -> Blade:
    """Rasterizes the leaf of a plan at `size` px.

    Args:
        part: gives the `RandomStream` of a named part.
    """
    species = SPECIES[plan.species]
    distortion = part("distortion").uniform(0.3, 1.0) if plan.condition == "Mosaic_virus" else 0.0
    shape = outline(species, part("outline"), distortion)
    pose = _lay(species, shape.area, part("pose"), size)
    x, y = pose.leaf_coordinates()
    canvas = np.zeros((size, size), np.uint8)
    _fill(canvas, pose, shape.points, 255)
    bites = part("bites")
    if bites.chance(P_BITTEN):
        for _ in range(bites.count(1, 4)):
            _fill(canvas, pose, _bite(bites, shape.points), 0)
    petiole = np.zeros((size, size), np.uint8)
    if species.outline != "strap":
        _fill(petiole, pose, _stalk(part("petiole"), 0.2 if species.outline == "palmate" else 0.0), 255)
    distance = cv2.distanceTransform((canvas > 127).astype(np.uint8), cv2.DIST_L2, 3)
    cover = canvas.astype(np.float32) / 255
    steps = np.clip((x - shape.x[0]) / (shape.x[-1] - shape.x[0]) * 255, 0, 255).astype(np.uint8)
    table = np.interp(np.linspace(shape.x[0], shape.x[-1], 256), shape.x, np.maximum(shape.half_width, 0.02))
    return Blade(
        species,
        pose,
        cover,
        (petiole.astype(np.float32) / 255) * (1 - cover),
        x,
        y,
        y / table.astype(np.float32)[steps],
        distance / np.float32(pose.length),
        veins(species, shape, pose, x, y, part("veins")),
        np.stack([fractal(part("warp x"), size, 8, 5, 0.6), fractal(part("warp y"), size, 8, 5, 0.6)]),
        fractal(part("tone"), size, 3, 5, 0.55),
    )


def _lay(species: Species, area: float, rng: RandomStream, size: int) -> Pose:
    """Somewhere in the frame, covering 25 to 90 % of it where the shape allows."""
    tilt = rng.uniform(0.8, 1.0)
    angle = rng.uniform(0, 2 * np.pi)
    if species.outline == "strap":  # only a piece of it is in the picture
        length = size * rng.uniform(0.95, 1.5) * (1.0 if species.width > 0.2 else 1.35)
        angle = rng.pick([0, 1, 2, 3]) * np.pi / 2 + rng.uniform(-0.5, 0.5)
        middle = np.array([0.5, 0.5]) + rng.uniform(-0.08, 0.08, 2)
        return Pose(size, middle * size, length, angle, rng.uniform(-0.06, 0.06), tilt)
    length = size * (rng.uniform(0.32, 0.66) / (area * tilt)) ** 0.5
    length = min(length, (1.06 if species.width > 0.2 else 1.4) * size)  # narrow leaves run out of the picture
    middle = np.array([0.5, 0.5]) + rng.uniform(-0.06, 0.06, 2)
    return Pose(size, middle * size, length, angle, rng.uniform(-0.07, 0.07), tilt)


def _fill(canvas: np.ndarray, pose: Pose, points: np.ndarray, value: int) -> None:
    fixed = np.round((pose.to_picture(points) - 0.5) * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], value, lineType=cv2.LINE_AA, shift=FRACTION_BITS)


def _bite(rng: RandomStream, margin: np.ndarray) -> np.ndarray:
    """A piece an insect took from the margin."""
    center = margin[rng.count(0, len(margin) - 1)]
    angle = np.linspace(0, 2 * np.pi, 30)
    radius = rng.uniform(0.02, 0.07) * (1 + 0.25 * np.sin(3 * angle + rng.uniform(0, 6)))
    bite: np.ndarray = center + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return bite


def _stalk(rng: RandomStream, end: float) -> np.ndarray:
    """The petiole, slightly bent, as a polygon that reaches a little into the blade."""
    t = np.linspace(0, 1, 16)
    length, bend = rng.uniform(0.08, 0.3), rng.uniform(-0.12, 0.12)
    x, y = end + 0.01 - length * t, bend * t**2
    half = PETIOLE / 2 * (0.8 + 0.5 * t)
    return np.concatenate([np.stack([x, y + half], 1), np.stack([x, y - half], 1)[::-1]])
