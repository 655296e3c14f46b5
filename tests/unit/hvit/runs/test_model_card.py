"""What `model.json` holds, typed."""

import pytest

from hvit.runs.model_card import ConformalRecord, DetectorRecord, ModelCard, PreprocessingRecord
from hvit.untrusted import UntrustedFileError
from tests.support.model_cards import DETECTOR, card_document, model_card

ORIGIN = {
    "architecture": "timm:test_resnet", "mean": [0.5, 0.4, 0.3], "std": [0.5, 0.25, 0.2], "source": "a web page",
    "licence": "Apache 2.0", "trained_on": "ImageNet-1k", "sha256": "0" * 64,
}  # fmt: skip
SETS = {"alpha": 0.02, "method": "lac", "threshold": {"tomato": 0.5}, "groups": "by-crop", "pooled_crops": ["apple"]}
SPECTRAL = {"kind": "bands", "names": ["red edge"], "mean": [0.5], "std": [0.2], "scale": 1.0}
FULL = card_document(
    ["Tomato___Rust"], temperature=0.8, conformal=SETS, ood=DETECTOR | {"unsure_threshold": 0.5}, spectral=SPECTRAL,
    pretrained=ORIGIN, severity={"file": "severity.safetensors", "sha256": "1" * 64, "mae": 0.1}, mood="calm",
)  # fmt: skip


def test_a_document_is_written_as_it_was_read():
    assert ModelCard.from_dict(FULL).to_dict() == FULL
    assert ModelCard.from_dict(card_document(["a"])).to_dict() == card_document(["a"])


def test_sections_are_typed_and_keep_keys_of_other_versions():
    card = ModelCard.from_dict(FULL)
    assert card.classes == ("Tomato___Rust",) and card.preprocessing == PreprocessingRecord(64, (0.5,) * 3, (0.2,) * 3)
    assert card.conformal == ConformalRecord(0.02, "lac", {"tomato": 0.5}, "by-crop", extra={"pooled_crops": ["apple"]})
    assert card.ood == DetectorRecord("knn", "rejection.npz", 0.69, "0" * 64, 0.5)
    assert card.severity["mae"] == 0.1 and card.extra == {"mood": "calm"}
    assert card.pretrained.trained_on == "ImageNet-1k" and card.spectral.names == ("red edge",)


@pytest.mark.parametrize("section", [{"file": "../x"}, {}, 5, "text", True], ids=repr)
def test_a_damaged_severity_section_is_kept_for_the_reader_of_the_head(section):
    assert model_card(["a"], severity=section).severity == section


def test_optional_parts_are_none_where_they_are_absent():
    card = model_card(["a"])
    assert (card.temperature, card.conformal, card.ood) == (None, None, None)
    assert (card.spectral, card.pretrained, card.severity) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sha256": ...}, "lacks sha256"),
        ({"pretrained": {}}, "has a damaged section pretrained"),
        ({"conformal": SETS | {"threshold": {"apple": 0.5}}}, "conformal.threshold .* one for each crop"),
        ({"preprocessing": {"img_size": 64}}, r"lacks preprocessing\.mean, preprocessing\.std"),
    ],
)
def test_a_card_that_lacks_something_or_lies_is_refused(change, expected):
    with pytest.raises(UntrustedFileError, match=expected):
        model_card(["Tomato___Rust"], **change)
