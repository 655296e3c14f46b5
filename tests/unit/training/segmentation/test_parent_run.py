"""The run that a segmentation head stands on."""

from types import SimpleNamespace

import pytest
import torch

from hvit.models import create_model
from hvit.models.segmentation import SegmentationHead
from hvit.severity.storage import MAX_BYTES
from training.config import ConfigError, SegmentConfig
from training.config.model import SegmentationHeadConfig
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


def test_the_largest_head_of_a_configuration_can_be_read_back():
    with torch.device("meta"):
        dims = create_model("hvit_large", num_classes=2, img_size=64).stage_dims()
        head = SegmentationHead(dims, **SegmentationHeadConfig(dim=256, detail_dim=128).model_dump())
    assert 2 * sum(p.numel() for p in head.parameters()) + 10_000 < MAX_BYTES  # in half precision, with a header


@pytest.mark.parametrize("change", [{"dim": 257}, {"detail_dim": 130}], ids=str)
def test_a_head_too_large_to_be_read_back_is_refused_before_training(change):
    with pytest.raises(ValueError, match="less than or equal"):
        SegmentationHeadConfig(**change)
