"""Runs made by hand, of records alone: no weights, and every number known."""

from pathlib import Path

import pytest

from tests.support.recorded_runs import write_records


@pytest.fixture
def records(tmp_path) -> Path:
    """`runs/hand` in a folder of its own."""
    return write_records(tmp_path / "runs" / "hand")


@pytest.fixture
def seeds(tmp_path) -> list[Path]:
    """Two ways of training, of two seeds and of one."""
    wrong = [0, 1, 2, 3, 1, 1, 2, 2, 0, 3, 3, 2]
    return [
        write_records(tmp_path / "runs" / "wide-0"),
        write_records(tmp_path / "runs" / "wide-1", wrong, seed=1, curve=((1.0, 0.25), (2.0, 0.5))),
        write_records(tmp_path / "runs" / "flat", wrong, config={"epochs": 3}, curve=((1.0, 0.2), (3.0, 0.4))),
    ]
