"""What a drawn leaf will show, decided before anything is drawn: cheap to know for a million leaves."""

from dataclasses import dataclass

from hvit.data.leafsim.address import Address
from hvit.data.leafsim.random_stream import RandomStream

HEALTHY = "healthy"
EARLY_STRESS = "Early_stress"  # the class of healthy-looking leaves under stress, where bands are at hand to see it

STRAP = ("maize", "rice")
# Shares of the leaf shapes. Strap leaves are drawn in every condition, so that shape alone does not tell it.
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
    """What a leaf will show.

    Attributes:
        species: whose leaf it is modelled on.
        condition: class of the leaf as a color photo can show it.
        companion: a second, smaller infection that is drawn beside it, or None.
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
    """What the leaf of this address will show."""
    draws = RandomStream(address, "plan")
    condition = draws.pick(CONDITIONS, [HEALTHY_WEIGHT if name == HEALTHY else 1.0 for name in CONDITIONS])
    hosts = HOSTS[condition] if condition in HOSTS else tuple(SPECIES)
    species = draws.pick(hosts, [SPECIES[name] for name in hosts])
    stressed = draws.chance(P_STRESS)
    mixed = draws.chance(P_MIXED) and condition not in (HEALTHY, *COMPANIONS)
    return Plan(species, condition, draws.pick(COMPANIONS) if mixed else None, stressed)
