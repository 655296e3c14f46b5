"""Runs folders that tests of several pages open."""

from pathlib import Path

import pytest

from tests.support.evaluated_runs import ANSWERS, BETTER, CLASSES


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "runs"))
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def judged(runs, recorded_run) -> Path:
    """Two seed groups of two runs each."""
    for seed in (0, 1):
        recorded_run(runs / f"plain-{seed}", CLASSES, ANSWERS, seed, {"optim": {"lr": 0.5}, "init": None})
        recorded_run(runs / f"better-{seed}", CLASSES, BETTER, seed, {"optim": {"lr": 0.25}, "init": "runs/x"})
    return runs
