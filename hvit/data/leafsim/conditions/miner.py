"""Renders galleries of leaf miners."""

import cv2
import numpy as np

from hvit.data.leafsim.blade import Blade
from hvit.data.leafsim.color import linear, mixed
from hvit.data.leafsim.conditions.spots import scatter
from hvit.data.leafsim.noise import blurred, grain, smoothstep
from hvit.data.leafsim.random_stream import Part, RandomStream
from hvit.data.leafsim.tissue import Tissue
from hvit.data.leafsim.veins import FRACTION_BITS

STEP = 0.010  # of the larva, in leaf lengths
NARROW, WIDE = 0.004, 0.022


def leaf_miner(tissue: Tissue, blade: Blade, part: Part, amount: float = 1.0) -> None:
    """Pale winding galleries that widen as the larva grows, with a dark line of frass; some end in a brown blotch."""
    rng = part("miner")
    size, length = blade.pose.size, blade.pose.length
    gallery, frass = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
    number = max(1, int(amount * rng.count(1, 6)))
    for start in scatter(blade, rng, number, (np.abs(blade.across) > 0.2).astype(np.float32)):
        path = blade.pose.to_picture(_larva_path(blade, start, rng))
        grown = np.linspace(NARROW, rng.uniform(0.5, 1.0) * WIDE, len(path)) * length
        for i in range(len(path) - 1):
            _stroke(gallery, path[i], path[i + 1], grown[i])
            if i % 3:
                _stroke(frass, path[i], path[i + 1], max(1.0, 0.22 * grown[i]))
        if rng.chance(0.45):
            _blotch(gallery, path[-1], rng.uniform(0.02, 0.06) * length, rng)
    wiggle = 0.25 * WIDE * length
    down, across = np.mgrid[0:size, 0:size].astype(np.float32)
    mine = cv2.remap(
        gallery, across + wiggle * 0.4 * blade.warp[0], down + wiggle * 0.4 * blade.warp[1], cv2.INTER_LINEAR
    )
    mine = blurred(mine.astype(np.float32) / 255, 0.002 * length)
    dark = blurred(frass.astype(np.float32) / 255, 0.002 * length)
    brown = np.clip(rng.uniform(-0.2, 1.1) + 0.3 * blade.warp[0] * 0.4, 0, 1)
    color = mixed(linear(204, 198, 158), linear(126, 90, 56), brown)
    color = color * (1 + 0.08 * grain(part("miner.grain"), size, 110))
    rim = smoothstep(0.05, 0.5, blurred(mine, 0.006 * length)) * (1 - mine)
    tissue.recolor(linear(170, 170, 84), 0.5 * rim)
    tissue.yellow(0.4 * rim)
    tissue.recolor(color, 0.88 * mine)
    tissue.recolor(linear(62, 48, 32), 0.75 * dark * smoothstep(0.3, 0.8, mine))
    tissue.height += 0.0015 * mine
    tissue.kill(mine)
    tissue.mark(mine, halo=smoothstep(0.35, 0.6, rim))


def _larva_path(blade: Blade, start: np.ndarray, rng: RandomStream) -> np.ndarray:
    """Random path of a larva in leaf coordinates, (N, 2): smooth turns, away from midrib and margin."""
    steps = rng.count(18, 70)
    turns = 0.45 * rng.normal(steps)
    point, heading = start.copy(), rng.uniform(0, 2 * np.pi)
    path, side = [point.copy()], np.sign(start[1])
    for turn in turns:
        heading += float(turn)
        ahead = point + STEP * np.array([np.cos(heading), np.sin(heading)])
        row, column = blade.at(ahead[None])[:, 0]
        if blade.to_margin[row, column] < 0.02 or ahead[1] * side < 0.02:
            heading += 2.2
            continue
        point = ahead
        path.append(point.copy())
    return np.array(path) if len(path) > 1 else np.array([start, start + [STEP, 0]])


def _stroke(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, width: float) -> None:
    ends = np.round((np.stack([start, end]) - 0.5) * (1 << FRACTION_BITS)).astype(int)
    cv2.line(canvas, ends[0].tolist(), ends[1].tolist(), 255, max(1, round(width)), cv2.LINE_AA, FRACTION_BITS)


def _blotch(canvas: np.ndarray, middle: np.ndarray, radius: float, rng: RandomStream) -> None:
    angle = np.linspace(0, 2 * np.pi, 36)
    wobble = 1 + 0.25 * np.sin(2 * angle + rng.uniform(0, 6)) + 0.15 * np.sin(5 * angle + rng.uniform(0, 6))
    ring = middle + radius * wobble[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    cv2.fillPoly(canvas, [np.round(ring).astype(np.int32)], 255, cv2.LINE_AA)
