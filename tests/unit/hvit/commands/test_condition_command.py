"""`hvit condition` prints the card of a class."""

import json

import pytest

from hvit.__main__ import main


def test_a_card_is_printed_with_numbered_sources(capsys):
    assert main(["condition", "Potato___Late_blight"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("late blight [1]\n")
    assert "Phytophthora infestans [2]" in text
    assert "Not reviewed by a plant pathologist." in text
    assert "  [1] Late blight in potato, North Dakota State University\n      https://ndsu.edu" in text


def test_a_condition_may_be_written_as_it_is_spoken(capsys):
    assert main(["condition", "potato: LATE blight"]) == 0
    assert "late blight" in capsys.readouterr().out


def test_a_card_is_printed_as_json(capsys):
    assert main(["condition", "Rice___Blast", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["label"] == "Rice___Blast"
    assert card["name"]["sources"][0]["address"].startswith("http")


def test_an_unknown_name_is_refused_with_the_closest(capsys):
    assert main(["condition", "Potato___Late_blite"]) == 2
    text = capsys.readouterr().err
    assert "there is no card of 'Potato___Late_blite'; did you mean Potato___Late_blight?" in text


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("late blight", "did you mean Potato___Late_blight or Tomato___Late_blight?"),
        ("banana", "python -m hvit card"),
        ("", "python -m hvit card"),
    ],
)
def test_an_unknown_name_is_answered_with_what_there_is(name, hint, capsys):
    assert main(["condition", name]) == 2
    assert hint in capsys.readouterr().err


def test_a_healthy_class_has_nothing_to_print(capsys):
    assert main(["condition", "Potato___healthy"]) == 0
    assert "no signs of a disease" in capsys.readouterr().out
