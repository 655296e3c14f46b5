"""The run that a segmentation head stands on."""

from types import SimpleNamespace

import pytest

from hvit.models import create_model
from training.config import ConfigError, SegmentConfig
from training.segmentation import parent_run

CLASSES = ("Potato___Early_blight", "Tomato___healthy")


def loaded(monkeypatch, model, classes=CLASSES, crops=None):
    """Loads a parent whose checkpoint has this model and these classes."""
    run = SimpleNamespace(model=model, name="leaves", classes=classes)
    monkeypatch.setattr(parent_run, "find_run", lambda name: SimpleNamespace(path=name))
    monkeypatch.setattr(parent_run, "load_checkpoint", lambda path, device: run)
    return parent_run.load_parent(SegmentConfig(init="leaves", data={"dirs": ["leaves"], "crops": crops or {}}))


@pytest.fixture(scope="module")
def hvit():
    return create_model("hvit_tiny", num_classes=2, img_size=64)


@pytest.mark.parametrize("crop", ["Tomato", "potato", "*"])
def test_a_crop_of_the_run_is_taken_in_any_case(monkeypatch, hvit, crop):
    assert loaded(monkeypatch, hvit, crops={"mine": crop}).name == "leaves"


@pytest.mark.parametrize(
    ("crop", "hint"), [("Tomatto", "did you mean tomato[?]"), ("Coffee", "it knows potato, tomato")]
)
def test_another_crop_is_named_with_the_nearest_one(monkeypatch, hvit, crop, hint):
    with pytest.raises(ConfigError, match=f"'{crop}' of mine is no crop of run leaves; {hint}"):
        loaded(monkeypatch, hvit, crops={"mine": crop})


def test_a_baseline_cannot_carry_a_head(monkeypatch):
    with pytest.raises(ConfigError, match="is a baseline without a feature pyramid"):
        loaded(monkeypatch, object())


def test_a_pretrained_backbone_without_classes_cannot_carry_a_head(monkeypatch, hvit):
    with pytest.raises(ConfigError, match="names no classes, so it cannot diagnose"):
        loaded(monkeypatch, hvit, classes=())
