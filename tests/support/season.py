"""Photos of a season at 12 megapixels: rendered leaves, turned, cropped and enlarged, so that each file differs."""

import csv
import itertools
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from hvit.data.datasets.folders import find_photos
from hvit.data.leafsim import Address, plan, render

CONDITIONS = ("Early_blight", "Rust", "healthy")
RENDER_PX = 512
LEAVES = 8  # of each condition, before they are turned
SEED = 21  # of LeafSim
SIDES = (3000, 4000)
NOISE = 4.0  # standard deviation of a pixel, of 255
PLOTS, DATES = 8, ("2026-06-20", "2026-07-04", "2026-07-18")


def write_season(folder: Path, count: int, real: Path | None = None) -> dict[str, str]:
    """Writes photos into a folder; returns the condition of each by its file name without ending.

    Args:
        real: folder with a folder of photos for each condition; every fourth photo is then copied from there.
    """
    folder.mkdir(parents=True)
    labels: dict[str, str] = {}
    leaves, copied = _rendered(), _real_photos(real) if real is not None else iter(())
    for number in range(count):
        path = next(copied, None) if number % 4 == 3 else None
        stem = f"leaf_{number:03d}"
        if path is not None:
            labels[stem] = path.parent.name
            shutil.copyfile(path, folder / f"{stem}{path.suffix.lower()}")
        else:
            labels[stem], pixels = next(leaves)
            Image.fromarray(pixels).save(folder / f"{stem}.jpg", quality=88)
    return labels


def sheet_of(labels: dict[str, str]) -> bytes:
    """The sheet of a trial with semicolons, a line for each photo."""
    lines = [
        f"{stem};{number % PLOTS};{'untreated' if number % 2 else 'copper'};{number % PLOTS // 2};"
        f"{DATES[len(DATES) * number // len(labels)]}"
        for number, stem in enumerate(labels)
    ]
    return "\n".join(["file;plot;treatment;replicate;date", *lines]).encode()


def _rendered() -> Iterator[tuple[str, np.ndarray]]:
    """Conditions in turn, with pixels (3000, 4000, 3) uint8."""
    random = np.random.default_rng(0)
    noise = random.normal(0, NOISE, (SIDES[0], SIDES[1], 1)).astype(np.int16)
    leaves = {condition: [] for condition in CONDITIONS}
    addresses = (Address.parse(f"leafsim:v1/{SEED}/{index}") for index in itertools.count())
    while any(len(own) < LEAVES for own in leaves.values()):
        address = next(addresses)
        own = leaves.get(plan(address).label(False))
        if own is not None and len(own) < LEAVES:
            own.append(render(address, RENDER_PX).picture)
    for number in itertools.count():
        condition = CONDITIONS[number % len(CONDITIONS)]
        pixels = leaves[condition][number // len(CONDITIONS) % LEAVES]
        top, left = random.integers(0, RENDER_PX // 12, 2)
        pixels = np.rot90(pixels, int(random.integers(4)))[top:, left : left + RENDER_PX * 11 // 12]
        large = cv2.resize(np.ascontiguousarray(pixels), SIDES[::-1], interpolation=cv2.INTER_CUBIC)
        shifted = np.roll(noise, int(random.integers(SIDES[0])), axis=0)
        yield condition, (large + shifted).clip(0, 255).astype(np.uint8)


def _real_photos(folder: Path) -> Iterator[Path]:
    paths = sorted(find_photos(folder))
    return (paths[i] for i in np.random.default_rng(0).permutation(len(paths)))


def labels_in(manifest: Path) -> dict[str, str]:
    """Labels of a manifest by file name without ending."""
    with open(manifest, newline="", encoding="utf-8") as file:
        return {Path(row["path"]).stem: row["label"] for row in csv.DictReader(file)}


def without_rare_labels(manifest: Path, fewest: int) -> Path:
    """Writes a manifest beside another, without classes of fewer photos: one photo alone cannot be held out."""
    with open(manifest, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    counts = Counter(row["label"] for row in rows)
    path = manifest.with_name("frequent.csv")
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(row for row in rows if counts[row["label"]] >= fewest)
    return path
