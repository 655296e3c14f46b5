"""Records of the runs folder."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.cache import records
from hvit.runs import RunError, RunWriter
from tests.support.pages import open_page, page_text


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path))
    return tmp_path


def write(path: Path, seed: int = 0, status: str | None = "done", epochs: int = 2) -> RunWriter:
    config = {"seed": seed, "epochs": epochs, "data": {"dirs": ["leafsim:v1/7/0-99"]}}
    writer = RunWriter(path, "finetune", config, seed, ["training/finetune.py"], "f")
    for epoch in range(1, epochs + 1):
        for part in range(10):
            writer.log(10 * epoch + part, epoch, "train", loss=1 / epoch, lr=1e-3, grad_norm=1.0, images_per_s=100.0)
        writer.log(10 * epoch + 9, epoch, "val", top1=0.5, macro_f1=0.5, nll=1.0)
    if status:
        writer.finish(status, {"top1": 0.5})
    return writer


def test_runs_are_listed_with_their_status_with_and_without_weights(folder):
    write(folder / "done", seed=3)
    write(folder / "failed", status="failed")
    write(folder / "live", status=None)
    silent = write(folder / "silent", status=None).info
    heartbeat = (datetime.now(UTC) - timedelta(seconds=90)).isoformat()
    (folder / "silent" / "run.json").write_text(json.dumps(replace(silent, heartbeat=heartbeat).to_dict()))
    (folder / "photos").mkdir()
    found, troubles = records.all_records()
    assert {r.name: r.status for r in found} == {
        "done": "done",
        "failed": "failed",
        "live": "running",
        "silent": "stopped",
    }
    assert [trouble.name for trouble in troubles] == ["photos"]
    done = records.record_of("done")
    assert (done.kind, done.seed, done.summary, done.config["epochs"]) == ("finetune", 3, {"top1": 0.5}, 2)
    assert done.learned_from == {"drawings"} and done.classes == () and done.splits == () and done.card is None
    assert records.record_of("nowhere") is None


def test_a_damaged_part_is_reported_and_the_rest_is_kept(folder):
    write(folder / "one")
    (folder / "one" / "config.yaml").write_text("{")
    (folder / "one" / "metrics.jsonl").write_text("nonsense\n{}\n")
    record = records.record_of("one")
    assert record.problem == "config.yaml of run one is damaged; copy the run again" and record.config is None
    with pytest.raises(RunError, match="line 1 of metrics.jsonl"):
        records.curves(record)


def test_new_lines_of_a_training_are_read_on_the_next_poll(folder):
    writer = write(folder / "one", status=None)
    assert len(records.curves(records.record_of("one"))) == 22
    writer.log(30, 3, "val", top1=0.75)
    assert records.curves(records.record_of("one"))[-1]["top1"] == 0.75
    writer.finish("done", {})
    assert records.record_of("one").status == "done"


def test_the_split_that_scores_a_run_is_listed_first(folder):
    write(folder / "one")
    for split in ("alpha", "cv", "test"):
        (folder / "one" / "eval" / split).mkdir(parents=True)
        (folder / "one" / "eval" / split / "predictions.parquet").touch()
    (folder / "one" / "eval" / "alpha" / "metrics.json").touch()
    record = records.record_of("one")
    assert record.splits == ("test", "cv", "alpha") and record.scored == ("alpha",)


def test_a_log_that_has_not_changed_is_not_read_again(folder):
    write(folder / "one")
    assert records.curves(records.record_of("one")) is records.curves(records.record_of("one"))


def test_a_missing_runs_folder_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "gone"))
    assert f"HVIT_RUNS is {tmp_path}/gone, and there is no such" in page_text(open_page())
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path))
    assert records.missing_folder() is None
