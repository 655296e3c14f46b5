"""Venation: main veins as tapering lines, and a Voronoi network of fine veins."""

from dataclasses import dataclass

import cv2
import numpy as np

from hvit.data.leafsim.noise import blurred
from hvit.data.leafsim.outline import LOBE_ANGLES, PALMATE_BASE, STRAP_REACH, Outline
from hvit.data.leafsim.pose import Pose
from hvit.data.leafsim.random_stream import RandomStream
from hvit.data.leafsim.species import Species

Vein = tuple[np.ndarray, float, float]  # points in leaf coordinates (N, 2), width at the start and at the end
FRACTION_BITS = 4  # cv2 draws at sixteenths of a pixel
MIDRIB = 0.011  # width at the base, in leaf lengths
CELLS = (26, 60)  # fields of the coarse and fine net along one leaf length


@dataclass(frozen=True)
class Veins:
    """Venation as fields of the picture, each (S, S) float32.

    Attributes:
        main: midrib and secondary veins, 0 to 1.
        net: the fine net, 0 to 1.
        to_main: distance to the nearest main vein, in leaf lengths.
        field: a random number for each small field between veins, 0 to 1, for mosaics.
    """

    main: np.ndarray
    net: np.ndarray
    to_main: np.ndarray
    field: np.ndarray


def veins(species: Species, shape: Outline, pose: Pose, x: np.ndarray, y: np.ndarray, rng: RandomStream) -> Veins:
    """Renders the venation of a leaf; `x` and `y` are the leaf coordinates of the pixels."""
    lines = {"blade": _pinnate, "palmate": _palmate, "strap": _midrib_alone}[species.outline](species, shape, rng)
    canvas = np.zeros((pose.size, pose.size), np.uint8)
    for points, start, end in sorted(lines, key=lambda line: line[1]):
        _draw_tapering(canvas, pose, points, start, end)
    main = canvas.astype(np.float32) / 255
    distance = cv2.distanceTransform((canvas < 96).astype(np.uint8), cv2.DIST_L2, 3)
    to_main = distance / np.float32(pose.length)
    if species.outline == "strap":
        lanes = y * np.float32(species.pairs / species.width)
        net = 0.5 + 0.5 * np.cos(np.float32(2 * np.pi) * lanes)
        coarse, edges = _net(rng, pose, CELLS[0], x * 0.25, y)
        net = np.maximum(net**3, 0.5 * edges)
        to_main = np.minimum(to_main, np.abs(lanes - np.round(lanes)) * np.float32(species.width / species.pairs))
        return Veins(main, net, to_main, coarse)
    coarse, coarse_edges = _net(rng, pose, CELLS[0], x, y)
    _, fine_edges = _net(rng, pose, CELLS[1], x, y)
    net = np.maximum(coarse_edges, 0.6 * fine_edges)
    return Veins(main, blurred(net, 0.0022 * pose.length), to_main, coarse)


def _pinnate(species: Species, shape: Outline, rng: RandomStream) -> list[Vein]:
    """Midrib and pairs of secondaries that curve to the tip and end near the margin."""
    lines = [(_line([0.0, 1.0], [0.0, 0.0]), MIDRIB, 0.2 * MIDRIB)]
    number = species.pairs + rng.count(-1, 1)
    cot = 1 / np.tan(np.radians(species.angle + rng.uniform(-6, 6)))
    for side in (1, -1):
        for start in (np.arange(number) + 0.35 + rng.uniform(-0.2, 0.2, number)) / (number + 0.6) * 0.92:
            lines.append((_secondary(shape, start, side, cot), 0.45 * MIDRIB, 0.12 * MIDRIB))
    return lines


def _secondary(shape: Outline, start: float, side: int, cot: float) -> np.ndarray:
    t = np.linspace(0, 1, 14)
    width = np.interp(start, shape.x, shape.half_width)
    reach = 0.0
    for _ in range(3):  # where it ends depends on how wide the blade is there
        reach = min(0.985 - start, cot * width)
        width = 0.94 * np.interp(start + reach, shape.x, shape.half_width)
    return np.stack([start + reach * (0.75 * t + 0.25 * t**3), side * width * t ** (0.92)], 1)


def _palmate(species: Species, shape: Outline, rng: RandomStream) -> list[Vein]:
    """One main vein into each lobe, with secondaries of its own."""
    lines = []
    cot = 1 / np.tan(np.radians(species.angle))
    for angle, reach in zip(LOBE_ANGLES, shape.lobes):
        direction = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-direction[1], direction[0]])
        base = np.array([PALMATE_BASE, 0.0])
        lines.append((base + np.linspace(0, 0.96 * reach, 12)[:, None] * direction, 0.8 * MIDRIB, 0.2 * MIDRIB))
        for side in (1, -1):
            for start in (np.arange(species.pairs) + 0.6 + rng.uniform(-0.2, 0.2, species.pairs)) / 5.0:
                t = np.linspace(0, 1, 10)[:, None]
                far = 0.30 * reach * (1 - 0.7 * start)
                along = (start * reach + far * cot * t) * direction
                lines.append((base + along + side * far * t * across, 0.38 * MIDRIB, 0.1 * MIDRIB))
    return lines


def _midrib_alone(species: Species, shape: Outline, rng: RandomStream) -> list[Vein]:
    reach = STRAP_REACH
    thickness = 0.11 * species.width
    return [(_line([-reach, 1 + reach], [0.0, 0.0]), 1.2 * thickness, 0.5 * thickness)]


def _line(x: list[float], y: list[float]) -> np.ndarray:
    t = np.linspace(0, 1, 40)
    return np.stack([x[0] + (x[1] - x[0]) * t, y[0] + (y[1] - y[0]) * t], 1)


def _draw_tapering(canvas: np.ndarray, pose: Pose, points: np.ndarray, start: float, end: float) -> None:
    """Draws a polyline whose width changes from `start` to `end` (leaf lengths), as a thin polygon."""
    path = pose.to_picture(points)
    along = np.gradient(path, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
    half = np.linspace(start, end, len(path))[:, None] * pose.length / 2
    strength = 255 * min(1.0, 0.25 + float(half.mean()) * 1.2)  # a line finer than a pixel is fainter
    half = np.maximum(half, 0.4)
    ring = np.concatenate([path + half * normal, (path - half * normal)[::-1]])
    fixed = np.round((ring - 0.5) * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], strength, lineType=cv2.LINE_AA, shift=FRACTION_BITS)


def _net(rng: RandomStream, pose: Pose, cells: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Voronoi cells in leaf coordinates: a random number per cell, and the edges between cells, (S, S)."""
    side = cells * 6  # the map covers x in [-0.15, 1.15], y in [-0.65, 0.65]
    number = int(1.3 * cells)
    jitter = rng.uniform(-0.45, 0.45, (number, number, 2))
    spots = (np.stack([*np.mgrid[:number, :number]], -1) + 0.5 + jitter) * (side / number)
    rows, columns = np.clip(spots.astype(int), 0, side - 1).reshape(-1, 2).T
    seeds = np.ones((side, side), np.uint8)
    seeds[rows, columns] = 0
    _, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    value = rng.uniform(size=int(labels.max()) + 1).astype(np.float32)[labels]
    edges = np.zeros((side, side), np.float32)
    edges[:, 1:] = labels[:, 1:] != labels[:, :-1]
    edges[1:] = np.maximum(edges[1:], labels[1:] != labels[:-1])
    edges = cv2.GaussianBlur(edges, (0, 0), 0.7) * 1.5
    across, down = (x + 0.15) * np.float32(side / 1.3) - 0.5, (y + 0.65) * np.float32(side / 1.3) - 0.5
    border = cv2.BORDER_REFLECT_101
    return (
        cv2.remap(cv2.GaussianBlur(value, (0, 0), 0.9), across, down, cv2.INTER_LINEAR, borderMode=border),
        np.minimum(1, cv2.remap(edges, across, down, cv2.INTER_LINEAR, borderMode=border)),
    )
