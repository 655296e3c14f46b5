"""Whether a machine is fit to train: each part by itself."""

import json
import math
import os
import time

import pytest

from training import check_device
from training.device_checks import micro, runner
from training.device_checks.agreement import check_precision, check_resident
from training.device_checks.micro import largest_difference
from training.device_checks.part import Part, Settings
from training.device_checks.parts import all_parts, chosen_parts
from training.device_checks.runner import Runner

CPU = Settings("cpu", 1200)


def yields(settings):
    yield {"check": "one", "passed": True}
    yield {"check": "two", "passed": None, "number": 2.0}


def says_no(settings):
    yield {"check": "this holds", "passed": False}


def raises(settings):
    yield {"check": "one", "passed": True}
    raise RuntimeError("no\nmemory")


def hangs(settings):
    yield {"check": "one", "passed": True}
    time.sleep(600)


def dies(settings):
    os._exit(9)
    yield


PARTS = [
    Part("yields", 60, yields),
    Part("says_no", 60, says_no),
    Part("raises", 60, raises),
    Part("hangs", 1, hangs),
    Part("dies", 60, dies),
    Part("left", 60, yields, "it makes no sense here"),
]


def fake_parts(settings):
    return PARTS


@pytest.fixture
def fake(monkeypatch):
    """The parts above, in the process that parts run in too."""
    monkeypatch.setattr(runner, "_work", _work)


def _work(pipe, settings):
    runner.all_parts = fake_parts
    runner._true_work(pipe, settings)


runner._true_work = runner._work


@pytest.mark.slow
def test_a_part_that_fails_hangs_or_dies_is_reported_and_the_next_one_runs(fake, tmp_path):
    out = tmp_path / "found.json"
    order = [PARTS[i] for i in (2, 3, 4, 1, 5, 0)]
    document = check_device.run_checks(CPU, order, 600, out)
    ends = {part["name"]: (part["status"], part["reason"]) for part in document["parts"]}
    assert list(ends) == ["raises", "hangs", "dies", "says_no", "left", "yields"]
    assert ends["raises"] == ("failed", "RuntimeError: no memory") and ends["says_no"] == (
        "failed",
        "not so: this holds",
    )
    assert ends["hangs"][0] == "out of time" and ends["dies"] == ("failed", "its process ended with status 9")
    assert ends["left"] == ("skipped", "it makes no sense here") and ends["yields"] == ("passed", None)
    assert [len(part["rows"]) for part in document["parts"]] == [1, 1, 0, 1, 0, 2]
    assert document["fit"] is False and json.loads(out.read_text()) == document


def test_rows_are_written_before_their_part_has_ended(fake):
    seen, running = [], Runner(CPU)
    try:
        running.run(PARTS[0], 60, lambda result: seen.append((result["status"], len(result["rows"]))))
    finally:
        running.stop()
    assert seen == [("running", 1), ("running", 2)]


def test_parts_beyond_the_minutes_given_are_skipped():
    document = check_device.run_checks(CPU, PARTS[:1], 0.0)
    assert document["parts"][0]["status"] == "skipped" and "--minutes" in document["parts"][0]["reason"]


def test_a_group_names_all_its_parts_and_a_name_one():
    assert {part.name for part in chosen_parts(["infer"], CPU)} >= {"infer:hvit_tiny", "infer:hvit_large"}
    assert [part.name for part in chosen_parts(["steps:hvit_tiny", "machine"], CPU)] == ["machine", "steps:hvit_tiny"]


def test_what_takes_minutes_on_a_cpu_is_skipped_there_and_runs_on_an_accelerator():
    skipped = {part.name for part in all_parts(CPU) if part.skipped}
    assert {"train:hvit_large", "pretrain:mae"} <= skipped and "train:hvit_tiny" not in skipped
    assert not any(part.skipped for part in all_parts(Settings("cuda", 1)) if part.name != "compile")


def test_an_unknown_part_names_the_nearest(capsys):
    assert check_device.main(["--device", "cpu", "--parts", "precison"]) == 2
    assert "no part 'precison'; did you mean precision?" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_differs_from_every_other():
    assert largest_difference([1.0, 2.0], [1.0, 1.0]) == 1.0
    assert not math.isfinite(largest_difference([1.0, math.nan], [1.0, 1.0]))


def test_minutes_of_an_epoch_follow_from_its_photos():
    assert CPU.minutes_per_epoch(10.0) == 2.0


def test_the_checks_of_this_machine_pass(capsys):
    assert check_device.main(["--device", "cpu", "--parts", "nccl,resume", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [part["status"] for part in document["parts"]] == ["passed"] * 2
    rows = {row["check"]: row for part in document["parts"] for row in part["rows"]}
    assert rows["weights, average and moments equal after resuming"]["passed"] is True


def test_losses_in_bf16_and_with_resident_photos_agree(monkeypatch):
    monkeypatch.setattr(micro, "STEPS", 6)
    rows = {row["check"]: row for check in (check_precision, check_resident) for row in check(CPU)}
    assert len(rows) == 3 and all(row["passed"] for row in rows.values())
    assert rows["bf16 losses against float32"]["largest_relative_difference"] > 0
