"""The sheet of a trial in the folder of its batch."""

import pytest

from hvit.batches import create_batch
from hvit.runs import Run
from hvit.trials.sheet import SheetError, read_sheet
from hvit.trials.storage import forget_sheet, keep_sheet, sheet_file


@pytest.fixture
def batch(tmp_path, tiny_run):
    return create_batch(tmp_path, "field", "tiny", Run(tiny_run).model_card())


def test_a_sheet_is_kept_and_taken_away(batch):
    assert sheet_file(batch) is None
    assert len(keep_sheet(batch, "my trial.csv", b"file;plot\na;1\n").rows) == 1
    assert read_sheet(sheet_file(batch)).rows[0].plot == "1"
    forget_sheet(batch)
    assert sheet_file(batch) is None


def test_a_sheet_that_cannot_be_read_leaves_the_one_before(batch):
    keep_sheet(batch, "first.csv", b"file;plot\na;1\n")
    with pytest.raises(SheetError, match="^second.xlsx is not a workbook"):
        keep_sheet(batch, "second.xlsx", b"no workbook")
    with pytest.raises(SheetError, match="expected columns"):
        keep_sheet(batch, "third.csv", b"name\nx\n")
    assert read_sheet(sheet_file(batch)).rows[0].pattern == "a"
