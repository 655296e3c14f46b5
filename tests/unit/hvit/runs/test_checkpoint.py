import json
import shutil
from dataclasses import replace

import pytest
import torch

from hvit.runs import Run
from hvit.runs.checkpoint import CheckpointError, load_checkpoint
from hvit.runs.model_card import ConformalRecord
from hvit.runs.saving import save_calibration


@pytest.fixture
def run(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "copy")


def test_a_loaded_model_is_the_float16_rounded_one(tiny_run):
    from hvit.models import create_model

    torch.manual_seed(0)
    original = create_model("hvit_tiny", num_classes=3, img_size=64).eval()
    original.head.weight.data.mul_(20)
    loaded = load_checkpoint(tiny_run)
    for ours, theirs in zip(original.parameters(), loaded.model.parameters()):
        assert torch.equal(ours.half().float(), theirs)
    assert loaded.temperature == 1.5 and loaded.ood.threshold == 2.0 and not loaded.model.training


@pytest.mark.parametrize("name", ["model.safetensors", "rejection.npz"])
def test_one_flipped_bit_is_refused(run, name):
    data = bytearray((run / name).read_bytes())
    data[-100] ^= 1
    (run / name).write_bytes(data)
    with pytest.raises(CheckpointError, match=f"{name} of run copy was changed or damaged"):
        load_checkpoint(run)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("model.safetensors", "not in this copy"),
        ("model.json", "cannot predict"),
        ("rejection.npz", "out-of-distribution detector"),
    ],
)
def test_a_missing_file_is_named(run, name, expected):
    (run / name).unlink()
    with pytest.raises(CheckpointError, match=expected):
        load_checkpoint(run)


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda card: card.pop("temperature"), "lacks temperature"),
        (lambda card: card.update(schema_version=99), "another version"),
        (lambda card: card.update(architecture="hvit_huge"), "no model 'hvit_huge'"),
        (lambda card: card.update(classes=["a"]), "names 1 classes for a model with 3"),
        (lambda card: card["arguments"].update(embed_dims=[64, 128, 256, 512]), "do not fit hvit_tiny"),
        (lambda card: card["arguments"].update(colour=1), "no argument colour"),
        (lambda card: card["ood"].pop("threshold"), r"lacks ood\.threshold"),
        (lambda card: card.update(conformal={"alpha": 0.1}), r"lacks conformal\.method, conformal\.threshold"),
        (lambda card: card["ood"].update(file="../rejection.npz"), "rejection.npz"),
        (lambda card: card["ood"].update(method="oracle"), "ood.method 'oracle'; this version knows knn"),
        (lambda card: card["ood"].update(method="vim"), "rejection.npz of run copy has no array origin"),
        (lambda card: card["ood"].update(threshold="high"), "ood.threshold 'high'"),
        (lambda card: card["ood"].update(unsure_threshold=[1]), r"ood.unsure_threshold \[1\]"),
        (lambda card: card["conformal"].update(threshold=1.5), "conformal.threshold 1.5"),
        (lambda card: card["conformal"].update(threshold={"potato": 0.5}), "expected a number from 0 to 1, or one"),
        (lambda card: card["conformal"].update(threshold={"potato": 0.5, "tomato": "1"}), "conformal.threshold"),
    ],
)  # fmt: skip
def test_a_card_that_does_not_fit_is_refused(run, change, expected):
    card = json.loads((run / "model.json").read_text())
    change(card)
    (run / "model.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match=expected):
        load_checkpoint(run)


def test_a_stream_is_kept_and_one_that_does_not_fit_the_model_is_refused(bands_run, tmp_path):
    shutil.copytree(bands_run, tmp_path / "copy")
    stream = load_checkpoint(tmp_path / "copy").spectral
    assert (stream.kind, stream.names, stream.scale) == ("bands", ("red edge", "near infrared"), 1.0)
    card = json.loads((tmp_path / "copy" / "model.json").read_text())
    for spectral, described in (
        ({"kind": "sound"}, "does not describe a model"),
        (None, "describes 0 spectral channels"),
    ):
        changed = {key: value for key, value in card.items() if key != "spectral"}
        changed |= {} if spectral is None else {"spectral": card["spectral"] | spectral}
        (tmp_path / "copy" / "model.json").write_text(json.dumps(changed))
        with pytest.raises(CheckpointError, match=described):
            load_checkpoint(tmp_path / "copy")


def test_a_card_that_is_not_json_is_refused(run):
    (run / "model.json").write_text('{"schema_version": 1,')
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(run)


def test_calibrating_again_leaves_weights_and_one_detector(run):
    before = load_checkpoint(run)
    ood = replace(before.ood, threshold=1.0, unsure_threshold=0.5)
    save_calibration(run, 0.7, ConformalRecord(0.1, "lac", {"potato": 0.5, "tomato": 0.9}), ood)
    after = load_checkpoint(run)
    assert after.temperature == 0.7 and after.conformal.threshold == {"potato": 0.5, "tomato": 0.9}
    assert (after.ood.threshold, after.ood.unsure_threshold) == (1.0, 0.5) and after.sha256 == before.sha256
    assert [path.name for path in run.glob("rejection*")] == [after.card.ood.file]


def test_calibrating_again_lists_what_changed_in_the_manifest(run):
    before = load_checkpoint(run)
    save_calibration(run, 0.7, before.conformal, replace(before.ood, threshold=1.0))
    assert Run(run).damaged_files() == []
    assert before.card.ood.file not in Run(run).manifest()


def test_calibrating_a_run_that_still_trains_writes_no_manifest(run):
    (run / "manifest.json").unlink()
    before = load_checkpoint(run)
    save_calibration(run, 0.7, before.conformal, before.ood)
    assert not (run / "manifest.json").exists()


def test_a_crash_before_the_card_is_written_leaves_the_run_as_it_was(run, monkeypatch):
    before = load_checkpoint(run)

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("hvit.runs.saving.write_json", full)
    with pytest.raises(OSError):
        save_calibration(run, 0.7, before.conformal, replace(before.ood, threshold=1.0))
    assert load_checkpoint(run).card == before.card
