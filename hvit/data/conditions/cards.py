"""A tell-apart card: names, signs and look-alikes of the condition of a class."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A page that was read.

    Attributes:
        title: of the page, with who published it.
        address: URL.
    """

    title: str
    address: str


@dataclass(frozen=True)
class Fact:
    """A statement in the project's own words, with the pages it was read in, at least one."""

    text: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Pathogen:
    """What causes a condition: a fungus, bacterium, virus, insect or mite.

    Attributes:
        name: accepted scientific name.
        eppo_code: None where none was read.
    """

    name: Fact
    eppo_code: Fact | None


@dataclass(frozen=True)
class LookAlike:
    """Something that is taken for the condition.

    Attributes:
        of: class name that has a card, or plain text.
        tell: how to tell it from the condition.
    """

    of: str
    tell: Fact


@dataclass(frozen=True)
class Condition:
    """The card of a class. What could not be read is None or empty.

    Attributes:
        label: class name, `Crop___Condition`.
        reviewed: a plant pathologist has checked it.
        name: accepted name of the disease or damage.
        pathogens: several where each of them causes it; empty where no organism does.
        signs: what to see on the leaf.
        look_alikes: what else it may be.
        check_next: what to look at to be surer.
    """

    label: str
    reviewed: bool
    name: Fact | None
    pathogens: tuple[Pathogen, ...]
    signs: tuple[Fact, ...]
    look_alikes: tuple[LookAlike, ...]
    check_next: tuple[Fact, ...]

    @property
    def is_empty(self) -> bool:
        """Nothing was read about it, as about healthy leaves."""
        return not any(self.facts())

    def facts(self) -> Iterator[Fact]:
        """All facts of the card in reading order."""
        yield from [self.name] if self.name else []
        for pathogen in self.pathogens:
            yield from [pathogen.name] + ([pathogen.eppo_code] if pathogen.eppo_code else [])
        yield from self.signs
        yield from (look_alike.tell for look_alike in self.look_alikes)
        yield from self.check_next

    def sources(self) -> list[Source]:
        """The pages of all facts, each once, in the order in which the card first needs them."""
        return list(dict.fromkeys(source for fact in self.facts() for source in fact.sources))
