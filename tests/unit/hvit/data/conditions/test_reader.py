"""Files of cards: what is read, and what is refused with which words."""

import copy

import pytest
import yaml

from hvit.data.conditions import Condition, ConditionError, Fact, LookAlike, Pathogen, Source, read_conditions
from hvit.data.conditions.reader import read_file

SOURCE = Source("Rusts", "https://example.org/rusts")
ENTRY = {
    "reviewed": False,
    "name": {"text": "rust", "source": "rusts"},
    "pathogens": [
        {"name": {"text": "Puccinia", "source": "rusts"}, "eppo_code": {"text": "1PUCCG", "source": "rusts"}}
    ],
    "signs": [{"text": "Pustules.", "source": ["rusts"]}],
    "look_alikes": [{"of": "soil", "tell": {"text": "Soil washes off.", "source": "rusts"}}],
    "check_next": [],
}
FILE = {
    "sources": {"rusts": {"title": "Rusts", "address": "https://example.org/rusts"}},
    "conditions": {"A___Rust": ENTRY},
}


@pytest.fixture
def file():
    return copy.deepcopy(FILE)


def written(folder, value, name="a.yaml"):
    path = folder / name
    path.write_text(value if isinstance(value, str) else yaml.safe_dump(value), encoding="utf-8")
    return path


def test_a_card_is_read_with_the_source_of_each_fact(tmp_path, file):
    def fact(text):
        return Fact(text, (SOURCE,))

    assert read_file(written(tmp_path, file)) == [
        Condition(
            "A___Rust", False, fact("rust"), (Pathogen(fact("Puccinia"), fact("1PUCCG")),), (fact("Pustules."),),
            (LookAlike("soil", fact("Soil washes off.")),), (),
        )
    ]  # fmt: skip


def test_what_was_not_read_is_none_or_empty(tmp_path, file):
    file["conditions"]["A___Rust"] |= {"name": None, "pathogens": [], "signs": [], "look_alikes": []}
    card = read_file(written(tmp_path, file))[0]
    assert card.is_empty
    assert card.sources() == []


def test_the_sources_of_a_card_are_each_listed_once(tmp_path, file):
    assert read_file(written(tmp_path, file))[0].sources() == [SOURCE]


def entry(file):
    return file["conditions"]["A___Rust"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.pop("sources"), "a.yaml: lacks sources"),
        (lambda f: f.update(more=1), "a.yaml: unknown field 'more'; expected sources, conditions"),
        (lambda f: entry(f).pop("signs"), "a.yaml, A___Rust: lacks signs; write null or [] for what was not read"),
        (lambda f: entry(f).update(cure="x"), "a.yaml, A___Rust: unknown field 'cure'"),
        (lambda f: entry(f).update(reviewed="no"), "a.yaml, A___Rust, reviewed: expected true or false, found 'no'"),
        (lambda f: entry(f).update(signs=None), "a.yaml, A___Rust, signs: expected a list, found None"),
        (lambda f: entry(f)["name"].update(source=[]), "a.yaml, A___Rust, name: has no source; leave out"),
        (lambda f: entry(f)["name"].update(source="book"), "A___Rust, name: source 'book' is not among the sources"),
        (lambda f: entry(f)["name"].update(source=[["rusts"]]), "name: source ['rusts'] is not among the sources"),
        (lambda f: entry(f)["name"].update(text=" "), "a.yaml, A___Rust, name, text: expected text, found ' '"),
        (lambda f: entry(f)["signs"][0].pop("text"), "a.yaml, A___Rust, signs 1: lacks text"),
        (lambda f: f["sources"]["rusts"].update(address="p. 12"), "rusts, address: expected a URL, found 'p. 12'"),
        (lambda f: f.update(conditions=[1]), "a.yaml, conditions: expected names with values, found [1]"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_of_the_format_is_refused_with_the_place(tmp_path, file, change, words):
    change(file)
    with pytest.raises(ConditionError, match="^.*$") as caught:
        read_file(written(tmp_path, file))
    assert words in str(caught.value)


def test_a_file_that_is_no_yaml_is_refused(tmp_path):
    with pytest.raises(ConditionError, match="a.yaml is damaged"):
        read_file(written(tmp_path, "sources: {"))


def test_a_class_with_two_cards_is_refused(tmp_path, file):
    written(tmp_path, file)
    written(tmp_path, file, "b.yaml")
    with pytest.raises(ConditionError, match="b.yaml: A___Rust has a card already; keep one"):
        read_conditions(tmp_path)


def test_a_look_alike_written_as_a_class_needs_a_card(tmp_path, file):
    entry(file)["look_alikes"][0]["of"] = "A___Scab"
    written(tmp_path, file)
    with pytest.raises(ConditionError, match="A___Rust: its look-alike A___Scab has no card; write it in words"):
        read_conditions(tmp_path)
