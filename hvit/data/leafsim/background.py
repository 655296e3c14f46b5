"""What lies behind the leaf: drawn without knowing species or condition, so that it can tell neither."""

from collections.abc import Callable

import cv2
import numpy as np

from hvit.data.leafsim.color import linear, mixed
from hvit.data.leafsim.draws import Draws
from hvit.data.leafsim.light import Light, shading
from hvit.data.leafsim.noise import blurred, fractal, grain, smoothstep

Part = Callable[[str], Draws]
KINDS = {"cloth": 6, "sheet": 2, "black": 1.2, "soil": 2.2, "foliage": 4.5, "hand": 1, "sky": 0.8, "wood": 1}
NEAR = ("cloth", "sheet", "soil", "wood")  # surfaces the leaf lies on, and throws a shadow on


def background(size: int, source: Light, part: Part) -> tuple[np.ndarray, bool]:
    """A scene without the leaf: linear light, (S, S, 3) float32; and whether the leaf lies on it."""
    kind = part("background").pick(list(KINDS), list(KINDS.values()))
    return _PAINTERS[kind](size, source, part).astype(np.float32), kind in NEAR


def _cloth(size: int, source: Light, part: Part) -> np.ndarray:
    """Grey to lilac paper or felt, as laboratories lay under leaves."""
    draws = part("cloth")
    grey = draws.uniform(120, 196)
    warm, lilac = draws.uniform(-8, 8), draws.uniform(0, 16)
    color = linear(grey + warm + lilac * 0.35, grey - lilac * 0.5, grey - warm + lilac)
    rough = draws.uniform(0.03, 0.16)
    fine = 0.7 * grain(part("cloth.grain"), size, 150) + 0.5 * fractal(part("cloth.fine"), size, 32, 3, 0.7)
    slow = fractal(part("cloth.slow"), size, 2, 3, 0.5)
    return color * (1 + rough * fine + 0.05 * slow)[..., None].clip(0.2, 2)


def _sheet(size: int, source: Light, part: Part) -> np.ndarray:
    """White paper with a slow gradient."""
    draws = part("sheet")
    white = draws.uniform(200, 246)
    color = linear(white, white - draws.uniform(-2, 5), white - draws.uniform(-4, 10))
    slow = fractal(part("sheet.slow"), size, 2, 2, 0.4)
    return color * (1 + 0.06 * slow + 0.008 * grain(part("sheet.grain"), size, 170))[..., None]


def _black(size: int, source: Light, part: Part) -> np.ndarray:
    """Cut out on black, or black velvet."""
    draws = part("black")
    level = linear(*[draws.uniform(0, 26)] * 3) if draws.chance(0.5) else np.zeros(3, np.float32)
    return level * (1 + 0.3 * grain(part("black.grain"), size, 170))[..., None].clip(0, 2)


def _soil(size: int, source: Light, part: Part) -> np.ndarray:
    """Crumbs and pebbles in side light."""
    draws = part("soil")
    dark, light = linear(58, 44, 34), linear(148, 116, 86)
    if draws.chance(0.4):
        light = linear(150, 138, 122)
    height = 0.02 * fractal(part("soil.height"), size, 10, 5, 0.72)
    diffuse, _ = shading(source, height, size)
    tone = fractal(part("soil.tone"), size, 6, 5, 0.7)
    ground = mixed(dark, light, np.clip(draws.uniform(0.25, 0.6) + 0.25 * tone, 0, 1))
    return blurred(ground * diffuse[..., None], draws.uniform(0, 0.006) * size)


def _wood(size: int, source: Light, part: Part) -> np.ndarray:
    """A table of boards."""
    draws = part("wood")
    dark, light = draws.pick([(linear(74, 50, 34), linear(150, 112, 78)), (linear(110, 96, 84), linear(176, 164, 148))])
    angle = draws.uniform(0, np.pi)
    down, across = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j].astype(np.float32)
    side = across * np.float32(np.sin(angle)) + down * np.float32(np.cos(angle))
    rings = np.sin((side * draws.uniform(30, 70)) + 1.2 * fractal(part("wood.bend"), size, 2, 3, 0.5))
    fine = fractal(part("wood.fine"), size, 16, 4, 0.7)
    return mixed(dark, light, np.clip(0.5 + 0.18 * rings + 0.14 * fine, 0, 1))


def _foliage(size: int, source: Light, part: Part) -> np.ndarray:
    """Leaves of some plant out of focus, with gaps of light or ground between them."""
    draws = part("foliage")
    gap = draws.pick([linear(30, 38, 24), linear(86, 70, 50), linear(196, 214, 220), linear(60, 84, 44)], [4, 2, 1, 3])
    tone = fractal(part("foliage.tone"), size, 4, 5, 0.6)
    scene = (gap * (1 + 0.35 * tone)[..., None].clip(0.1, 3)).astype(np.float32)
    tint = np.array([draws.uniform(0.8, 1.25), 1, draws.uniform(0.7, 1.2)], np.float32)
    t = np.linspace(0, np.pi, 12)
    profile = np.concatenate([np.stack([t / np.pi, np.sin(t) ** 0.8], 1), np.stack([t / np.pi, -np.sin(t)], 1)[::-1]])
    for _ in range(draws.count(14, 30)):
        middle, length = draws.uniform(-0.1, 1.1, 2) * size, draws.uniform(0.25, 0.7) * size
        angle, width = draws.uniform(0, 2 * np.pi), draws.uniform(0.12, 0.32)
        c, s = np.cos(angle) * length, np.sin(angle) * length
        ring = (profile - [0.5, 0]) * [1, width]
        ring = middle + ring @ np.array([[c, s], [-s, c]])
        brightness = draws.uniform(0.25, 1.5)
        color = mixed(linear(40, 66, 34), linear(126, 156, 84), draws.uniform()) * tint * brightness
        cv2.fillPoly(scene, [np.round(ring).astype(np.int32)], color.tolist())
        if draws.chance(0.7):
            ends = np.round(middle + np.array([[-0.45, 0], [0.45, 0]]) @ np.array([[c, s], [-s, c]])).astype(int)
            lighter = mixed(color, linear(180, 200, 150), 0.25)
            cv2.line(scene, ends[0].tolist(), ends[1].tolist(), lighter.tolist(), max(1, size // 110))
    scene *= (1 + 0.18 * tone)[..., None].clip(0.2, 2)
    near = blurred(scene, draws.uniform(0.004, 0.02) * size)
    far = blurred(scene, draws.uniform(0.03, 0.06) * size)
    return mixed(near, far, smoothstep(-0.6, 0.8, fractal(part("foliage.depth"), size, 2, 2, 0.5)))


def _hand(size: int, source: Light, part: Part) -> np.ndarray:
    """Fingers under the leaf, in front of plants or ground."""
    behind = _foliage(size, source, part) if part("hand").chance(0.6) else _soil(size, source, part)
    draws = part("hand.fingers")
    skin = mixed(linear(88, 56, 42), linear(226, 178, 150), draws.uniform())
    down, across = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j].astype(np.float32)
    angle, start = draws.uniform(0, 2 * np.pi), draws.uniform(-0.1, 0.1, 2)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = (across - np.float32(0.5 + start[0])) * c + (down - np.float32(0.5 + start[1])) * s
    side = (down - np.float32(0.5 + start[1])) * c - (across - np.float32(0.5 + start[0])) * s
    width = draws.uniform(0.09, 0.15)
    scene = blurred(behind, 0.01 * size)
    for finger in range(draws.count(1, 4)):
        middle = (finger - 1.0) * 2.05 * width + draws.uniform(-0.02, 0.02)
        reach = draws.uniform(0.0, 0.25)
        off = np.sqrt((side - np.float32(middle)) ** 2 + np.maximum(along - np.float32(reach), 0) ** 2)
        round_ = np.sqrt(np.maximum(1 - (off / np.float32(width)) ** 2, 0))
        cover = smoothstep(1.0, 0.93, off / np.float32(width))
        scene = mixed(scene, skin * (0.35 + 0.65 * round_)[..., None], cover)
    return scene * (1 + 0.02 * grain(part("hand.grain"), size, 120))[..., None]


def _sky(size: int, source: Light, part: Part) -> np.ndarray:
    """Bright sky with clouds, and twigs out of focus."""
    draws = part("sky")
    cloud = fractal(part("sky.clouds"), size, 2, 5, 0.5)
    scene = mixed(linear(140, 178, 220), linear(238, 240, 242), np.clip(draws.uniform(0.1, 0.9) + 0.3 * cloud, 0, 1))
    scene = np.ascontiguousarray(scene, dtype=np.float32)
    for _ in range(draws.count(0, 6)):
        ends = (draws.uniform(-0.2, 1.2, (2, 2)) * size).astype(int)
        color = mixed(linear(60, 50, 36), linear(90, 110, 60), draws.uniform())
        cv2.line(
            scene, ends[0].tolist(), ends[1].tolist(), color.tolist(), max(1, int(draws.uniform(0.01, 0.05) * size))
        )
    return blurred(scene, draws.uniform(0.01, 0.03) * size)


_PAINTERS = {
    "cloth": _cloth,
    "sheet": _sheet,
    "black": _black,
    "soil": _soil,
    "wood": _wood,
    "foliage": _foliage,
    "hand": _hand,
    "sky": _sky,
}
