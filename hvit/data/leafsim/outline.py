"""The outline of a leaf as a polygon."""

from dataclasses import dataclass

import numpy as np

from hvit.data.leafsim.random_stream import RandomStream
from hvit.data.leafsim.species import Species

POINTS = 360  # a side
STRAP_REACH = 1.2  # straps run this far out of [0, 1], and so out of the picture
PALMATE_BASE = 0.2  # where the petiole of a lobed round leaf joins the blade
LOBE_ANGLES = np.radians([0.0, 52.0, -52.0, 108.0, -108.0])


@dataclass(frozen=True)
class Outline:
    """Outline of a leaf in leaf coordinates.

    Attributes:
        points: closed polygon, (N, 2).
        x, half_width: the blade's half width along the midrib without teeth and lobes, each (M,), x rising.
        lobes: length of each main vein's lobe, at `LOBE_ANGLES`; empty but for lobed round leaves.
    """

    points: np.ndarray
    x: np.ndarray
    half_width: np.ndarray
    lobes: np.ndarray

    @property
    def area(self) -> float:
        """Area between base and tip, in squared leaf lengths."""
        x, y = np.clip(self.points[:, 0], 0, 1), self.points[:, 1]
        return 0.5 * abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))


def outline(species: Species, rng: RandomStream, distortion: float) -> Outline:
    """Samples the outline of a leaf of a species.

    Args:
        distortion: how much its growth was disturbed, 0 to 1.
    """
    return {"blade": _blade, "palmate": _palmate, "strap": _strap}[species.outline](species, rng, distortion)


def _blade(species: Species, rng: RandomStream, distortion: float) -> Outline:
    bulge = species.bulge * rng.uniform(0.85, 1.15)
    taper = species.taper * rng.uniform(0.85, 1.15)
    width = species.width * rng.uniform(0.88, 1.12)
    t = np.linspace(0, 1, POINTS)
    x = (1 - np.cos(np.pi * t)) / 2
    profile = x**bulge * (1 - x) ** taper
    half_width = width * profile / profile.max()
    sides = []
    for side in (1, -1):
        w = half_width * rng.uniform(0.92, 1.08) * (1 + distortion * 0.15 * _wobble(rng, x, 5))
        margin = np.stack([x, w], 1)
        arc = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(margin, axis=0).T))])
        arc /= arc[-1]
        out = species.wave * 0.006 * _wobble(rng, arc, 9) + 0.003 * _wobble(rng, arc, 24)
        if species.lobes:
            out += _lobes(rng, arc, species.lobes)
        if species.teeth:
            out += species.tooth * (_teeth(arc, species.teeth, rng) - 0.5)
        out *= np.minimum(1, 8 * np.minimum(arc, 1 - arc))  # base and tip stay closed
        normal = np.stack([-np.gradient(w, arc + 1e-9), np.gradient(x, arc + 1e-9)], 1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        lean = np.stack([np.abs(out), np.zeros_like(out)], 1) * 0.5  # teeth and lobes point to the tip
        points = margin + out[:, None] * normal + lean
        points[:, 1] = np.maximum(points[:, 1], 0) * side
        sides.append(points)
    return Outline(np.concatenate([sides[0], sides[1][::-1]]), x, half_width, np.zeros(0))


def _palmate(species: Species, rng: RandomStream, distortion: float) -> Outline:
    theta = np.linspace(-np.pi, np.pi, 2 * POINTS)
    lobes = np.array([0.80, 0.66, 0.66, 0.50, 0.50]) * rng.uniform(0.92, 1.08, 5)
    depth = rng.uniform(0.10, 0.30)
    radius = np.zeros_like(theta)
    for angle, reach in zip(LOBE_ANGLES, lobes):
        away = np.abs(theta - angle) / np.radians(26)
        radius = np.maximum(radius, reach * (1 - depth * np.minimum(away, 2.2) ** 1.3))
    sinus = np.clip((np.pi - np.abs(theta)) / np.radians(rng.uniform(18, 34)), 0, 1)
    radius = np.maximum(radius, 0.3) * (0.06 + 0.94 * sinus**0.6)
    arc = (theta + np.pi) / (2 * np.pi)
    radius *= 1 + species.tooth * 2 * (_teeth(arc, 3 * species.teeth, rng, both=True) - 0.5) * sinus
    radius *= 1 + (0.02 + 0.08 * distortion) * _wobble(rng, arc, 11)
    points = np.stack([PALMATE_BASE + radius * np.cos(theta), radius * np.sin(theta)], 1)
    x = np.linspace(-0.3, 1.1, 60)
    half_width = np.maximum(0.02, 0.56 * np.sqrt(np.maximum(0, 1 - ((x - 0.38) / 0.68) ** 2)))
    return Outline(points, x, half_width, lobes)


def _strap(species: Species, rng: RandomStream, distortion: float) -> Outline:
    x = np.linspace(-STRAP_REACH, 1 + STRAP_REACH, POINTS)
    width = species.width * rng.uniform(0.85, 1.25)
    slope = rng.uniform(-0.12, 0.12)
    half_width = width * (1 + slope * (x - 0.5))
    if rng.chance(0.35):  # the tip is in the picture
        end = rng.uniform(0.85, 1.05)
        half_width *= np.sqrt(np.clip((end - x) / rng.uniform(0.4, 0.9), 0, 1))
    sides = []
    for side in (1, -1):
        ripple = species.wave * rng.uniform(0.002, 0.022) * _wobble(rng, (x + STRAP_REACH) / 3.4, rng.count(12, 24))
        w = half_width * (1 + ripple / max(width, 0.1) + distortion * 0.1 * _wobble(rng, (x + STRAP_REACH) / 3.4, 14))
        sides.append(np.stack([x, side * np.maximum(w, 0)], 1))
    return Outline(np.concatenate([sides[0], sides[1][::-1]]), x, np.maximum(half_width, 0.02), np.zeros(0))


def _wobble(rng: RandomStream, t: np.ndarray, waves: int) -> np.ndarray:
    """Smooth noise along t in [0, 1] with about `waves` bumps, deviation about 1."""
    knots = rng.normal(waves + 3).astype(np.float64)
    at = np.clip(t, 0, 1) * waves
    left = at.astype(int)
    f = at - left
    f = f * f * (3 - 2 * f)
    noise: np.ndarray = 1.3 * (knots[left] * (1 - f) + knots[left + 1] * f)
    return noise


def _teeth(arc: np.ndarray, count: int, rng: RandomStream, both: bool = False) -> np.ndarray:
    """Sawtooth along the margin, 0 to 1: slow rise, quick fall; symmetric where both sides are one curve."""
    phase = arc * count + 0.25 * _wobble(rng, arc, count)
    saw = phase % 1.0
    return 1 - np.abs(2 * saw - 1) if both else np.where(saw < 0.75, saw / 0.75, (1 - saw) / 0.25)


def _lobes(rng: RandomStream, arc: np.ndarray, count: int) -> np.ndarray:
    """Irregular notches of a tomato leaflet: how far the margin stands out, in leaf lengths."""
    number = rng.count(3, count)
    depth = rng.uniform(0.02, 0.075)
    edges = np.sort((np.arange(number + 1) + rng.uniform(-0.25, 0.25, number + 1)) / number)
    edges[0], edges[-1] = 0, 1
    depths = depth * rng.uniform(0.4, 1.3, number)
    which = np.clip(np.searchsorted(edges, arc, side="right") - 1, 0, number - 1)
    f = (arc - edges[which]) / np.maximum(edges[which + 1] - edges[which], 1e-6)
    bump = np.where(f < 0.7, np.sin(np.pi / 2 * f / 0.7), np.cos(np.pi / 2 * (f - 0.7) / 0.3))
    notches: np.ndarray = depths[which] * (bump - 0.5) * np.minimum(1, 3.0 * (1 - arc)) + 0.006 * np.sin(arc * 50)
    return notches
