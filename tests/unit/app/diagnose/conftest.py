"""A runs folder for the tests of the Diagnose page."""

import shutil
from pathlib import Path

import pytest

from tests.support.pages import change_card


@pytest.fixture
def runs(tiny_run, tmp_path, monkeypatch) -> Path:
    """A runs folder that holds one run, `tiny`, which accepts every photo."""
    shutil.copytree(tiny_run, tmp_path / "runs" / "tiny")
    monkeypatch.setenv("HVIT_RUNS", str(tmp_path / "runs"))
    change_card(tmp_path / "runs", lambda card: card["ood"].update(threshold=9.0) if card["ood"] else None)
    return tmp_path / "runs"
