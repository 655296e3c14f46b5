"""The segmentation head of a run on disk: what fits is read, and all else is one sentence."""

import hashlib
import json
import os
import shutil
import struct

import pytest
import torch
from safetensors.torch import load, save

from hvit.diagnosis import diagnose
from hvit.models.segmentation import SegmentationHead
from hvit.runs.checkpoint import load_checkpoint
from hvit.severity.estimator import SeverityEstimator
from hvit.severity.intervals import AreaIntervals
from hvit.severity.storage import FILE, SeverityHeadError, read_head, severity_record, write_head
from tests.support.color_heads import spotted_leaf

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
        {"head": {"dim": 8, "detail_dim": 9}},
        {"head": {"dim": 8}},
        {"symptom_threshold": 2},
        {"symptom_threshold": 0},
        {"intervals": {"Coffee": {"edges": [], "half_widths": [9], "n": [1]}}},
        {"intervals": {"Coffee": {"edges": [], "half_widths": [-0.1], "n": [1]}}},
        {"intervals": {"Coffee": {"edges": [], "half_widths": [True], "n": [1]}}},
        {"intervals": {"Coffee": {"edges": [], "half_widths": [0.1], "n": ["many"]}}},
        {"intervals": {"Coffee": {"edges": "", "half_widths": [0.1], "n": [1]}}},
        {"intervals": {"Coffee": {"edges": [0.2, 0.1], "half_widths": [0.1] * 3, "n": [9] * 3}}},
        {"intervals": {"Coffee": {"edges": [], "half_widths": [0.1]}}},
        {"least_measurable": {}},
        {"least_measurable": {"Coffee": -0.1}},
        {"intervals": {}},
    ],
    ids=str,
)
def test_a_damaged_record_is_one_sentence(stored, change):
    folder, record, _ = stored
    with pytest.raises(SeverityHeadError, match="is damaged: severity of model.json"):
        read_head(folder, record | change, DIMS, WEIGHTS)


def test_a_record_that_lacks_a_key_is_refused(stored):
    folder, record, _ = stored
    del record["symptom_threshold"]
    with pytest.raises(SeverityHeadError, match="lacks symptom_threshold"):
        read_head(folder, record, DIMS, WEIGHTS)


@pytest.mark.parametrize("record", [5, "severity.safetensors", [1], True, {}], ids=repr)
def test_a_section_that_is_no_record_is_one_sentence(stored, record):
    with pytest.raises(SeverityHeadError, match="is damaged: severity of model.json"):
        read_head(stored[0], record, DIMS, WEIGHTS)


def test_two_groups_whose_names_differ_in_case_alone_are_refused(stored):
    folder, record, _ = stored
    twice = {"coffee": 0.0, "Coffee": 0.1}
    intervals = dict.fromkeys(twice, record["intervals"]["Coffee"])
    with pytest.raises(SeverityHeadError, match="names a group twice"):
        read_head(folder, record | {"intervals": intervals, "least_measurable": twice}, DIMS, WEIGHTS)


def forged(folder, record, data: bytes) -> dict:
    """Puts other bytes in place of the weights, and their hash into the record."""
    (folder / FILE).write_bytes(data)
    return record | {"sha256": hashlib.sha256(data).hexdigest()}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda v: torch.full_like(v, float("nan")), "no finite numbers"),
        (lambda v: torch.full_like(v, float("inf")), "no finite numbers"),
        (lambda v: v.long(), "no finite numbers"),
        (lambda v: v.bool(), "header does not describe"),
        (lambda v: v.to(torch.complex64), "header does not describe"),
        (lambda v: v.to(torch.float8_e4m3fn), "header does not describe"),
        (lambda v: v[:1].clone(), "does not fit"),
    ],
    ids=["nan", "inf", "int64", "bool", "complex", "float8", "shapes"],
)
def test_weights_that_are_no_numbers_of_the_head_are_refused(stored, change, expected):
    folder, record, _ = stored
    tensors = {name: change(value) for name, value in load((folder / FILE).read_bytes()).items()}
    with pytest.raises(SeverityHeadError, match=expected):
        read_head(folder, forged(folder, record, save(tensors)), DIMS, WEIGHTS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-100],
        lambda data: b"",
        lambda data: struct.pack("<Q", 2**31) + data[8:],
        lambda data: data.replace(b'"F16"', b'"F4" '),
    ],
    ids=["truncated", "empty", "header of 2 GB", "type that PyTorch lacks"],
)
def test_a_file_with_another_header_is_refused(stored, damage):
    folder, record, _ = stored
    with pytest.raises(SeverityHeadError, match=f"{FILE} is damaged"):
        read_head(folder, forged(folder, record, damage((folder / FILE).read_bytes())), DIMS, WEIGHTS)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_refused(stored, make):
    folder, record, _ = stored
    (folder / FILE).unlink()
    make(folder / FILE)
    with pytest.raises(SeverityHeadError, match="cannot be read: it is a"):
        read_head(folder, record, DIMS, WEIGHTS)


@pytest.mark.parametrize("section", [5, {"file": "../x"}, {"file": FILE, "sha256": 3}], ids=repr)
def test_a_run_with_a_damaged_section_still_diagnoses(tiny_run, tmp_path, section):
    run = tmp_path / "tiny"
    shutil.copytree(tiny_run, run)
    card = json.loads((run / "model.json").read_text())
    (run / "model.json").write_text(json.dumps(card | {"severity": section}))
    found = diagnose(load_checkpoint(run), spotted_leaf())
    assert found.verdict != "unreadable" and found.severity is None
    assert "the severity head of run tiny is damaged" in found.severity_reason
