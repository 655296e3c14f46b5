import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hvit.runs import Run, RunError, RunWriter, find_run, list_runs, survey
from hvit.words import training_progress


def _writer(path, **changes) -> RunWriter:
    arguments = {
        "kind": "finetune",
        "config": {"epochs": 2},
        "seed": 1,
        "argv": ["/x/training/finetune.py"],
        "data_fingerprint": "f",
    }
    return RunWriter(path, **(arguments | changes))


def _change(path, **values) -> None:
    info = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(info | values))


def test_a_run_is_read_as_it_was_written(tmp_path):
    writer = _writer(tmp_path / "one", tags=["quick"])
    writer.log(1, 0.5, "train", loss=0.25, lr=None)
    writer.log(2, 1.0, "train", loss=float("inf"))
    assert Run(tmp_path / "one").status == "running"
    writer.finish("done", {"top1": 0.5})
    run = Run(tmp_path / "one")
    assert run.status == "done" and run.config == {"epochs": 2} and run.info.summary == {"top1": 0.5}
    assert [(row["step"], row["loss"]) for row in run.metrics()] == [(1, 0.25), (2, None)]
    assert run.model_card() is None and run.evaluation("test") is None and run.predictions("test") is None


@pytest.mark.parametrize(
    ("config", "material"),
    [
        ({"data": {"dirs": ["leafsim:v1/7/0-4999", "leafsim:v1/8/0-99"]}}, {"drawings"}),
        ({"data": {"dirs": ["data/plantvillage-160"]}}, {"photos"}),
        ({"data": {"dirs": ["data/leafsim", "leafsim:v1/7/0-4999"]}}, {"photos", "drawings"}),
        ({"data": {"dirs": None}}, set()),
        ({"epochs": 2}, set()),
    ],
)
def test_a_run_says_what_it_learned_from(tmp_path, config, material):
    _writer(tmp_path / "one", config=config)
    assert Run(tmp_path / "one").learned_from == material
    (tmp_path / "one" / "config.yaml").unlink()
    assert Run(tmp_path / "one").learned_from == set()


@pytest.mark.parametrize("known", [True, False, None])
def test_a_run_says_whether_plants_were_known(tmp_path, known):
    _writer(tmp_path / "one", plants_known=known)
    assert Run(tmp_path / "one").plants_known is known and Run(tmp_path / "one").row()["plants_known"] is known


def test_a_run_of_before_does_not_say_whether_plants_were_known(tmp_path):
    _writer(tmp_path / "one")
    info = json.loads((tmp_path / "one" / "run.json").read_text())
    del info["plants_known"]
    (tmp_path / "one" / "run.json").write_text(json.dumps(info))
    assert Run(tmp_path / "one").plants_known is None


def test_test_photos_score_a_run_before_cross_validation_does(tmp_path):
    _writer(tmp_path / "one")
    assert Run(tmp_path / "one").evaluated_split is None
    for split in ("cv", "test"):
        (tmp_path / "one" / "eval" / split).mkdir(parents=True)
        (tmp_path / "one" / "eval" / split / "predictions.parquet").touch()
        assert Run(tmp_path / "one").evaluated_split == split


def test_a_silent_run_counts_as_stopped(tmp_path):
    _writer(tmp_path / "one")
    _change(tmp_path / "one", heartbeat=(datetime.now(UTC) - timedelta(seconds=61)).isoformat())
    assert Run(tmp_path / "one").status == "stopped"


def test_a_torn_last_line_is_ignored_and_another_refused(tmp_path):
    writer = _writer(tmp_path / "one")
    writer.log(1, 1, "train", loss=1.0)
    metrics = tmp_path / "one" / "metrics.jsonl"
    metrics.write_text(metrics.read_text() + '{"step": 2, "ep')
    assert len(Run(tmp_path / "one").metrics()) == 1
    metrics.write_text('{"step": 2, "ep\n' + metrics.read_text())
    with pytest.raises(RunError, match="line 1"):
        Run(tmp_path / "one").metrics()


def test_lines_beyond_a_step_are_removed_on_resume(tmp_path):
    writer = _writer(tmp_path / "one")
    for step in (1, 2, 3):
        writer.log(step, step, "train", loss=1.0)
    writer.truncate_metrics(2)
    assert [row["step"] for row in Run(tmp_path / "one").metrics()] == [1, 2]


@pytest.mark.parametrize("wrong", ["garbage", "5", "[1]", '{"epoch": 1}', '{"step": "1"}', "[" * 100_000, "\x00"])
def test_damaged_lines_are_dropped_and_counted_on_resume(tmp_path, wrong):
    writer = _writer(tmp_path / "one")
    writer.log(1, 1, "train", loss=1.0)
    metrics = tmp_path / "one" / "metrics.jsonl"
    metrics.write_text(f"{wrong}\n{metrics.read_text()}{wrong}\n{wrong}")
    assert writer.truncate_metrics(2) == 2
    assert [row["step"] for row in Run(tmp_path / "one").metrics()] == [1]


def test_a_run_is_not_overwritten_and_not_written_twice(tmp_path):
    first = _writer(tmp_path / "one")
    with pytest.raises(RunError, match=f"being written by process {os.getpid()}"):
        _writer(tmp_path / "one", resume=True)
    first.finish("preempted", {})
    with pytest.raises(RunError, match="holds a run already"):
        _writer(tmp_path / "one")
    assert _writer(tmp_path / "one", resume=True).info.started == first.info.started


def test_no_path_of_this_machine_is_written(tmp_path):
    path = str(tmp_path / "photos")
    writer = _writer(tmp_path / "one", config={"dirs": [path]}, argv=["/x/training/finetune.py", "--config", path])
    writer.finish("done", {})
    assert writer.info.argv == ("-m", "training.finetune", "--config", "photos")
    for file in (tmp_path / "one").iterdir():
        assert str(tmp_path) not in file.read_text() and ": /" not in file.read_text()


def test_a_path_inside_a_word_of_the_command_is_not_written(tmp_path):
    words = [
        "--run-dir=/home/ada/x",
        "data.dirs=['/home/ada/photos', '/mnt/b']",
        f"init={Path.cwd()}/runs/a",
        "https://a.org/b",
    ]
    info = _writer(tmp_path / "one", argv=["/x/training/finetune.py", *words]).info
    assert info.argv[2:] == ("--run-dir=x", "data.dirs=['photos', 'b']", "init=runs/a", "https://a.org/b")


def test_the_manifest_finds_what_was_changed(tmp_path):
    writer = _writer(tmp_path / "one")
    writer.log(1, 1, "train", loss=1.0)
    (tmp_path / "one" / "checkpoints").mkdir()
    (tmp_path / "one" / "checkpoints" / "state").write_text("x")
    writer.finish("done", {})
    writer.write_manifest()
    listed = json.loads((tmp_path / "one" / "manifest.json").read_text())["files"]
    assert set(listed) == {"config.yaml", "metrics.jsonl", "run.json"}
    assert Run(tmp_path / "one").damaged_files() == []
    (tmp_path / "one" / "metrics.jsonl").unlink()  # not in this copy
    (tmp_path / "one" / "config.yaml").write_text("epochs: 3\n")
    assert Run(tmp_path / "one").damaged_files() == ["config.yaml"]


def test_linked_runs_have_the_names_of_their_links(tmp_path):
    """Two links may lead to folders of one name; each is listed under the name by which it is found."""
    for place in ("a", "b"):
        _writer(tmp_path / "elsewhere" / place / "final").finish("done", {})
        (tmp_path / "runs").mkdir(exist_ok=True)
        (tmp_path / "runs" / place).symlink_to(tmp_path / "elsewhere" / place / "final")
    (tmp_path / "runs" / "disk").symlink_to("/")
    runs, troubles = survey(tmp_path / "runs")
    assert [run.name for run in runs] == ["a", "b"] and troubles[0].reason.startswith("disk is no run")
    assert find_run("b", tmp_path / "runs").name == "b"


def test_the_name_of_a_run_does_not_depend_on_how_its_path_is_written(tmp_path, monkeypatch):
    _writer(tmp_path / "one").finish("done", {})
    monkeypatch.chdir(tmp_path / "one")
    assert {Run(Path(path)).name for path in (".", "../one", "../one/", str(tmp_path / "one"), "../one/../one")} == {
        "one"
    }


def test_a_half_written_run_does_not_hide_the_others(tmp_path):
    _writer(tmp_path / "good").finish("done", {})
    (tmp_path / "empty").mkdir()
    for name in ("torn", "card"):
        _writer(tmp_path / name)
    (tmp_path / "torn" / "run.json").write_text('{"status"')
    (tmp_path / "card" / "model.json").write_text("{")
    assert [run.name for run in list_runs(tmp_path)] == ["good"]
    assert list_runs(tmp_path / "nowhere") == []


def test_what_is_not_a_readable_run_is_listed_with_its_reason(tmp_path):
    _writer(tmp_path / "good").finish("done", {})
    for name in ("half", "torn", "card", "newer", "foreign", "list"):
        _writer(tmp_path / name)
    (tmp_path / "half" / "run.json").unlink()
    (tmp_path / "torn" / "run.json").write_text('{"status"')
    (tmp_path / "card" / "model.json").write_text("[1]")
    _change(tmp_path / "newer", schema_version=99)
    (tmp_path / "foreign" / "run.json").write_text('{"id": "abc", "state": "finished"}')
    (tmp_path / "list" / "run.json").write_text("[]")
    (tmp_path / "holiday").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes.txt").write_text("no folder")
    runs, troubles = survey(tmp_path)
    assert [run.name for run in runs] == ["good"]
    text = {trouble.name: trouble.reason for trouble in troubles}
    assert set(text) == {"half", "torn", "card", "newer", "foreign", "list", "holiday"}
    assert "half-written: it has no run.json" in text["half"] and "no run: it has no run.json" in text["holiday"]
    assert text["torn"] == "run.json of run torn is damaged; copy the run again"
    assert text["card"] == "model.json of run card is damaged; copy the run again"
    assert (
        "newer version" in text["newer"] and "of another kind" in text["foreign"] and "holds no object" in text["list"]
    )
    assert survey(tmp_path / "nowhere") == ([], [])


def test_metrics_that_are_not_rows_are_refused(tmp_path):
    writer = _writer(tmp_path / "one")
    writer.log(1, 1, "train", loss=1.0)
    metrics = tmp_path / "one" / "metrics.jsonl"
    metrics.write_bytes(b"\xff\xfe\n" + metrics.read_bytes())
    with pytest.raises(RunError, match="line 1"):
        Run(tmp_path / "one").metrics()
    metrics.write_text("[1, 2]\n")
    with pytest.raises(RunError, match="line 1"):
        Run(tmp_path / "one").metrics()


def test_a_configuration_that_is_not_one_is_refused(tmp_path):
    _writer(tmp_path / "one")
    for text in (b"{", b"just words", b"\xff"):
        (tmp_path / "one" / "config.yaml").write_bytes(text)
        with pytest.raises(RunError, match="config.yaml of run one is damaged"):
            Run(tmp_path / "one").config  # noqa: B018


def test_an_unknown_run_names_the_nearest(tmp_path):
    _writer(tmp_path / "leaf45-tiny").finish("done", {})
    assert find_run("leaf45-tiny", tmp_path).name == find_run(tmp_path / "leaf45-tiny").name == "leaf45-tiny"
    with pytest.raises(RunError, match="did you mean leaf45-tiny"):
        find_run("leaf45-tinny", tmp_path)


def test_a_run_in_training_shows_its_progress(tmp_path):
    writer = _writer(tmp_path / "one")
    assert Run(tmp_path / "one").progress_now is None and Run(tmp_path / "one").row()["progress"] is None
    writer.progress(120, 400, 38.4, 750.0)
    writer._write()
    live = Run(tmp_path / "one").progress_now
    assert (live.step, live.total_steps, live.images_per_s) == (120, 400, 38.4) and 745 < live.left_s <= 750
    assert training_progress(Run(tmp_path / "one").progress_now).startswith("step 120 of 400, 38 img/s, about 12 min ")
    writer.finish("done", {})
    assert Run(tmp_path / "one").progress_now is None and Run(tmp_path / "one").info.process is None


def test_a_run_that_fell_silent_says_since_when_and_promises_no_end(tmp_path):
    writer = _writer(tmp_path / "one")
    writer.progress(120, 400, 38.4, 750.0)
    writer._write()
    _change(tmp_path / "one", heartbeat=(datetime.now(UTC) - timedelta(hours=3)).isoformat())
    run = Run(tmp_path / "one")
    assert run.status == "stopped" and run.progress_now.left_s is None
    assert training_progress(run.progress_now) == "step 120 of 400, silent for 3 h 00 min"


def test_a_run_that_lives_but_makes_no_step_says_so(tmp_path):
    writer = _writer(tmp_path / "one")
    writer.progress(120, 400, 38.4, 750.0)
    old = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    _change(tmp_path / "one", progress=vars(writer.info.progress) | {"at": old})
    assert "no step for 5 min 0" in training_progress(Run(tmp_path / "one").progress_now)


def test_a_run_gives_signs_of_life_whatever_it_does(tmp_path, monkeypatch):
    monkeypatch.setattr("hvit.runs.writer.HEARTBEAT_S", 0.05)
    writer = _writer(tmp_path / "one")
    _change(tmp_path / "one", heartbeat=(datetime.now(UTC) - timedelta(hours=3)).isoformat())
    with writer.beating():
        deadline = time.monotonic() + 30
        while Run(tmp_path / "one").status != "running":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        writer.finish("done", {})
        ended = (tmp_path / "one" / "run.json").read_bytes()
        time.sleep(0.2)
    assert (tmp_path / "one" / "run.json").read_bytes() == ended
