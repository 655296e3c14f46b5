"""The segmentation head of a run on disk: what fits is read, and all else is one sentence."""

import pytest
import torch

from hvit.models.segmentation import SegmentationHead
from hvit.severity.estimator import SeverityEstimator
from hvit.severity.intervals import AreaIntervals
from hvit.severity.storage import FILE, SeverityHeadError, read_head, severity_record, write_head

DIMS = [8, 8, 16, 16]
WEIGHTS = "a" * 64


@pytest.fixture
def stored(tmp_path):
    """A run folder with a head, and its record."""
    torch.manual_seed(0)
    head = SegmentationHead(DIMS, 8, 8)
    sha256 = write_head(tmp_path, head)
    estimator = SeverityEstimator(head, 0.45, {"Coffee": AreaIntervals((), (0.1,), (50,))}, {"Coffee": 0.01}, sha256)
    return tmp_path, severity_record(estimator, {"dim": 8, "detail_dim": 8}, WEIGHTS), head


def test_a_head_is_read_back_as_it_was_written_in_half_precision(stored):
    folder, record, head = stored
    read = read_head(folder, record, DIMS, WEIGHTS)
    for name, value in read.head.state_dict().items():
        assert torch.equal(value, head.state_dict()[name].half().float())
    assert (read.symptom_threshold, read.least_measurable) == (0.45, {"Coffee": 0.01})
    assert read.intervals["Coffee"].n == (50,)


def test_a_head_of_other_weights_is_refused(stored):
    folder, record, _ = stored
    with pytest.raises(SeverityHeadError, match="trained on other weights"):
        read_head(folder, record, DIMS, "b" * 64)


def test_a_head_for_another_backbone_is_refused(stored):
    folder, record, _ = stored
    with pytest.raises(SeverityHeadError, match="does not fit its backbone"):
        read_head(folder, record, [4, 8, 16, 16], WEIGHTS)


def test_a_missing_file_is_named(stored):
    folder, record, _ = stored
    (folder / FILE).unlink()
    with pytest.raises(SeverityHeadError, match="not in this copy"):
        read_head(folder, record, DIMS, WEIGHTS)


def test_a_changed_file_is_refused(stored):
    folder, record, _ = stored
    data = bytearray((folder / FILE).read_bytes())
    data[-1] ^= 1
    (folder / FILE).write_bytes(data)
    with pytest.raises(SeverityHeadError, match="changed or damaged"):
        read_head(folder, record, DIMS, WEIGHTS)


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../model.safetensors"},
        {"sha256": 3},
        {"head": {"dim": 10**9, "detail_dim": 8}},
        {"symptom_threshold": 2},
        {"intervals": {"Coffee": {"edges": [], "half_widths": [9], "n": [1]}}},
        {"least_measurable": {}},
        {"intervals": {}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_damaged_record_is_one_sentence(stored, change):
    folder, record, _ = stored
    with pytest.raises(SeverityHeadError, match="is damaged: model.json"):
        read_head(folder, record | change, DIMS, WEIGHTS)


def test_a_record_that_lacks_a_key_is_refused(stored):
    folder, record, _ = stored
    del record["symptom_threshold"]
    with pytest.raises(SeverityHeadError, match="lacks symptom_threshold"):
        read_head(folder, record, DIMS, WEIGHTS)
