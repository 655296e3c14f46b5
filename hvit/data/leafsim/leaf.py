"""Renders a leaf with its ground truth: masks, severity, reflectance."""

import copy
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from hvit.data.leafsim import bands as band_model
from hvit.data.leafsim.address import Address
from hvit.data.leafsim.background import background
from hvit.data.leafsim.blade import Blade, rasterize_blade
from hvit.data.leafsim.camera import photograph
from hvit.data.leafsim.color import linear, mixed
from hvit.data.leafsim.conditions import PAINTERS
from hvit.data.leafsim.light import Light, light, shading
from hvit.data.leafsim.noise import blurred, fractal, smoothstep
from hvit.data.leafsim.plan import HEALTHY, Plan, plan
from hvit.data.leafsim.random_stream import Part, RandomStream
from hvit.data.leafsim.tissue import Tissue, healthy

MIN_SIZE, MAX_SIZE = 32, 1024
P_DAPPLED = 0.15  # of leaves have dappled light
LEAF_LIGHT = 0.13  # reflectance of a common leaf
OVERSAMPLING = 2  # rendered at twice the size, against aliasing


@dataclass(frozen=True)
class RenderedLeaf:
    """A rendered leaf and its ground truth.

    Attributes:
        address: seed and index it is rendered from.
        plan: species, condition and companion; without the companion where it would have been the larger one.
        picture: (S, S, 3) uint8, RGB.
        leaf_mask: (S, S) bool, including holes from disease.
        symptom_mask: (S, S) bool, symptomatic tissue including halos; within the leaf.
        halo_mask: (S, S) bool, the part of it that is a halo: discolored, not dead.
        stress_mask: (S, S) bool, tissue under early stress, invisible in RGB.
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


def render(address: Address, size: int = 160, bands: bool = False, symptoms: bool = True) -> RenderedLeaf:
    """Renders a leaf, deterministically up to rounding.

    Args:
        size: side of the square image in px, 32 to 1024; every size shows the same leaf.
        bands: compute the five reflectance bands too.
        symptoms: False renders the healthy counterpart: the same leaf and scene without the condition.
    Raises:
        ValueError: `size` is out of range.

    >>> leaf = render(Address(seed=7, index=42), size=64, bands=True)
    >>> leaf.picture.shape, leaf.bands.shape, leaf.symptom_mask.dtype
    ((64, 64, 3), (5, 64, 64), dtype('bool'))
    """
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise ValueError(f"cannot render a leaf of {size} px; expected {MIN_SIZE} to {MAX_SIZE}")
    what, part, side = plan(address), partial(RandomStream, address), OVERSAMPLING * size
    blade = rasterize_blade(what, side, part)
    tissue = healthy(blade, part)
    if symptoms:
        tissue, what = _infected(tissue, blade, what, part)
    source = light(part("light"))
    behind, touches = background(side, source, part)
    metered = 0.5 * float(behind.mean()) + 0.5 * LEAF_LIGHT  # a constant: exposure must not be a cue to the class
    picture = photograph(_compose(tissue, blade, source, behind, touches, part), metered, size, part)

    leaf_mask = _reduced(blade.cover, size) > 0.5
    symptom_mask = leaf_mask & (_reduced(tissue.symptom * blade.cover, size) > 0.5)
    halo_mask = symptom_mask & (_reduced(tissue.halo, size) > 0.5)
    stress = band_model.stress(blade, tissue, what, part) if symptoms else np.zeros_like(blade.cover)
    return RenderedLeaf(
        address,
        what,
        picture,
        leaf_mask,
        symptom_mask,
        halo_mask,
        leaf_mask & ~symptom_mask & (_reduced(stress, size) > 0.5),
        float(symptom_mask.sum() / max(1, leaf_mask.sum())),
        band_model.reflectance(blade, tissue, stress, behind, size, part) if bands else None,
    )


def _infected(tissue: Tissue, blade: Blade, what: Plan, part: Part) -> tuple[Tissue, Plan]:
    """The tissue with the condition, and with the companion where that stays the smaller of the two."""
    if what.condition == HEALTHY:
        return tissue, what
    PAINTERS[what.condition](tissue, blade, part)
    if what.companion is None:
        return tissue, what
    both = copy.deepcopy(tissue)
    PAINTERS[what.companion](both, blade, lambda name: part(f"companion {name}"), amount=0.25)
    area, added = _area(tissue, blade), _area(both, blade) - _area(tissue, blade)
    return (both, what) if added < area else (tissue, replace(what, companion=None))


def _area(tissue: Tissue, blade: Blade) -> float:
    return float(((tissue.symptom > 0.5) & (blade.cover > 0.5)).sum())


def _compose(tissue: Tissue, blade: Blade, source: Light, behind: np.ndarray, touches: bool, part: Part) -> np.ndarray:
    """The scene in linear light, (3, S, S) float32."""
    rng, size, length = part("scene"), blade.pose.size, blade.pose.length
    diffuse, glossy = shading(source, tissue.height, length)
    crease = 1 - 0.28 * np.exp(-((blade.veins.to_main / 0.010) ** 2)) * (1 - blade.veins.main)
    leaf = tissue.albedo * (diffuse * crease)
    sheen = tissue.gloss * glossy * (0.30 + 0.30 * tissue.detail**2)
    leaf += sheen * linear(226, 236, 246)
    thing = np.maximum(blade.cover * tissue.solid, blade.petiole)
    if touches:
        behind = behind * _shadow(thing, source, rng, length)
    scene = mixed(behind, blade.species.vein * np.float32(0.8) * (0.4 + 0.6 * diffuse), blade.petiole)
    scene = mixed(scene, np.maximum(leaf, 0), np.clip(blade.cover * tissue.solid, 0, 1))
    if rng.chance(P_DAPPLED):  # light through a canopy
        dapple = smoothstep(-0.35, 0.15, fractal(part("scene.dapple"), size, 2, 3, 0.5) + rng.uniform(-0.6, 0.6))
        scene = scene * (0.35 + 0.65 * dapple)
    return scene


def _shadow(thing: np.ndarray, source: Light, rng: RandomStream, length: float) -> np.ndarray:
    """Share of light that reaches the ground: less in the cast shadow, and close to the edge of the leaf."""
    lift = rng.uniform(0.008, 0.08) * length
    dx, dy = (float(v) for v in source.shadow_offset * lift)
    moved = cv2.warpAffine(thing, np.array([[1, 0, dx], [0, 1, dy]], np.float32), thing.shape[::-1])
    soft = blurred(moved, 1 + rng.uniform(0.08, 0.5) * lift)
    contact = blurred(thing, 0.015 * length)
    return 1 - np.float32((1 - source.ambient) * rng.uniform(0.6, 0.95)) * soft - np.float32(0.15) * contact


def _reduced(field: np.ndarray, size: int) -> np.ndarray:
    """A field at the size of the picture."""
    return cv2.resize(field, (size, size), interpolation=cv2.INTER_AREA)
