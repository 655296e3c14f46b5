"""Results that are written into the folder of a run."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hvit.files import file_sha256
from hvit.runs import Run, write_manifest
from hvit.runs.results import npz_bytes, parquet_bytes, record_results


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run.json").write_text('{"schema_version": 1}')
    (tmp_path / "old.json").write_text("{}")
    write_manifest(tmp_path)
    return tmp_path


def test_bytes_are_written_as_they_are_and_all_else_as_json(run):
    record_results(run, {"eval/test/a.parquet": b"PAR1", "eval/test/a.json": {"n": 2}})
    assert (run / "eval/test/a.parquet").read_bytes() == b"PAR1"
    assert json.loads((run / "eval/test/a.json").read_text()) == {"n": 2}


def test_the_manifest_lists_what_was_written_and_drops_what_was_removed(run):
    record_results(run, {"eval/test/a.json": [1]}, removed=["old.json"])
    listed = Run(run).manifest()
    assert set(listed) == {"run.json", "eval/test/a.json"}
    assert listed["eval/test/a.json"] == file_sha256(run / "eval/test/a.json")


def test_files_that_are_not_in_this_copy_stay_listed(run):
    (run / "old.json").unlink()
    record_results(run, {"a.json": {}})
    assert "old.json" in Run(run).manifest() and Run(run).damaged_files() == []


def test_tables_and_arrays_come_back_equal():
    table = pa.table({"label": ["a", "b"], "n": [1, 2]})
    assert pq.read_table(io.BytesIO(parquet_bytes(table, use_dictionary=["label"]))).equals(table)
    assert np.load(io.BytesIO(npz_bytes(x=np.arange(3))))["x"].tolist() == [0, 1, 2]
