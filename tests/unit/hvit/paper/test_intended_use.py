"""What a run can be used for and what not."""

from pathlib import Path

from hvit.paper.intended_use import intended_uses, out_of_scope_uses
from hvit.runs import RunInfo
from hvit.runs.snapshot import RunSnapshot
from tests.support.model_cards import model_card

PHOTOS, DRAWN = {"data": {"dirs": ["photos"]}}, {"data": {"dirs": ["leafsim:v1/7/0-9"]}}
CLASSES = ("Grape___Rust", "Pepper___Spot", "Tomato___Blight", "Tomato___healthy")


def record(classes=CLASSES, config=PHOTOS, kind="finetune") -> RunSnapshot:
    return RunSnapshot(
        name="mine", path=Path("mine"), status="done", info=RunInfo(kind=kind), config=config,
        card=model_card(classes), splits=(), scored=(), has_weights=True, problem=None,
    )  # fmt: skip


def test_out_of_scope_uses_follow_from_the_classes_of_a_run():
    description = " ".join(out_of_scope_uses(record()))
    assert "Healthy leaves of grape and pepper: it never saw one" in description
    assert "Telling conditions of grape and pepper apart: it knows one." in description
    assert "not a plant pathologist's" in description and "Photos of real leaves" not in description
    assert "How severe a disease is: it has no segmentation head." in description


def test_a_run_is_meant_for_its_crops():
    assert intended_uses(record()) == ["A first opinion on photos of single leaves of grape, pepper and tomato."]


def test_a_run_of_rendered_leaves_is_not_for_photos():
    drawn = record(("Rust", "healthy"), DRAWN)
    assert "Photos of real leaves: it never saw one." in out_of_scope_uses(drawn)
    assert "without photos" in intended_uses(drawn)[0]


def test_a_backbone_names_nothing():
    backbone = record((), kind="pretrain")
    assert out_of_scope_uses(backbone) == [] and "by itself it names nothing" in intended_uses(backbone)[0]
