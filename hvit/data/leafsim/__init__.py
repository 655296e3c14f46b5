"""LeafSim: a procedural renderer of leaves and their diseases, with exact masks.

`render(Address(seed=7, index=42))` returns a `RenderedLeaf`; start reading at `leaf.py`.
"""

from hvit.data.leafsim.address import SCHEME, VERSION, Address, AddressError, Span
from hvit.data.leafsim.bands import BANDS
from hvit.data.leafsim.leaf import RenderedLeaf, render
from hvit.data.leafsim.plan import CONDITIONS, EARLY_STRESS, Plan, plan

__all__ = [
    "BANDS",
    "CONDITIONS",
    "EARLY_STRESS",
    "SCHEME",
    "VERSION",
    "Address",
    "AddressError",
    "RenderedLeaf",
    "Plan",
    "Span",
    "render",
    "plan",
]
