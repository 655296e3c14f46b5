"""What the Compare runs page says."""

from datetime import UTC, datetime

import pytest

from app.compare import words
from hvit.runs import LiveProgress, RunInfo
from hvit.runs.seed_groups import ABSENT
from hvit.scoring.comparison import Gain

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
LAST = {"epoch": 2.5, "step": 1200}


@pytest.mark.parametrize(
    ("status", "heartbeat", "last", "expected"),
    [
        (
            "running",
            "2026-11-25T11:59:56+00:00",
            LAST,
            "a is running: epoch 2.5, step 1,200, last sign of life 4 s ago.",
        ),
        ("running", None, LAST, "a is running."),
        ("stopped", "2026-11-25T09:00:00+00:00", LAST, "no sign of life for 3 h. Go on with --resume."),
        ("stopped", "nonsense", None, "a has stopped without an end: nothing logged yet, no sign of life."),
        ("preempted", None, LAST, "a was interrupted: epoch 2.5, step 1,200. Go on with --resume."),
        ("failed", None, {"epoch": "x"}, "a failed: nothing logged yet."),
        ("unknown", None, None, "a: its status is not known."),
    ],
)
def test_the_status_of_a_run_is_one_sentence(status, heartbeat, last, expected):
    text = words.state_of_run("a", status, RunInfo(heartbeat=heartbeat), NOW, last).replace("\u00a0", " ")
    assert text.endswith(expected) or expected in text


def test_a_run_that_trains_says_how_far_it_is_and_how_long_it_needs():
    live = LiveProgress(1203, 13640, 141.3, 2410.0, 4.0, 1.0)
    text = words.state_of_run("a", "running", RunInfo(heartbeat="2026-11-25T11:59:56+00:00"), NOW, LAST, live)
    assert text.replace("\u00a0", " ") == (
        "a is running: step 1,203 of 13,640, 141 img/s, about 40 min 10 s left, last sign of life 4 s ago."
    )


def test_settings_are_read_as_people_write_them():
    values = [None, True, False, 0.0005, 3, [1, 2], "bf16", ABSENT]
    assert [words.setting(v) for v in values] == ["none", "yes", "no", "0.0005", "3", "[1, 2]", "bf16", ""]


def test_metrics_have_words_and_a_first_one():
    assert words.metric_title("val", "macro_f1") == "Validation: macro-F1"
    assert words.metric_title("field", "own_score") == "Field: own score"
    assert words.first_metric([("train", "loss"), ("val", "top1")]) == ("val", "top1")
    assert words.first_metric([("train", "loss")]) == ("train", "loss")


def gain(low: float, high: float, runs: int = 3) -> Gain:
    return Gain(0.5, (0.4, 0.6), 0.5, (0.4, 0.6), (low + high) / 2, low, high, runs, 1677)


def test_a_verdict_says_no_more_than_the_interval():
    assert words.verdict("a", "b", gain(0.01, 0.1)) == "b is better than a"
    assert words.verdict("a", "b", gain(-0.1, -0.01)) == "a is better than b"
    assert words.verdict("a", "b", gain(-0.1, 0.1)) == "no significant difference between a and b"
    assert words.basis(gain(0, 1)) == "3 pairs of runs, 1,677 pictures"
    assert words.few_runs([gain(0, 1)]) is None and "nothing of other seeds" in words.few_runs([gain(0, 1, 1)])


def test_a_set_of_runs_is_named_by_what_differs():
    assert words.suggestion("tenth", ["tenth-mae", "tenth-scratch", "tenth"]) == "tenth: mae, scratch and tenth"
