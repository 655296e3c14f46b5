"""A run as its folder shows it, without loading weights."""

import shutil

import pytest

from hvit.runs import Run, RunError
from hvit.runs.snapshot import parent_of, read_parts, take_snapshot
from tests.support.recorded_runs import CLASSES, write_records


def snapshot(path):
    return take_snapshot(path, read_parts(Run(path)))


def test_a_finished_run_is_described_by_its_documents(tmp_path):
    found = snapshot(write_records(tmp_path / "one", seed=3, info={"plants_known": False, "summary": {"top1": 0.5}}))
    assert (found.name, found.status, found.kind, found.seed) == ("one", "done", "finetune", 3)
    assert found.classes == tuple(CLASSES) and found.summary == {"top1": 0.5} and found.plants_known is False
    assert found.splits == ("test",) and found.learned_from == {"photos"} and found.problem is None
    assert not found.has_weights and not found.can_predict


def test_test_comes_first_then_cross_validation_then_other_splits_by_name(tmp_path):
    run = write_records(tmp_path / "one")
    (run / "eval" / "test" / "metrics.json").write_text("{}")
    for split in ("val", "cv", "all"):
        shutil.copytree(run / "eval" / "test", run / "eval" / split)
    (run / "eval" / "all" / "predictions.parquet").unlink()
    found = snapshot(run)
    assert found.splits == ("test", "cv", "val") and found.scored == ("test", "cv", "all", "val")


def test_weights_and_classes_make_a_run_that_can_predict(tmp_path):
    run = write_records(tmp_path / "one")
    (run / "model.safetensors").touch()
    assert snapshot(run).can_predict
    pretrained = write_records(tmp_path / "two", card={"classes": []}, info={"kind": "pretrain"})
    (pretrained / "model.safetensors").touch()
    assert snapshot(pretrained).has_weights and not snapshot(pretrained).can_predict


def test_a_damaged_configuration_is_a_problem_and_a_damaged_record_an_error(tmp_path):
    run = write_records(tmp_path / "one")
    (run / "config.yaml").write_text("{")
    found = snapshot(run)
    assert found.config is None and found.problem == "config.yaml of run one is damaged; copy the run again"
    assert found.learned_from == frozenset()
    (run / "run.json").write_text("{")
    with pytest.raises(RunError, match="run.json of run one is damaged"):
        snapshot(run)


def test_the_parent_is_found_beside_the_run_only(tmp_path):
    write_records(tmp_path / "runs" / "parent")
    write_records(tmp_path / "outside")
    child = write_records(tmp_path / "runs" / "child", info={"parent": "parent"})
    assert parent_of(Run(child)).name == "parent"
    for number, name in enumerate([None, "gone", "../outside"]):
        other = write_records(tmp_path / "runs" / str(number), info={"parent": name})
        assert parent_of(Run(other)) is None
