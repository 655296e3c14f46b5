"""Scoring in the background: stopped, killed, continued, and one at a time."""

import json
import multiprocessing
import random
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from hvit.batches import BatchError, delete_batch, open_batch, worker
from hvit.batches.photos import add_uploads, read_photos, thumbnail_path
from hvit.batches.progress import Progress, is_scoring, read_progress, request_stop
from hvit.batches.scores import read_scores, write_part
from hvit.batches.scoring import score_batch
from hvit.batches.worker import run_worker, start_worker
from hvit.runs.checkpoint import load_checkpoint
from tests.support.batches import new_batch, score_with_quick_flushes, scored_batch, write_leaves
from tests.support.pages import ROOT, leaf


@pytest.fixture
def batch(tmp_path, tiny_run):
    return new_batch(tmp_path / "batches", tiny_run, write_leaves(tmp_path / "photos", 10))


def paths(batch):
    return {photo.path for photo in read_photos(batch)}


def test_every_photo_is_scored_once_and_has_a_thumbnail(batch, tiny_run):
    assert score_batch(batch, load_checkpoint(tiny_run), 2) == 10
    scores = read_scores(batch)
    assert set(scores.paths) == paths(batch) and len(scores) == 10
    assert all(thumbnail_path(batch, path).stat().st_size > 0 for path in scores.paths)
    assert score_batch(batch, load_checkpoint(tiny_run), 2) == 0
    assert len(list((batch.path / "scores").iterdir())) == 1  # merged


def test_what_is_done_stays_when_stopped_and_the_rest_follows(batch, tiny_run):
    asked = iter([False, False, False] + [True] * 99)
    score_batch(batch, load_checkpoint(tiny_run), 1, should_stop=lambda: next(asked))
    done = len(read_scores(batch))
    assert 0 < done < 10
    assert score_batch(batch, load_checkpoint(tiny_run), 1) == 10 - done
    assert set(read_scores(batch).paths) == paths(batch)


def test_a_request_to_stop_is_heeded_until_the_next_start(batch, tiny_run):
    request_stop(batch.path)
    assert run_worker(batch.path, tiny_run.parent, 1, False, lambda: False) == 0
    assert len(read_scores(batch)) == 0
    process = start_worker(batch, tiny_run.parent)
    assert process.wait(120) == 0
    assert len(read_scores(batch)) == 10


def test_photos_added_meanwhile_are_scored_too(batch, tiny_run):
    def stop():
        if not (batch.path / "uploads" / "late.jpg").exists():
            add_uploads(batch, [("late.jpg", leaf(3))])
        return False

    assert score_batch(batch, load_checkpoint(tiny_run), 1, should_stop=stop) == 11


def test_a_photo_that_is_gone_has_its_reason_and_can_be_tried_again(batch, tiny_run, tmp_path):
    gone = tmp_path / "photos" / "leaf_03.jpg"
    data = gone.read_bytes()
    gone.unlink()
    score_batch(batch, load_checkpoint(tiny_run), 2)
    scores = read_scores(batch)
    row = scores.rows["folders/1/leaf_03.jpg"]
    assert "cannot be opened" in scores.errors[row] and sum(map(bool, scores.errors)) == 1
    gone.write_bytes(data)
    assert score_batch(batch, load_checkpoint(tiny_run), 2) == 0
    assert score_batch(batch, load_checkpoint(tiny_run), 2, again=True) == 1
    assert not any(read_scores(batch).errors)


@pytest.mark.parametrize("num_kills", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_a_killed_worker_loses_nothing_but_the_photos_in_flight(tmp_path, tiny_run, num_kills):
    """Killed at random moments; what was read before a kill is there after it, and in the end all is."""
    batch = new_batch(tmp_path / "batches", tiny_run, write_leaves(tmp_path / "photos", 6 * num_kills))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.batches"])  # which imports torch, once
    draw, seen = random.Random(0), set()
    for _ in range(num_kills):
        process = context.Process(target=score_with_quick_flushes, args=(batch.path, tiny_run.parent))
        process.start()
        before, deadline = len(seen), time.monotonic() + 60
        while len(seen) == before and process.is_alive() and time.monotonic() < deadline:
            seen |= set(read_scores(batch).paths)
            time.sleep(draw.uniform(0, 0.02))
        process.kill()
        process.join()
        assert seen <= set(read_scores(batch).paths)
        assert not is_scoring(batch.path)
    score_batch(batch, load_checkpoint(tiny_run), 1)
    scores = read_scores(batch)
    assert set(scores.paths) == paths(batch) and scores.damaged == ()


def test_one_process_scores_a_batch_at_a_time(batch, tiny_run):
    first = start_worker(batch, tiny_run.parent)
    while not is_scoring(batch.path) and first.poll() is None:
        time.sleep(0.02)
    second = start_worker(batch, tiny_run.parent)
    with pytest.raises(BatchError, match="is being scored; stop it, then delete it"):
        delete_batch(batch)
    assert first.wait(120) == 0 and second.wait(120) == 0
    assert len(read_scores(batch)) == 10


def test_a_worker_ends_when_the_program_that_started_it_is_gone(batch, tiny_run):
    script = (
        "import sys; from pathlib import Path; from hvit.batches import open_batch; import hvit.batches.worker as w; "
        "print(w.start_worker(open_batch(Path(sys.argv[1])), Path(sys.argv[2])).pid, flush=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(batch.path), str(tiny_run.parent)], cwd=ROOT, capture_output=True, text=True
    )
    deadline = time.monotonic() + 60
    while _runs(int(done.stdout)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(int(done.stdout))
    assert not is_scoring(batch.path)


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_read_only_batch_is_reported(batch, tiny_run, monkeypatch):
    monkeypatch.setattr(worker.os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(BatchError, match="lies in a folder that cannot be written; copy it"):
        start_worker(batch, tiny_run.parent)


def test_a_batch_does_not_resume_with_other_weights(batch, tiny_run):
    other = replace(load_checkpoint(tiny_run), sha256="f" * 64)
    with pytest.raises(BatchError, match="begun with other weights of run tiny"):
        score_batch(batch, other, 1)
    assert len(read_scores(batch)) == 0


def test_why_a_worker_ended_is_in_its_progress(batch, tmp_path):
    with pytest.raises(BatchError, match="tiny"):
        run_worker(batch.path, tmp_path / "no runs", 1, False, lambda: False)
    assert "tiny" in read_progress(batch.path).error


def test_a_damaged_part_is_named_and_its_photos_are_scored_again(tmp_path, tiny_run):
    batch = scored_batch(tmp_path / "batches", tiny_run, write_leaves(tmp_path / "photos", 3))
    (part,) = (batch.path / "scores").iterdir()
    part.write_bytes(part.read_bytes()[:-100])
    scores = read_scores(batch)
    assert len(scores) == 0 and len(scores.damaged) == 1
    assert part.name in scores.damaged[0] and "its photos are scored again" in scores.damaged[0]
    assert score_batch(batch, load_checkpoint(tiny_run), 1) == 3
    assert part.exists()


def test_scores_of_another_number_of_classes_are_damaged(batch):
    write_part(batch.path, [blank_row("uploads/a.jpg", [1.0, 2.0])])
    assert "each of 3 classes" in read_scores(batch).damaged[0]


def blank_row(path, logits):
    from hvit.batches.scores import COLUMNS

    return dict.fromkeys(COLUMNS) | {"path": path, "logits": logits}


def test_a_moved_batch_resumes(tmp_path, tiny_run):
    batch = new_batch(tmp_path / "batches", tiny_run, write_leaves(tmp_path / "photos", 3))
    batch.path.rename(tmp_path / "elsewhere")
    moved = open_batch(tmp_path / "elsewhere")
    assert score_batch(moved, load_checkpoint(tiny_run), 1) == 3
    assert not any(read_scores(moved).errors)


def test_time_left_follows_the_speed():
    assert Progress(10, 1, 2.5).left_s(100) == 40
    assert Progress(0, 1, None).left_s(100) is None


def test_scores_are_plain_parquet(tmp_path, tiny_run):
    import pandas as pd

    batch = scored_batch(tmp_path / "batches", tiny_run, write_leaves(tmp_path / "photos", 3))
    frame = pd.read_parquet(batch.path / "scores")
    assert list(frame["path"]) == [f"folders/1/leaf_0{i}.jpg" for i in range(3)]
    assert {"logits", "ood_score", "flags", "lesion_fraction", "low", "high", "leaf_fraction"} <= set(frame)
    assert json.loads((batch.path / "batch.json").read_text())["classes"] == list(batch.rules.classes)
