"""Writes a data set of rendered leaves: images, masks, bands and ground truth."""

import csv
import difflib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hvit.data.datasets.reading import RENDER_PX, DataError
from hvit.data.leafsim import BANDS, CONDITIONS, EARLY_STRESS, VERSION, Address, RenderedLeaf, plan, render
from hvit.data.leafsim.address import MOST_LEAVES
from hvit.data.leafsim.leaf import MAX_SIZE
from hvit.data.photo_limits import MIN_SIDE_PX
from hvit.processes import run_in_order

BACKGROUND, LEAF, SYMPTOM, HALO, STRESS = range(5)  # values of a mask, as documented in README
TRUTH = "truth.csv"
COLUMNS = (
    "path",
    "address",
    "split",
    "class",
    "species",
    "condition",
    "companion",
    "severity",
    "halo_fraction",
    "leaf_fraction",
    "stress_fraction",
    "mask",
    "bands",
)
README = """# {num_leaves} drawn leaves

Drawn by LeafSim v{version}, a part of HViT (MIT license). These are not photographs.{again}
- `train`, `val`, `test`: a folder a class, PNG of {size} x {size} px. Only the pixels tell the class.
- `masks`: PNG, a number a pixel: 0 background, 1 leaf, 2 symptom, 3 halo (the discolored rim of a symptom), 4 early
  stress. Pictures do not show early stress, the bands do: to learn from pictures alone, take 4 as 1.
{cubes}- `truth.csv`: what each leaf shows. `severity` is the share of 2 and 3 in the leaf, which is all that is not 0;
  `halo_fraction` that of 3, `stress_fraction` that of 4; `leaf_fraction` is the share of the leaf in the picture.
  `condition` is the larger infection, `companion` a smaller one beside it.
"""


def find_leaves(seed: int, num_leaves: int, conditions: Sequence[str] = (), bands: bool = False) -> list[Address]:
    """Addresses of the first leaves of a seed, or of the first leaves of some classes.

    Args:
        conditions: classes to keep; empty for all.
        bands: label leaves by their bands, with Early_stress as a class.
    Raises:
        DataError: a condition is unknown, or there are more leaves than a data set may have.
    """
    if num_leaves > MOST_LEAVES:
        raise DataError(f"--n {num_leaves} leaves are more than a data set may have: {MOST_LEAVES:,}")
    known = [*CONDITIONS, EARLY_STRESS] if bands else list(CONDITIONS)
    for name in conditions:
        if name not in known:
            raise DataError(_unknown_condition(name, known))
    addresses: Iterator[Address] = (Address(seed, index) for index in count())
    if conditions:
        wanted = set(conditions)
        addresses = (address for address in addresses if plan(address).label(bands) in wanted)
    return list(islice(addresses, num_leaves))


def _unknown_condition(name: str, known: list[str]) -> str:
    if name == EARLY_STRESS:
        return f"{name} shows in the bands alone; add --bands"
    near = difflib.get_close_matches(name.lower(), [other.lower() for other in known], 1, cutoff=0.4)
    hints = [f"did you mean {other}?" for other in known if [other.lower()] == near]
    return f"no condition {name!r}; {hints[0] if hints else 'known: ' + ', '.join(known)}"


def synthesize(
    out: Path,
    addresses: Sequence[Address],
    size: int = RENDER_PX,
    bands: bool = False,
    command: str = "",
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """Renders leaves into a new folder, atomically.

    File properties carry no information about the class: all images are PNG of one size, named by index, without
    metadata. Camera and JPEG artifacts are in the pixels.

    Args:
        out: folder to make; it may exist where it is empty.
        size: side of the pictures in pixels, 64 to 1024.
        bands: write the reflectance bands too, and name the classes by them.
        command: that makes the same data set again, for its README.
        workers: number of processes; the files do not depend on it.
        progress: called with the leaves rendered and their number.
    Returns:
        The rows of truth.csv, by index.
    Raises:
        DataError: `out` is not empty, or not a folder, or `size` is out of range.
    """
    if not MIN_SIDE_PX <= size <= MAX_SIZE:
        raise DataError(f"cannot write pictures of {size} px; expected {MIN_SIDE_PX} to {MAX_SIZE}")
    out = Path(out).resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is there already and not an empty folder; choose another")
    partial_out = out.with_name(f".{out.name}.{os.getpid()}.partial")
    partial_out.mkdir(parents=True)
    try:
        rows = []
        calls = [partial(_write_leaf, partial_out, address, size, bands) for address in addresses]
        for row_of in run_in_order(calls, workers):
            rows.append(row_of())
            progress(len(rows), len(addresses))
        _write_truth(partial_out / TRUTH, rows)
        (partial_out / "README.md").write_text(_readme(len(rows), size, bands, command), encoding="utf-8")
        if out.exists():
            out.rmdir()  # it is empty; on Windows nothing can be renamed to it
        partial_out.rename(out)
    finally:
        shutil.rmtree(partial_out, ignore_errors=True)
    return rows


def _write_leaf(folder: Path, address: Address, size: int, bands: bool) -> dict[str, Any]:
    """Writes the files of one leaf; returns its row of truth.csv."""
    leaf = render(address, size, bands)
    label, name = leaf.plan.label(bands), f"{address.index:06d}"
    picture, mask = f"{address.split}/{label}/{name}.png", f"masks/{name}.png"
    _write_png(folder / picture, leaf.picture)
    values = mask_of(leaf)
    _write_png(folder / mask, values)
    cube = ""
    if leaf.bands is not None:
        cube = f"bands/{name}.npy"
        (folder / "bands").mkdir(exist_ok=True)
        np.save(folder / cube, leaf.bands)
    leaf_px = int((values != BACKGROUND).sum())
    return {
        "path": picture,
        "address": str(address),
        "split": address.split,
        "class": label,
        "species": leaf.plan.species,
        "condition": leaf.plan.condition,
        "companion": leaf.plan.companion or "",
        "severity": float(leaf.severity),
        "halo_fraction": int((values == HALO).sum()) / leaf_px,
        "leaf_fraction": leaf_px / values.size,
        "stress_fraction": int((values == STRESS).sum()) / leaf_px,
        "mask": mask,
        "bands": cube,
    }


def mask_of(leaf: RenderedLeaf) -> np.ndarray:
    """Segmentation mask, (S, S) uint8: background, leaf, symptom, halo or stress."""
    values = np.full(leaf.leaf_mask.shape, BACKGROUND, np.uint8)
    values[leaf.leaf_mask] = LEAF
    values[leaf.leaf_mask & leaf.stress_mask] = STRESS
    values[leaf.symptom_mask] = SYMPTOM
    values[leaf.halo_mask] = HALO
    return values


def _write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _write_truth(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _readme(num_leaves: int, size: int, bands: bool, command: str) -> str:
    again = f" Made by, and made again by:\n\n    {command}\n" if command else "\n"
    cubes = f"- `bands`: reflectance, float32 (5, {size}, {size}): {', '.join(BANDS)}.\n" if bands else ""
    return README.format(num_leaves=num_leaves, version=VERSION, again=again, size=size, cubes=cubes)
