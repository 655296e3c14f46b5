"""What the Models page says of a run."""

import dataclasses
from pathlib import Path

import pytest

from app.models import words
from hvit.runs import RunInfo
from hvit.runs.snapshot import RunSnapshot
from tests.support.model_cards import DETECTOR, model_card

PHOTOS, DRAWN = {"data": {"dirs": ["photos"]}}, {"data": {"dirs": ["leafsim:v1/7/0-9"]}}


def record(classes=("Grape___Rust", "Pepper___Spot", "Tomato___Blight", "Tomato___healthy"), **changes) -> RunSnapshot:
    usual = RunSnapshot(
        name="mine", path=Path("mine"), status="done", info=RunInfo(kind="finetune"), config=PHOTOS,
        card=model_card(classes), splits=(), scored=(), has_weights=True, problem=None,
    )  # fmt: skip
    return dataclasses.replace(usual, **changes)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("hvit_tiny", "HViT-T"), ("hvit_small_conv", "HViT-S conv"), ("timm:resnet18", "resnet18"),
        ("hvit_base_dfca", "HViT-B with a spectral stream"),
    ],
)  # fmt: skip
def test_a_size_is_called_as_in_papers_and_by_its_form(name, title):
    assert words.size_name(name) == title


def test_a_backbone_names_nothing():
    backbone = record((), info=RunInfo(kind="pretrain"))
    assert words.calibration(backbone) == []
    assert words.summary_sentence(backbone, None) == "HViT-T: a backbone that learned from photos without labels."


def test_calibration_is_described_only_where_there_is_one():
    assert words.calibration(record()) == ["Probabilities are not calibrated: read them as an order, not as chances."]
    sets = {"alpha": 0.02, "method": "lac", "threshold": 0.9}
    card = model_card(["Rust"], temperature=0.641, conformal=sets, ood=DETECTOR)
    text = words.calibration(record(card=card, info=RunInfo(summary={"calibrate_n": 1059})))
    assert "on 1,059 photos of the calibration half of validation (temperature 0.64)" in text[0]
    assert "98\xa0%" in text[1] and "0.69" in text[2]


def test_the_command_is_shown_as_typed_without_resume():
    info = RunInfo(argv=("-m", "training.finetune", "--set", "data.dirs=[a b]", "--resume"))
    assert words.made_by(record(info=info)) == "python -m training.finetune --set 'data.dirs=[a b]'"
    assert words.made_by(record()) is None


def test_conditions_are_listed_by_crop_with_what_is_healthy_last():
    rows = words.condition_lists(("Tomato___healthy", "Tomato___Late_blight", "Apple___Scab"))
    assert rows == [("Apple", "Scab"), ("Tomato", "Late blight, healthy")]


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("- One\n  goes on.\n- Two", [("li", "One goes on."), ("li", "Two")]),
        ("First\nparagraph.\n\nSecond.", [("p", "First paragraph."), ("p", "Second.")]),
        (
            "- One:\n\n  | a | b |\n  |---|--:|\nAfter.",
            [("li", "One:"), ("table", "| a | b |\n|---|--:|"), ("p", "After.")],
        ),
        ("", []),
    ],
)
def test_notes_are_read_as_points_paragraphs_and_tables(text, blocks):
    assert words.notes_blocks(text) == blocks


def test_a_table_of_notes_has_cells_and_no_rule():
    assert words.table_cells("| run | top-1 |\n|---|--:|\n| `a` | 94.3 |") == [["run", "top-1"], ["`a`", "94.3"]]


@pytest.mark.parametrize(("count", "expected"), [(1, "once"), (2, "twice"), (3, "3 times")])
def test_the_number_of_test_evaluations_is_shown(count, expected):
    assert words.times_evaluated(count) == f"Test was evaluated {expected}."


def test_memory_of_weights_is_shown_in_readable_units():
    assert words.memory(5_143_896) == "21 MB" and words.memory(303_209_608) == "1.2 GB"
