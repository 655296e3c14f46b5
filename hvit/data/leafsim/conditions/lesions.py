"""Round and angular lesions: rust, early blight, bacterial spot, Septoria, gray leaf spot and scab."""

import numpy as np

from hvit.data.leafsim.blade import Blade
from hvit.data.leafsim.color import linear, mixed
from hvit.data.leafsim.conditions.spots import scatter, spots
from hvit.data.leafsim.noise import grain, smoothstep
from hvit.data.leafsim.random_stream import Part
from hvit.data.leafsim.tissue import Tissue

YELLOW = linear(178, 170, 80)


def rust(tissue: Tissue, blade: Blade, part: Part, amount: float = 1.0) -> None:
    """Hundreds of raised orange to cinnamon pustules with dusty rings and narrow yellow halos; in bands on straps."""
    rng = part("rust")
    number = int(amount * 10 ** rng.uniform(1.7, 2.85))
    density = 0.25 + 0.75 * smoothstep(-0.4, 0.9, blade.tone)
    if blade.is_strap:
        density = density * smoothstep(-0.6, 0.4, np.sin(blade.x * rng.uniform(9, 16) + 2 * blade.warp[0] * 0.3))
    centers = scatter(blade, rng, number, density)
    if not len(centers):
        return
    large = rng.uniform(0.006, 0.012) * rng.uniform(0.6, 1.25, len(centers))
    field = spots(blade, centers, large, rough=0.25, stretch=2.0 if blade.is_strap else 1.0)
    q, reach = field.distance, rng.uniform(1.6, 2.6)
    halo = smoothstep(reach, 1.0, q)
    tissue.recolor(YELLOW, rng.uniform(0.35, 0.8) * halo)
    tissue.yellow(0.7 * halo)
    pustule = smoothstep(1.1, 0.8, q)
    color = mixed(
        linear(186, 106, 46), linear(108, 60, 36), np.clip(rng.uniform(0, 0.8) + 0.3 * grain_of(part, blade), 0, 1)
    )
    tissue.recolor(color * (1.15 - 0.4 * smoothstep(0.5, 1.0, q)), 0.95 * pustule)
    dust = (
        smoothstep(1.9, 1.0, q) * (1 - pustule) * smoothstep(0.2, 1.2, grain(part("rust.dust"), blade.pose.size, 140))
    )
    tissue.recolor(linear(158, 98, 54), 0.5 * dust)
    tissue.height += 0.0035 * smoothstep(1.0, 0.2, q)
    tissue.kill(0.6 * pustule)
    tissue.mark(pustule, halo=halo)


def early_blight(tissue: Tissue, blade: Blade, part: Part, amount: float = 1.0) -> None:
    """A few brown lesions with concentric rings and yellow halos, bounded by veins; they may merge."""
    rng = part("early blight")
    number = max(1, int(amount * (1 + 19 * rng.uniform() ** 1.5)))
    near_edge = 0.35 + 0.65 * smoothstep(0.1, 0.9, np.abs(blade.across))
    centers = scatter(blade, rng, number, near_edge)
    if not len(centers):
        return
    radii = rng.uniform(0.014, 0.050, len(centers)) * (0.8 + 0.4 * rng.uniform())
    field = spots(blade, centers, radii, rough=rng.uniform(0.2, 0.45))
    bounded = 0.5 * (blade.veins.field - 0.5)  # the fine veins stop it here and there
    q = field.distance + bounded * smoothstep(0.4, 0.9, field.distance)
    reach = rng.uniform(1.25, 2.2)
    halo = smoothstep(reach, 1.0, q + 0.15 * blade.warp[0])
    if rng.chance(0.4):  # the whole leaf turns yellow around them
        tissue.recolor(YELLOW, rng.uniform(0.3, 0.75) * smoothstep(reach + 3, reach, q) * (1 - 0.5 * blade.veins.main))
        reach_all = smoothstep(reach + 2.7, reach + 2.1, q)
        halo = np.maximum(halo, reach_all)
        tissue.yellow(0.6 * smoothstep(reach + 3, reach, q))
    tissue.recolor(YELLOW, rng.uniform(0.2, 0.75) * halo * (1 - 0.4 * blade.veins.main))
    tissue.yellow(0.8 * halo)
    dead = smoothstep(1.04, 0.92, q)
    rings = field.each(rng.uniform(3, 6, len(centers)))
    ripple = 0.5 + 0.5 * np.cos(2 * np.pi * rings * (q + 0.05 * blade.warp[1]))
    brown = mixed(
        linear(56, 42, 32),
        linear(132, 108, 80),
        np.clip(rng.uniform(0.0, 0.5) + 0.35 * ripple + 0.2 * grain_of(part, blade), 0, 1),
    )
    brown = mixed(brown, linear(46, 32, 24), 0.7 * smoothstep(0.75, 0.97, q))
    tissue.recolor(brown, 0.95 * dead)
    tissue.height -= 0.003 * dead + 0.0012 * ripple * dead
    tissue.kill(dead)
    tissue.mark(dead, halo=halo)


def bacterial_spot(tissue: Tissue, blade: Blade, part: Part, amount: float = 1.0) -> None:
    """Many small dark angular spots with a greasy rim and yellow halo; some fall out and leave shot holes."""
    rng = part("bacterial spot")
    number = int(amount * 10 ** rng.uniform(1.3, 2.3)) + 3
    density = 0.3 + 0.7 * smoothstep(0.03, 0.0, blade.veins.to_main)
    centers = scatter(blade, rng, number, density * smoothstep(-1.0, 0.8, blade.tone))
    if not len(centers):
        return
    radii = rng.uniform(0.005, 0.012, len(centers)) * rng.uniform(0.8, 1.4)
    field = spots(blade, centers, radii, rough=0.5, square=0.6)
    q = field.distance
    halo = smoothstep(rng.uniform(1.5, 3.0), 1.0, q)
    tissue.recolor(YELLOW, rng.uniform(0.2, 0.8) * halo)
    tissue.yellow(0.7 * halo)
    dead = smoothstep(1.1, 0.85, q)
    dark = mixed(linear(34, 28, 20), linear(92, 66, 40), rng.uniform(0, 0.8) * smoothstep(0.8, 0.0, q))
    tissue.recolor(dark, 0.92 * dead)
    tissue.height -= 0.0015 * dead
    tissue.kill(dead)
    tissue.gloss = tissue.gloss + 0.5 * smoothstep(0.7, 0.95, q) * smoothstep(1.3, 1.0, q)
    fallen = field.each((rng.uniform(size=len(centers)) < rng.uniform(0, 0.25)).astype(np.float32))
    tissue.solid = tissue.solid * (1 - fallen * smoothstep(0.85, 0.65, q))
    tissue.mark(dead, halo=halo)


def septoria_leaf_spot(tissue: Tissue, blade: Blade, part: Part, amount: float = 1.0) -> None:
    """Many small round spots: pale gray middle with black dots, dark brown rim."""
    rng = part("septoria")
    number = int(amount * 10 ** rng.uniform(1.2, 2.15)) + 3
    centers = scatter(blade, rng, number, 0.3 + 0.7 * smoothstep(-0.6, 0.8, blade.tone))
    if not len(centers):
        return
    radii = rng.uniform(0.005, 0.016, len(centers)) * rng.uniform(0.85, 1.3)
    field = spots(blade, centers, radii, rough=0.40)
    q = field.distance
    halo = smoothstep(rng.uniform(1.3, 2.2), 1.0, q)
    tissue.recolor(YELLOW, rng.uniform(0.2, 0.7) * halo)
    tissue.yellow(0.6 * halo)
    dead = smoothstep(1.08, 0.9, q)
    pale = mixed(linear(150, 138, 116), linear(206, 198, 180), rng.uniform())
    color = mixed(
        pale, linear(66, 44, 30), smoothstep(0.42, 0.72, q + field.each(rng.uniform(-0.1, 0.5, len(centers))))
    )
    dots = smoothstep(1.0, 1.5, grain(part("septoria.dots"), blade.pose.size, 160)) * smoothstep(0.6, 0.4, q)
    tissue.recolor(mixed(color, linear(30, 24, 20), 0.8 * dots), 0.93 * dead)
    tissue.height -= 0.0015 * dead
    tissue.kill(dead)
    tissue.mark(dead, halo=halo)


def gray_leaf_spot(tissue: Tissue, blade: Blade, part: Part, amount: float = 1.0) -> None:
    """Tan rectangles between the veins of strap leaves, four to six times as long as wide."""
    rng = part("gray leaf spot")
    number = int(amount * 10 ** rng.uniform(0.9, 2.0)) + 2
    centers = scatter(
        blade, rng, number, (0.3 + 0.7 * smoothstep(-0.5, 0.6, blade.tone)) * (np.abs(blade.across) > 0.12)
    )
    if not len(centers):
        return
    radii = rng.uniform(0.006, 0.014, len(centers)) * rng.uniform(0.9, 1.3)
    field = spots(blade, centers, radii, rough=0.22, stretch=rng.uniform(4.0, 6.0), square=0.75)
    q = field.distance
    halo = smoothstep(rng.uniform(1.3, 1.9), 1.0, q)
    tissue.recolor(linear(196, 180, 84), rng.uniform(0.3, 0.7) * halo)
    tissue.yellow(0.6 * halo)
    dead = smoothstep(1.06, 0.9, q)
    tan = mixed(
        linear(212, 190, 146), linear(158, 146, 128), np.clip(rng.uniform() + 0.25 * grain_of(part, blade), 0, 1)
    )
    color = mixed(tan, linear(116, 84, 54), rng.uniform(0.2, 0.8) * smoothstep(0.65, 0.95, q))
    tissue.recolor(color, 0.92 * dead)
    tissue.height -= 0.001 * dead
    tissue.kill(dead)
    tissue.mark(dead, halo=halo)


def scab(tissue: Tissue, blade: Blade, part: Part, amount: float = 1.0) -> None:
    """Olive to black velvety blotches with feathered edges, along the veins."""
    rng = part("scab")
    number = int(amount * 10 ** rng.uniform(0.5, 1.5)) + 1
    density = 0.25 + 0.75 * smoothstep(0.05, 0.0, blade.veins.to_main)
    centers = scatter(blade, rng, number, density)
    if not len(centers):
        return
    radii = rng.uniform(0.012, 0.055, len(centers)) * rng.uniform(0.7, 1.1)
    field = spots(blade, centers, radii, rough=0.20)
    feather = 0.17 * grain(part("scab.feather"), blade.pose.size, 130) + 0.25 * blade.warp[0]
    q = field.distance + feather
    velvet = smoothstep(1.15, 0.55, q)
    color = mixed(
        linear(74, 70, 44), linear(30, 26, 22), np.clip(rng.uniform(0, 1) + 0.25 * grain_of(part, blade), 0, 1)
    )
    tissue.recolor(color, rng.uniform(0.75, 0.95) * velvet)
    pale = smoothstep(1.7, 1.1, q) * (1 - velvet)
    strength = rng.uniform(0.0, 0.4)
    tissue.recolor(linear(160, 160, 80), strength * pale)
    tissue.yellow(strength * pale)
    tissue.height += 0.002 * velvet * (1 + 0.5 * grain(part("scab.velvet"), blade.pose.size, 150))
    tissue.kill(0.7 * velvet)
    shown = smoothstep(0.30, 0.42, velvet)
    tissue.mark(shown, halo=smoothstep(1.5, 1.3, q) if strength > 0.2 else None)


def grain_of(part: Part, blade: Blade) -> np.ndarray:
    """Fine noise texture of dead tissue."""
    return grain(part("dead tissue"), blade.pose.size, 100)
