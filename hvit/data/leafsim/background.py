"""Backgrounds, independent of species and condition, so that they carry no information about the class."""

import cv2
import numpy as np

from hvit.data.leafsim.color import linear, mixed
from hvit.data.leafsim.light import Light, shading
from hvit.data.leafsim.noise import blurred, fractal, grain, smoothstep
from hvit.data.leafsim.random_stream import Part, RandomStream

KINDS = {"cloth": 6, "sheet": 2, "black": 1.2, "soil": 2.2, "foliage": 4.5, "hand": 1, "sky": 0.8, "wood": 1}
NEAR = ("cloth", "sheet", "soil", "wood")  # surfaces the leaf lies on, and throws a shadow on


def background(size: int, source: Light, part: Part) -> tuple[np.ndarray, bool]:
    """A scene without the leaf: linear light, (3, S, S) float32; and whether the leaf lies on it."""
    kind = part("background").pick(list(KINDS), list(KINDS.values()))
    return _PAINTERS[kind](size, source, part).astype(np.float32), kind in NEAR


def _cloth(size: int, source: Light, part: Part) -> np.ndarray:
    """Grey to lilac paper or felt, as laboratories lay under leaves."""
    rng = part("cloth")
    grey, lilac, warm = rng.uniform(118, 190), rng.uniform(0, 14), rng.uniform(-5, 5)
    color = linear(grey + warm + 0.4 * lilac, grey - 0.5 * lilac, grey - warm + lilac)
    rough = rng.uniform(0.03, 0.17)
    fine = 0.8 * grain(part("cloth.grain"), size, 150) + 0.5 * fractal(part("cloth.fine"), size, 32, 3, 0.7)
    slow = fractal(part("cloth.slow"), size, 2, 3, 0.5)
    cloth: np.ndarray = color * (1 + rough * fine + 0.06 * slow).clip(0.2, 2)
    return cloth


def _sheet(size: int, source: Light, part: Part) -> np.ndarray:
    """White paper with a slow gradient."""
    rng = part("sheet")
    white = rng.uniform(200, 246)
    color = linear(white, white - rng.uniform(-2, 5), white - rng.uniform(-4, 10))
    slow = fractal(part("sheet.slow"), size, 2, 2, 0.4)
    return color * (1 + 0.06 * slow + 0.008 * grain(part("sheet.grain"), size, 170))


def _black(size: int, source: Light, part: Part) -> np.ndarray:
    """Cut out on black, or black velvet."""
    rng = part("black")
    level = linear(*[rng.uniform(0, 26) if rng.chance(0.5) else 0.0] * 3)
    black: np.ndarray = level * (1 + 0.3 * grain(part("black.grain"), size, 170)).clip(0, 2)
    return black


def _soil(size: int, source: Light, part: Part) -> np.ndarray:
    """Crumbs, straw and pebbles in side light."""
    rng = part("soil")
    dark = mixed(linear(44, 34, 27), linear(78, 66, 56), rng.uniform())
    pale = mixed(linear(136, 104, 76), linear(158, 148, 134), rng.uniform())
    height = 0.016 * fractal(part("soil.height"), size, rng.count(5, 20), 5, rng.uniform(0.6, 0.85))
    diffuse, _ = shading(source, height, size)
    tone = fractal(part("soil.tone"), size, 4, 6, 0.8)
    crumbs = smoothstep(0.9, 1.5, grain(part("soil.crumbs"), size, rng.count(30, 70)))
    ground = mixed(dark, pale, np.clip(rng.uniform(0.25, 0.6) + 0.24 * tone, 0, 1))
    ground = mixed(ground, pale * np.float32(1.2), rng.uniform(0, 0.7) * crumbs) * diffuse
    scene = cv2.merge(list(ground))
    for _ in range(rng.count(0, 14)):
        _stalk(scene, rng, mixed(linear(120, 96, 66), linear(206, 186, 140), rng.uniform()), 0.004)
    return _planes(blurred(scene, rng.uniform(0, 0.008) * size))


def _wood(size: int, source: Light, part: Part) -> np.ndarray:
    """A table: fine fibers along one direction, and the gap between two boards."""
    rng = part("wood")
    dark, pale = rng.pick([(linear(84, 58, 40), linear(150, 114, 82)), (linear(120, 108, 96), linear(176, 166, 152))])
    turned = rng.uniform(0, np.pi)
    down, across = np.mgrid[-0.5 : 0.5 : size * 1j, -0.5 : 0.5 : size * 1j].astype(np.float32)
    side = across * np.float32(np.sin(turned)) + down * np.float32(np.cos(turned))
    along = across * np.float32(np.cos(turned)) - down * np.float32(np.sin(turned))
    fibers = part("wood.fibers").normal((160, 12))
    fibers = cv2.GaussianBlur(fibers, (0, 0), 0.7) + 0.8 * cv2.resize(fibers[:40], (12, 160))
    warped = side + 0.01 * fractal(part("wood.bend"), size, 2, 3, 0.5)
    lines = cv2.remap(fibers, along * 8 + 6, warped * 110 + 80, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    gap = smoothstep(0.004, 0.010, np.abs(side - np.float32(rng.uniform(-0.6, 0.6))))
    return mixed(dark, pale, np.clip(0.5 + 0.16 * lines, 0, 1)) * (0.3 + 0.7 * gap)


def _foliage(size: int, source: Light, part: Part) -> np.ndarray:
    """Leaves of some plant out of focus, with gaps of light or ground between them."""
    rng = part("foliage")
    gap = rng.pick([linear(30, 38, 24), linear(86, 70, 50), linear(196, 214, 220), linear(60, 84, 44)], [4, 2, 1, 3])
    tone = fractal(part("foliage.tone"), size, 4, 5, 0.6)
    scene = cv2.merge(list((gap * (1 + 0.35 * tone).clip(0.1, 3)).astype(np.float32)))
    tint = np.array([rng.uniform(0.8, 1.25), 1, rng.uniform(0.7, 1.2)], np.float32).reshape(3, 1, 1)
    t = np.linspace(0, np.pi, 12)
    profile = np.concatenate([np.stack([t / np.pi, np.sin(t) ** 0.8], 1), np.stack([t / np.pi, -np.sin(t)], 1)[::-1]])
    for _ in range(rng.count(14, 30)):
        middle, length = rng.uniform(-0.1, 1.1, 2) * size, rng.uniform(0.25, 0.7) * size
        angle, width = rng.uniform(0, 2 * np.pi), rng.uniform(0.12, 0.32)
        c, s = np.cos(angle) * length, np.sin(angle) * length
        ring = (profile - [0.5, 0]) * [1, width]
        ring = middle + ring @ np.array([[c, s], [-s, c]])
        brightness = rng.uniform(0.25, 1.5)
        color = mixed(linear(40, 66, 34), linear(126, 156, 84), rng.uniform()) * tint * brightness
        cv2.fillPoly(scene, [np.round(ring).astype(np.int32)], color.ravel().tolist())
        if rng.chance(0.7):
            ends = np.round(middle + np.array([[-0.45, 0], [0.45, 0]]) @ np.array([[c, s], [-s, c]])).astype(int)
            lighter = mixed(color, linear(180, 200, 150), 0.25)
            cv2.line(scene, ends[0].tolist(), ends[1].tolist(), lighter.ravel().tolist(), max(1, size // 110))
    scene *= cv2.merge([(1 + 0.18 * tone).clip(0.2, 2)] * 3)
    near = _planes(blurred(scene, rng.uniform(0.004, 0.02) * size))
    far = _planes(blurred(scene, rng.uniform(0.03, 0.06) * size))
    return mixed(near, far, smoothstep(-0.6, 0.8, fractal(part("foliage.depth"), size, 2, 2, 0.5)))


def _hand(size: int, source: Light, part: Part) -> np.ndarray:
    """Fingers under the leaf, in front of plants or ground."""
    behind = _foliage(size, source, part) if part("hand").chance(0.6) else _soil(size, source, part)
    rng = part("hand.fingers")
    skin = mixed(linear(88, 56, 42), linear(226, 178, 150), rng.uniform())
    down, across = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j].astype(np.float32)
    angle, start = rng.uniform(0, 2 * np.pi), rng.uniform(-0.1, 0.1, 2)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = (across - np.float32(0.5 + start[0])) * c + (down - np.float32(0.5 + start[1])) * s
    side = (down - np.float32(0.5 + start[1])) * c - (across - np.float32(0.5 + start[0])) * s
    width = rng.uniform(0.09, 0.15)
    scene = _planes(blurred(cv2.merge(list(behind)), 0.01 * size))
    for finger in range(rng.count(1, 4)):
        middle = (finger - 1.0) * 2.05 * width + rng.uniform(-0.02, 0.02)
        reach = rng.uniform(0.0, 0.25)
        off = np.sqrt((side - np.float32(middle)) ** 2 + np.maximum(along - np.float32(reach), 0) ** 2)
        round_ = np.sqrt(np.maximum(1 - (off / np.float32(width)) ** 2, 0))
        cover = smoothstep(1.0, 0.93, off / np.float32(width))
        scene = mixed(scene, skin * (0.35 + 0.65 * round_), cover)
    return scene * (1 + 0.02 * grain(part("hand.grain"), size, 120))


def _sky(size: int, source: Light, part: Part) -> np.ndarray:
    """Bright sky with clouds, and twigs out of focus."""
    rng = part("sky")
    cloud = fractal(part("sky.clouds"), size, 2, 5, 0.5)
    scene = mixed(linear(140, 178, 220), linear(238, 240, 242), np.clip(rng.uniform(0.1, 0.9) + 0.3 * cloud, 0, 1))
    scene = cv2.merge(list(scene))
    for _ in range(rng.count(0, 6)):
        _stalk(scene, rng, mixed(linear(60, 50, 36), linear(90, 110, 60), rng.uniform()), 0.02)
    return _planes(blurred(scene, rng.uniform(0.01, 0.03) * size))


def _stalk(scene: np.ndarray, rng: RandomStream, color: np.ndarray, width: float) -> None:
    """A straight piece of stalk or straw somewhere, drawn into (S, S, 3)."""
    size = scene.shape[0]
    start, angle, length = rng.uniform(-0.1, 1.1, 2), rng.uniform(0, 2 * np.pi), rng.uniform(10, 40) * width
    end = start + length * np.array([np.cos(angle), np.sin(angle)])
    first, last = ((point * size).astype(int).tolist() for point in (start, end))
    cv2.line(scene, first, last, color.ravel().tolist(), max(1, round(rng.uniform(0.6, 1.6) * width * size)))


def _planes(scene: np.ndarray) -> np.ndarray:
    """(S, S, 3) as cv2 has it -> (3, S, S) as light is mixed."""
    return np.stack(cv2.split(scene))


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
