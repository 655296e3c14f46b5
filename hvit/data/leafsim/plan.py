"""Species and condition of a leaf, sampled before rendering, so that labels of a million leaves are cheap."""

from dataclasses import dataclass

from hvit.data.leafsim.address import Address
from hvit.data.leafsim.random_stream import RandomStream

HEALTHY = "healthy"
EARLY_STRESS = "Early_stress"  # the class of healthy-looking leaves under stress, where bands are at hand to see it

STRAP = ("maize", "rice")
# Weights of the species. Strap leaves occur with every condition, so that shape is no cue to the class.
SPECIES = {
    "tomato": 3,
    "potato": 3,
    "pepper": 1,
    "apple": 2,
    "grape": 2,
    "peach": 1,
    "coffee": 2,
    "maize": 3,
    "rice": 1,
}
HOSTS = {"Gray_leaf_spot": STRAP}
CONDITIONS = (
    "Bacterial_spot",
    "Early_blight",
    "Gray_leaf_spot",
    "Interveinal_chlorosis",
    "Late_blight",
    "Leaf_miner",
    "Leaf_scorch",
    "Mosaic_virus",
    "Powdery_mildew",
    "Rust",
    "Scab",
    "Septoria_leaf_spot",
    "Spider_mites",
    HEALTHY,
)
COMPANIONS = ("Bacterial_spot", "Leaf_miner", "Rust", "Septoria_leaf_spot")  # what a mixed infection adds
P_MIXED = 0.17  # of leaves that can have one: every tenth of all
P_STRESS = 0.5  # of healthy-looking leaves
HEALTHY_WEIGHT = 2.0  # about half of the healthy-looking leaves are under stress


@dataclass(frozen=True)
class Plan:
    """Species and condition of a leaf.

    Attributes:
        species: whose leaf it is modelled on.
        condition: class of the leaf as a color photo can show it.
        companion: a second, smaller infection, or None.
        stressed: whether patches of it are under early stress, which only the bands beyond red can show.
    """

    species: str
    condition: str
    companion: str | None
    stressed: bool

    def label(self, bands: bool = False) -> str:
        """The class; with `bands`, healthy-looking leaves under stress are a class of their own."""
        return EARLY_STRESS if bands and self.stressed and self.condition == HEALTHY else self.condition


def plan(address: Address) -> Plan:
    """Samples species and condition of the leaf of an address.

    >>> plan(Address(seed=7, index=42)).condition in CONDITIONS
    True
    """
    rng = RandomStream(address, "plan")
    condition = rng.pick(CONDITIONS, [HEALTHY_WEIGHT if name == HEALTHY else 1.0 for name in CONDITIONS])
    hosts = HOSTS[condition] if condition in HOSTS else tuple(SPECIES)
    species = rng.pick(hosts, [SPECIES[name] for name in hosts])
    stressed = rng.chance(P_STRESS)
    mixed = rng.chance(P_MIXED) and condition not in (HEALTHY, *COMPANIONS)
    return Plan(species, condition, rng.pick(COMPANIONS) if mixed else None, stressed)
