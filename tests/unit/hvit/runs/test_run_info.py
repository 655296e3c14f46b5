"""What `run.json` holds, typed."""

from datetime import UTC, datetime, timedelta

import pytest

from hvit.runs.run_info import GitState, Progress, RunInfo, live_progress, status_of
from hvit.untrusted import UntrustedFileError

DOCUMENT = {
    "schema_version": 1, "status": "done", "heartbeat": "2026-11-27T07:00:38+00:00", "kind": "finetune",
    "parent": None, "seed": 0, "git": {"commit": "e35a316", "dirty": False}, "argv": ["-m", "training.finetune"],
    "world_size": 1, "device": "cpu", "libraries": {"torch": "2.13.0"}, "data_fingerprint": "f", "plants_known": None,
    "started": "2026-11-27T05:04:39+00:00", "ended": "2026-11-27T07:00:38+00:00", "elapsed_s": 6958.5,
    "tags": ["quick"], "summary": {"top1": 0.5},
}  # fmt: skip


def test_a_document_is_written_as_it_was_read():
    info = RunInfo.from_dict(DOCUMENT)
    assert info.to_dict() == DOCUMENT and list(info.to_dict()) == list(DOCUMENT)
    assert info.git == GitState("e35a316", False) and info.argv == ("-m", "training.finetune")


def test_keys_of_other_versions_are_kept():
    assert RunInfo.from_dict(DOCUMENT | {"mood": "calm"}).to_dict()["mood"] == "calm"


def test_a_record_of_before_has_defaults_for_what_it_lacks():
    info = RunInfo.from_dict({"schema_version": 1, "status": "done"})
    assert info == RunInfo(schema_version=1, status="done")
    assert (info.seed, info.git, info.tags, info.summary, info.plants_known) == (None, None, (), {}, None)


def test_the_end_of_a_training_leaves_no_process_and_no_progress_behind():
    running = RunInfo(process=7, progress=Progress(1, 2), exit_status=None).to_dict()
    assert running["process"] == 7 and running["progress"]["step"] == 1 and "exit_status" not in running
    assert not {"process", "progress"} & RunInfo().to_dict().keys()


@pytest.mark.parametrize("change", [{"seed": True}, {"tags": None}, {"git": {"dirty": "no"}}, {"elapsed_s": -1}])
def test_a_value_of_another_type_or_out_of_range_is_refused(change):
    with pytest.raises(UntrustedFileError, match=next(iter(change))):
        RunInfo.from_dict(DOCUMENT | change)


def test_a_run_is_stopped_a_minute_after_its_last_heartbeat():
    def silent(seconds):
        return RunInfo(status="running", heartbeat=(datetime.now(UTC) - timedelta(seconds=seconds)).isoformat())

    assert [status_of(silent(seconds)) for seconds in (0, 90)] == ["running", "stopped"]
    assert status_of(RunInfo(status="dreaming")) == "unknown" and status_of(RunInfo()) == "unknown"


def test_without_a_step_there_is_no_progress_to_show():
    now = datetime.now(UTC).isoformat()
    assert live_progress(RunInfo(status="running", heartbeat=now, progress=Progress(total_steps=9, at=now))) is None
    assert live_progress(RunInfo(status="running", heartbeat=now, progress=Progress(3, 9, at=now))).step == 3
