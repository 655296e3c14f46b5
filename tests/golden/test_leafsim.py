"""LeafSim version 1 draws the same leaves on every machine and with every version of its libraries.

The thumbnails were drawn with numpy 2 and OpenCV 4 on x86-64. A difference means that pixels have changed, and with
them every run that names `leafsim:v1`: then the version must go up.
"""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from hvit.data.leafsim import Address, render

GOLDEN = json.loads((Path(__file__).parent / "leafsim_v1.json").read_text())
TOLERANCE = 2.0  # of 255: what rounding, and another JPEG library, may do to a thumbnail


def _thumbnail(address: Address) -> np.ndarray:
    return cv2.resize(render(address, 96).picture, (8, 8), interpolation=cv2.INTER_AREA).astype(float)


def _rmse(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.sqrt(((first - second) ** 2).mean()))


@pytest.mark.parametrize("name", GOLDEN)
def test_a_leaf_looks_as_it_did_when_version_1_was_fixed(name):
    expected = np.array(GOLDEN[name]["thumbnail"], dtype=float).reshape(8, 8, 3)
    leaf = render(Address.parse(name), 96)
    assert _rmse(_thumbnail(leaf.address), expected) < TOLERANCE
    assert leaf.severity == pytest.approx(GOLDEN[name]["severity"], abs=0.01)
    assert leaf.plan.condition == GOLDEN[name]["condition"] and leaf.plan.species == GOLDEN[name]["species"]


def test_the_tolerance_separates_different_leaves():
    thumbnails = [np.array(row["thumbnail"], dtype=float).reshape(8, 8, 3) for row in GOLDEN.values()]
    for i, first in enumerate(thumbnails):
        assert all(_rmse(first, other) > 10 * TOLERANCE for other in thumbnails[:i])
