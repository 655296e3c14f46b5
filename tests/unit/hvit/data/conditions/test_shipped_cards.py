"""The cards that ship: complete over the classes of the default run, and every fact with its source."""

import json
from pathlib import Path

import pytest

from hvit.data.classes import crop_of, is_healthy
from hvit.data.conditions import condition_of, read_conditions
from hvit.data.conditions.reader import FOLDER

ROOT = Path(__file__).resolve().parents[5]
CLASSES = json.loads((ROOT / "runs" / "leaf45-tiny" / "model.json").read_text())["classes"]
# No remedies: a card helps to tell conditions apart.
REMEDIES = ("spray with", "apply", "fungicide", "insecticide", "prune", "remove the", "destroy", "dose")


@pytest.mark.parametrize("label", CLASSES)
def test_every_class_of_the_default_run_has_a_card(label):
    assert condition_of(label) is not None


@pytest.mark.parametrize("label", CLASSES)
def test_a_healthy_class_has_an_empty_card_and_a_disease_a_filled_one(label):
    assert condition_of(label).is_empty == is_healthy(label)


def test_a_card_lies_in_the_file_of_its_crop():
    for path in FOLDER.glob("*.yaml"):
        labels = [label for label in read_conditions() if f"\n  {label}:" in path.read_text(encoding="utf-8")]
        assert labels
        assert {crop_of(label) for label in labels} == {path.stem}


def test_every_disease_has_three_signs_and_something_to_check():
    for card in read_conditions().values():
        if not card.is_empty:
            assert card.name is not None
            assert len(card.signs) == 3
            assert card.check_next


def test_every_source_has_its_own_address_and_is_used():
    for path in FOLDER.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        head, _, body = text.partition("\nconditions:")
        for key in [line.split(":")[0].strip() for line in head.splitlines()[1:] if line.strip()]:
            assert key in body, f"{path.name}: {key} is not used"


def test_no_card_claims_a_review_or_advises_a_treatment():
    for card in read_conditions().values():
        assert not card.reviewed
        for fact in card.facts():
            assert not any(word in fact.text.lower() for word in REMEDIES), fact.text


def test_eppo_codes_are_six_capitals_or_digits():
    codes = [p.eppo_code.text for card in read_conditions().values() for p in card.pathogens if p.eppo_code]
    assert codes
    assert all(len(code) == 6 and code.isalnum() and code == code.upper() for code in codes)


def test_a_page_has_the_same_title_and_a_pathogen_the_same_code_on_all_cards():
    cards = read_conditions().values()
    pages = {source for card in cards for source in card.sources()}
    assert len(pages) == len({page.address for page in pages})
    coded = {(p.name.text, p.eppo_code and p.eppo_code.text) for card in cards for p in card.pathogens}
    assert len(coded) == len({name for name, _ in coded})
