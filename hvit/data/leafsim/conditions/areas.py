"""Conditions with large symptomatic areas: late blight, scorch, mildew, mosaic, chlorosis and mites."""

import numpy as np

from hvit.data.leafsim.blade import Blade
from hvit.data.leafsim.color import linear, mixed
from hvit.data.leafsim.conditions.spots import scatter, spots
from hvit.data.leafsim.noise import blurred, fractal, grain, smoothstep
from hvit.data.leafsim.random_stream import Part
from hvit.data.leafsim.tissue import Tissue


def late_blight(tissue: Tissue, blade: Blade, part: Part, amount: float = 1.0) -> None:
    """Large water-soaked areas from margin or tip inwards, pale green border, whitish down along the edge."""
    rng = part("late blight")
    at_margin = smoothstep(0.05, 0.0, blade.to_margin)
    centers = scatter(blade, rng, rng.count(1, 4), at_margin)
    if not len(centers):
        centers = scatter(blade, rng, 1)
    radii = rng.uniform(0.06, 0.30, len(centers)) * (0.6 + 0.9 * rng.uniform())
    field = spots(blade, centers, radii, rough=0.30)
    q = field.distance + 0.06 * blade.warp[1] + 0.03 * grain(part("late blight.edge"), blade.pose.size, 40)
    border = smoothstep(rng.uniform(1.12, 1.4), 1.0, q)
    tissue.recolor(linear(158, 170, 98), rng.uniform(0.4, 0.8) * border)
    tissue.yellow(0.6 * border)
    rotten = smoothstep(1.05, 0.93, q)
    dryness = rng.uniform()
    wet, dry = linear(62, 64, 44), mixed(linear(86, 62, 44), linear(150, 118, 82), rng.uniform())
    inner = np.clip(dryness + 0.3 * blade.tone + 0.5 * (0.6 - q), 0, 1)
    color = mixed(wet, dry, inner) * (1 + 0.12 * fractal(part("late blight.mottle"), blade.pose.size, 20, 4, 0.7))
    tissue.recolor(color, 0.93 * rotten * (1 - 0.25 * blade.veins.main))
    down = smoothstep(0.72, 0.95, q) * smoothstep(1.12, 0.98, q)
    fluff = smoothstep(-0.2, 1.3, grain(part("late blight.down"), blade.pose.size, 130))
    tissue.recolor(linear(214, 216, 206), rng.uniform(0, 0.75) * down * fluff)
    tissue.height += rotten * (0.006 * blade.warp[0] * dryness - 0.004)
    tissue.kill(rotten)
    tissue.gloss = tissue.gloss + 0.3 * (1 - dryness) * rotten
    tissue.mark(rotten, halo=border)


def leaf_scorch(tissue: Tissue, blade: Blade, part: Part, amount: float = 1.0) -> None:
    """Dead brown margin and tip with a sharp edge and a yellow transition."""
    rng = part("scorch")
    depth = rng.uniform(0.012, 0.10) * (0.6 if blade.is_strap else 1.0)
    tip = rng.uniform(0.0, 0.25) * smoothstep(0.45, 1.0, blade.x)
    ragged = fractal(part("scorch.ragged"), blade.pose.size, 5, 4, 0.6)
    uneven = depth * np.exp(rng.uniform(0.3, 0.8) * ragged) + tip * depth * 4
    q = blade.to_margin / np.maximum(uneven, 0.004) + 0.18 * blade.warp[0]
    if rng.chance(0.6):  # only where the leaf caught the sun
        q = q + 1.5 * smoothstep(0.0, 0.8, fractal(part("scorch.where"), blade.pose.size, 2, 2, 0.5))
    border = smoothstep(rng.uniform(1.2, 2.6), 1.0, q)
    tissue.recolor(linear(184, 172, 88), rng.uniform(0.3, 0.85) * border)
    tissue.yellow(0.8 * border)
    dead = smoothstep(1.05, 0.95, q)
    brown = mixed(linear(98, 72, 50), linear(168, 138, 104), np.clip(rng.uniform() + 0.3 * blade.warp[1] * 0.5, 0, 1))
    brown = mixed(brown, linear(70, 44, 30), 0.8 * smoothstep(0.82, 0.98, q))
    tissue.recolor(brown * (1 + 0.10 * grain(part("scorch.grain"), blade.pose.size, 110)), 0.95 * dead)
    tissue.height += dead * 0.008 * blade.warp[1]
    tissue.kill(dead)
    tissue.mark(dead, halo=border)


def powdery_mildew(tissue: Tissue, blade: Blade, part: Part, amount: float = 1.0) -> None:
    """White floury patches with soft edges; the veins still show through."""
    rng = part("mildew")
    centers = scatter(blade, rng, rng.count(3, 26))
    if not len(centers):
        return
    radii = rng.uniform(0.02, 0.09, len(centers)) * rng.uniform(0.7, 1.6)
    field = spots(blade, centers, radii, rough=0.25)
    q = field.distance + 0.12 * blade.warp[0]
    patch = smoothstep(1.15, 0.35, q)
    flour = 0.78 + 0.22 * grain(part("mildew.flour"), blade.pose.size, 120)
    thick = field.each(rng.uniform(0.55, 1.0, len(centers))) * rng.uniform(0.65, 1.0)
    weight = np.clip(patch * thick * flour, 0, 0.9)
    tissue.recolor(linear(214, 218, 210), weight)
    tissue.mildewed = np.maximum(tissue.mildewed, weight)
    tissue.gloss = tissue.gloss * (1 - weight)
    tissue.mark(smoothstep(1.06, 0.94, q))


def mosaic_virus(tissue: Tissue, blade: Blade, part: Part, amount: float = 1.0) -> None:
    """Light and dark green fields bounded by veins, blistered."""
    rng = part("mosaic")
    where = fractal(part("mosaic.extent"), blade.pose.size, 2, 2, 0.5)
    extent = smoothstep(-0.3, 0.3, where - blade.quantile(where, rng.uniform(0.25, 1.3)))
    slow = fractal(part("mosaic.slow"), blade.pose.size, 9, 3, 0.6)
    mottle = 0.55 * slow + 1.6 * (blade.veins.field - 0.5)
    sharp = rng.uniform(0.35, 1.0)
    light = smoothstep(-0.2, sharp, mottle) * extent
    dark = smoothstep(-0.2, -0.2 - sharp, mottle) * extent
    pale = mixed(linear(136, 156, 84), linear(196, 196, 116), rng.uniform())
    tissue.recolor(pale, rng.uniform(0.65, 0.95) * light * (1 - 0.45 * blade.veins.main))
    tissue.recolor(blade.species.dark * np.float32(0.7), rng.uniform(0.35, 0.7) * dark)
    tissue.yellow(0.7 * light)
    tissue.height += extent * rng.uniform(0.003, 0.009) * blurred(dark - light, 0.008 * blade.pose.size)
    tissue.mark(extent, halo=None)


def interveinal_chlorosis(tissue: Tissue, blade: Blade, part: Part, amount: float = 1.0) -> None:
    """Yellow between the veins, which stay green."""
    rng = part("chlorosis")
    between = smoothstep(rng.uniform(0.0, 0.006), rng.uniform(0.012, 0.03), blade.veins.to_main)
    if blade.is_strap:
        lane = np.float32(blade.species.width / blade.species.pairs)
        between = smoothstep(0.10 * lane, 0.38 * lane, blade.veins.to_main)
    where = blade.x if rng.chance(0.5) else 1 - np.abs(blade.across)
    extent = smoothstep(0.0, 0.35, rng.uniform(0.25, 1.6) - where + 0.18 * blade.tone)
    weight = between * extent
    yellow = mixed(linear(160, 170, 84), linear(208, 200, 112), rng.uniform())
    tissue.recolor(yellow, rng.uniform(0.6, 0.95) * weight)
    tissue.yellow(weight)
    tissue.mark(smoothstep(0.2, 0.5, weight))


def spider_mites(tissue: Tissue, blade: Blade, part: Part, amount: float = 1.0) -> None:
    """Fine yellow-white stippling and bronzing, densest at the base and along the midrib."""
    rng = part("mites")
    near = 1.2 - 0.9 * np.clip(blade.x, 0, 1) - 0.5 * np.minimum(np.abs(blade.across), 1.2)
    near = near + 0.35 * blade.tone + 0.6 * smoothstep(0.03, 0.0, blade.veins.to_main) * 0.4
    strength = rng.uniform(0.5, 1.0)
    dense = smoothstep(-0.1, 0.7, near - blade.quantile(near, rng.uniform(0.12, 1.1)))
    points = np.maximum(
        grain(part("mites.fine"), blade.pose.size, 176), 0.9 * grain(part("mites.coarse"), blade.pose.size, 104)
    )
    stipple = smoothstep(1.5 - 0.9 * strength, 2.4 - 0.9 * strength, points + 0.8 * (dense - 0.7))
    stipple = stipple * smoothstep(0.1, 0.35, dense) * (1 - 0.6 * blade.veins.main)
    tissue.recolor(
        mixed(linear(186, 186, 116), linear(212, 210, 170), rng.uniform()), rng.uniform(0.55, 0.85) * stipple
    )
    bronze = rng.uniform(0.25, 0.8) * dense * strength
    tissue.recolor(linear(142, 124, 66), 0.6 * bronze)
    tissue.yellow(np.maximum(0.5 * stipple, 0.5 * bronze))
    tissue.mark(smoothstep(0.03, 0.06, dense))
