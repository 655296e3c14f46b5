"""Rendered leaves for the training of raters, with areas from none to nearly all of the leaf."""

from __future__ import annotations

import secrets

import numpy as np
import streamlit as st

from app.photos.rendered_leaves import SIDE_PX
from hvit.data.leafsim import Address, render
from hvit.data.leafsim.plan import plan

SEED = 7  # no shipped run learned from any of these leaves
MOST_LEAVES = 10_000
UNSEEN = ("Early_stress", "Mosaic_virus")  # conditions without an outline that a rater could see


def first_leaf() -> int:
    """Number of a leaf at random: who reloads the page, and has seen the truth of some leaves, gets others."""
    return secrets.randbelow(MOST_LEAVES)


def next_address(number: int) -> str:
    """Address of the leaf of this number, from 0; only conditions with visible outlines."""
    index = 37 * number
    while plan(Address(SEED, index)).condition in UNSEEN:
        index += 1
    return str(Address(SEED, index))


@st.cache_data(max_entries=32, show_spinner=False)
def rendered(address: str) -> np.ndarray:
    """Renders the leaf, (S, S, 3) uint8."""
    return render(Address.parse(address), SIDE_PX).picture
