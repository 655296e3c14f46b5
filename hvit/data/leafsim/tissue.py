"""Surface of the leaf during rendering: healthy tissue, which conditions then change."""

from dataclasses import dataclass

import numpy as np

from hvit.data.leafsim.blade import Blade
from hvit.data.leafsim.color import linear, mixed
from hvit.data.leafsim.noise import fractal, grain, smoothstep
from hvit.data.leafsim.random_stream import Part, RandomStream

YELLOWED = linear(176, 168, 62)


@dataclass
class Tissue:
    """Optical properties of the surface, changed in place by conditions; (S, S) float32 unless noted.

    Attributes:
        albedo: linear reflectance of red, green and blue, (3, S, S).
        detail: fine texture that survives every change of color, about 1.
        height: relief in leaf lengths.
        gloss: 0 matt to 1 waxy.
        solid: 0 where a disease left a hole.
        symptom, halo: symptomatic tissue, and the halo around it, 0 to 1.
        necrotic, chlorotic, mildewed: shares of the tissue that the bands are mixed from.
    """

    albedo: np.ndarray
    detail: np.ndarray
    height: np.ndarray
    gloss: np.ndarray
    solid: np.ndarray
    symptom: np.ndarray
    halo: np.ndarray
    necrotic: np.ndarray
    chlorotic: np.ndarray
    mildewed: np.ndarray

    def recolor(self, color: np.ndarray, weight: np.ndarray) -> None:
        """Blends in a color, (3, 1, 1) or (3, S, S), keeping the texture; `weight` in [0, 1]."""
        change = color * self.detail
        change -= self.albedo
        change *= weight
        self.albedo += change

    def mark(self, weight: np.ndarray, halo: np.ndarray | None = None) -> None:
        """Marks tissue as symptomatic where `weight` or `halo` is above 0.5; halo only where there is no symptom."""
        if halo is not None:
            self.halo = np.maximum(self.halo, halo)
            self.symptom = np.maximum(self.symptom, halo)
        self.halo = np.where(weight > 0.5, 0, self.halo)
        self.symptom = np.maximum(self.symptom, weight)

    def kill(self, weight: np.ndarray) -> None:
        """Makes tissue necrotic: dry, without gloss."""
        self.necrotic = np.maximum(self.necrotic, weight)
        self.chlorotic = self.chlorotic * (1 - weight)
        self.gloss = self.gloss * (1 - 0.8 * weight)

    def yellow(self, weight: np.ndarray) -> None:
        """Makes tissue chlorotic: living, without chlorophyll."""
        self.chlorotic = np.maximum(self.chlorotic, weight * (1 - self.necrotic))


def healthy(blade: Blade, part: Part) -> Tissue:
    """Healthy tissue, with the blemishes every leaf has.

    Args:
        part: gives the `RandomStream` of a named part.
    """
    species, size, veins = blade.species, blade.pose.size, blade.veins
    rng = part("tissue")
    age = rng.uniform(0, 1) ** 4 * 0.5
    fresh = rng.uniform(-0.15, 1.0)
    fine = fractal(part("tissue.fine"), size, 24, 4, 0.75)
    shade = np.clip(fresh + 0.14 * blade.tone + 0.05 * fine, -0.3, 1.3)
    albedo = mixed(species.dark, species.light, shade)
    old = np.clip(age * (0.8 + 0.5 * blade.tone), 0, 0.8)
    albedo = mixed(albedo, YELLOWED, old)
    lightness = np.clip(0.55 * veins.main + rng.uniform(0.05, 0.30) * veins.net, 0, 0.85)
    albedo = mixed(albedo, species.vein, lightness * rng.uniform(0.6, 1.0))
    detail = 1 + 0.08 * fine + 0.07 * grain(part("tissue.grain"), size, 170)
    albedo *= detail
    zero = np.zeros((size, size), np.float32)
    tissue = Tissue(
        albedo,
        detail * (1 - 0.12 * veins.net),
        _relief(blade, rng, fine, part),
        zero + np.float32(species.gloss * rng.uniform(0.5, 1.2)),
        zero + 1,
        zero,
        zero,
        zero,
        zero + np.float32(0.3) * old,
        zero,
    )
    _blemish(tissue, blade, part)
    return tissue


def _relief(blade: Blade, rng: RandomStream, fine: np.ndarray, part: Part) -> np.ndarray:
    """Height map of the surface: fold along the midrib, waves, bulges between the veins."""
    species, veins = blade.species, blade.veins
    fold = rng.uniform(-0.15, 0.85) * np.sqrt(blade.y**2 + np.float32(0.0004))
    curl = rng.uniform(-1.6, 1.4) * blade.y**2 + rng.uniform(-0.6, 0.6) * (blade.x - 0.5) ** 2
    folds = fractal(part("relief.folds"), blade.pose.size, 3, 3, 0.45)
    waves = species.wave * rng.uniform(0.010, 0.040) * folds * (0.3 + np.abs(np.clip(blade.across, -1.2, 1.2)))
    spread = np.float32(0.025 if not blade.is_strap else 0.25 * species.width / species.pairs)
    pillow = 1 - np.exp(-veins.to_main / spread)
    bulge = species.quilt * rng.uniform(0.010, 0.026) * pillow * (1 if not blade.is_strap else 0.35)
    net = species.quilt * rng.uniform(0.0012, 0.0038) * (1 - veins.net)
    rolled = rng.uniform(-0.02, 0.014) * np.exp(blade.to_margin * np.float32(-1 / rng.uniform(0.015, 0.05)))
    height: np.ndarray = (curl - fold + waves + bulge + net + rolled + 0.0006 * fine).astype(np.float32)
    return height


def _blemish(tissue: Tissue, blade: Blade, part: Part) -> None:
    """Dust, scratches and pale specks, on sick leaves as on healthy ones: a spot alone is no disease."""
    rng = part("blemishes")
    amount = rng.uniform() ** 2
    specks = grain(part("blemishes.specks"), blade.pose.size, 110)
    weight = smoothstep(3.1 - 0.7 * amount, 3.6 - 0.7 * amount, specks)
    color = rng.pick([linear(190, 186, 160), linear(120, 100, 60), linear(200, 205, 170)])
    tissue.recolor(color, 0.6 * weight)
    if rng.chance(0.25):
        angle, place = rng.uniform(0, np.pi), rng.uniform(-0.2, 0.2)
        across = (blade.x - 0.5) * np.float32(np.sin(angle)) + blade.y * np.float32(np.cos(angle)) - np.float32(place)
        scratch = np.exp(-((across + 0.01 * blade.warp[0]) ** 2) / 0.000012) * (blade.tone > 0.3)
        tissue.recolor(linear(170, 170, 120), 0.45 * scratch)
