"""Reader of the tell-apart cards. A file holds `sources` by key and `conditions` by class: docs/conditions.md."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from hvit.data.conditions.cards import Condition, Fact, LookAlike, Pathogen, Source
from hvit.untrusted import UntrustedFileError, read_yaml

FOLDER = Path(__file__).parent
T = TypeVar("T")


class ConditionError(ValueError):
    """A file of cards that is not of the format; the message names the file and the place."""


@cache
def read_conditions(folder: Path = FOLDER) -> Mapping[str, Condition]:
    """The cards of a folder of YAML files, by class name.

    Raises:
        ConditionError: a file is damaged or not of the format, a class has two cards, or a look-alike that is written
            as a class name has none.
    """
    cards: dict[str, Condition] = {}
    for path in sorted(folder.glob("*.yaml")):
        for card in read_file(path):
            if card.label in cards:
                raise ConditionError(f"{path.name}: {card.label} has a card already; keep one")
            cards[card.label] = card
    for card in cards.values():
        for look_alike in card.look_alikes:
            if "___" in look_alike.of and look_alike.of not in cards:
                raise ConditionError(f"{card.label}: its look-alike {look_alike.of} has no card; write it in words")
    return cards


def condition_of(label: str) -> Condition | None:
    """The card of a class; None of a class that has none, such as those of drawn leaves.

    >>> condition_of("Tomato___Late_blight").name.text
    'late blight'
    """
    return read_conditions().get(label)


def read_file(path: Path) -> list[Condition]:
    """The cards of one file.

    Raises:
        ConditionError: it is damaged or not of the format.
    """
    try:
        value = read_yaml(path)
    except UntrustedFileError as error:
        raise ConditionError(f"{path.name} {error}") from None
    fields = _fields(value, ("sources", "conditions"), path.name)
    sources = {
        key: _source(entry, f"{path.name}, source {key}")
        for key, entry in _mapping(fields["sources"], f"{path.name}, sources").items()
    }
    conditions = _mapping(fields["conditions"], f"{path.name}, conditions")
    return [_Entry(sources, f"{path.name}, {label}").condition(label, entry) for label, entry in conditions.items()]


class _Entry:
    """Reads the entry of one class; `place` begins every error."""

    def __init__(self, sources: Mapping[str, Source], place: str):
        self.sources, self.place = sources, place

    def condition(self, label: str, entry: Any) -> Condition:
        names = ("reviewed", "name", "pathogens", "signs", "look_alikes", "check_next")
        fields = _fields(entry, names, self.place)
        if not isinstance(fields["reviewed"], bool):
            raise ConditionError(f"{self.place}, reviewed: expected true or false, found {fields['reviewed']!r:.40}")
        return Condition(
            label,
            fields["reviewed"],
            None if fields["name"] is None else self.fact(fields["name"], "name"),
            self.each(fields["pathogens"], "pathogens", self.pathogen),
            self.each(fields["signs"], "signs", self.fact),
            self.each(fields["look_alikes"], "look_alikes", self.look_alike),
            self.each(fields["check_next"], "check_next", self.fact),
        )

    def each(self, value: Any, name: str, read: Callable[[Any, str], T]) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise ConditionError(f"{self.place}, {name}: expected a list, found {value!r:.40}; write [] for none")
        return tuple(read(entry, f"{name} {number}") for number, entry in enumerate(value, 1))

    def fact(self, value: Any, name: str) -> Fact:
        place = f"{self.place}, {name}"
        fields = _fields(value, ("text", "source"), place)
        keys = fields["source"] if isinstance(fields["source"], list) else [fields["source"]]
        if not keys:
            raise ConditionError(f"{place}: has no source; leave out what was not read")
        if unknown := [key for key in keys if not isinstance(key, str) or key not in self.sources]:
            raise ConditionError(f"{place}: source {unknown[0]!r} is not among the sources of the file")
        return Fact(_text(fields["text"], f"{place}, text"), tuple(self.sources[key] for key in keys))

    def pathogen(self, value: Any, name: str) -> Pathogen:
        fields = _fields(value, ("name", "eppo_code"), f"{self.place}, {name}")
        code = fields["eppo_code"]
        return Pathogen(
            self.fact(fields["name"], f"{name}, name"),
            None if code is None else self.fact(code, f"{name}, eppo_code"),
        )

    def look_alike(self, value: Any, name: str) -> LookAlike:
        fields = _fields(value, ("of", "tell"), f"{self.place}, {name}")
        of = _text(fields["of"], f"{self.place}, {name}, of")
        return LookAlike(of, self.fact(fields["tell"], f"{name}, tell"))


def _source(value: Any, place: str) -> Source:
    fields = _fields(value, ("title", "address"), place)
    title, address = (_text(fields[name], f"{place}, {name}") for name in ("title", "address"))
    if not address.startswith(("https://", "http://")):
        raise ConditionError(f"{place}, address: expected a URL, found {address!r:.60}")
    return Source(title, address)


def _mapping(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ConditionError(f"{place}: expected names with values, found {value!r:.40}")
    return value


def _fields(value: Any, names: tuple[str, ...], place: str) -> dict[str, Any]:
    """A mapping that holds exactly these names."""
    fields = _mapping(value, place)
    if missing := [name for name in names if name not in fields]:
        raise ConditionError(f"{place}: lacks {missing[0]}; write null or [] for what was not read")
    if unknown := [name for name in fields if name not in names]:
        raise ConditionError(f"{place}: unknown field {unknown[0]!r}; expected {', '.join(names)}")
    return fields


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConditionError(f"{place}: expected text, found {value!r:.40}")
    return value
