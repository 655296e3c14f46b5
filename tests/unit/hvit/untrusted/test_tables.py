"""Parquet and CSV files that claim or unpack to more than anyone recorded."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hvit.untrusted import UntrustedFileError, read_csv, read_parquet, tables

COLUMNS = {"label": "text", "logits": "numbers"}


def _write(path, **columns):
    pq.write_table(pa.table(columns), path, compression="zstd")
    return path


def test_columns_come_back_and_others_are_skipped(tmp_path):
    logits = pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32()))
    path = _write(tmp_path / "p", label=["a", "b"], logits=logits, other=[1, 2])
    assert read_parquet(path, COLUMNS) == {"label": ["a", "b"], "logits": [[1.0, 2.0], [3.0, 4.0]]}
    assert read_parquet(_write(tmp_path / "e", x=[1.5, None], t=[None, "b"], f=[True, False])) == {
        "x": [1.5, None], "t": [None, "b"], "f": [True, False],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"label": [1, 2]}, "column label is of type int64"),
        ({"label": ["a", None]}, "column label has gaps"),
        ({"logits": pa.array([["a"]])}, "column logits is of type list"),
        ({"logits": pa.array([[1.0, None]])}, "column logits has gaps"),
        ({"logits": pa.array([[1.0], None])}, "column logits has gaps"),
    ],
)
def test_columns_of_other_types_are_refused(tmp_path, columns, expected):
    with pytest.raises(UntrustedFileError, match=expected):
        read_parquet(_write(tmp_path / "p", **columns), COLUMNS)


def test_more_rows_than_the_limit_are_not_unpacked(tmp_path):
    path = _write(tmp_path / "p", x=pa.nulls(5_000_000, pa.int8()))
    assert path.stat().st_size < 2**20
    with pytest.raises(UntrustedFileError, match="5,000,000 rows"):
        read_parquet(path)


def test_texts_that_unpack_to_gigabytes_are_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MAX_UNPACKED_BYTES", 2**20)
    with pytest.raises(UntrustedFileError, match="unpack to 2 MB"):
        read_parquet(_write(tmp_path / "p", label=["a" * 2**20] + ["b" * 2**20]), COLUMNS)
    monkeypatch.undo()
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), ["a" * 2**20])
    pq.write_table(pa.table({"label": texts}), tmp_path / "p", store_schema=False)  # once in the file
    with pytest.raises(UntrustedFileError, match="texts of their column label are too long"):
        read_parquet(tmp_path / "p", COLUMNS)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\xff" * 100 + b"PAR1", b"PAR1" + bytes(100) + b"PAR1"])
def test_what_is_no_parquet_file_is_refused(tmp_path, data):
    (tmp_path / "p").write_bytes(data)
    with pytest.raises(UntrustedFileError, match="are damaged"):
        read_parquet(tmp_path / "p", COLUMNS)


def test_a_parquet_file_with_changed_bytes_is_read_or_refused(tmp_path):
    integer = _write(tmp_path / "p", label=["a", "b"] * 50, logits=pa.array([[1.0, 2.0]] * 100)).read_bytes()
    refused = 0
    for at in range(0, len(integer), 13):
        (tmp_path / "p").write_bytes(integer[:at] + bytes([integer[at] ^ 0x5A]) + integer[at + 1 :])
        try:
            read_parquet(tmp_path / "p", COLUMNS)
        except UntrustedFileError:
            refused += 1
    assert refused > 10


def test_rows_of_csv_have_the_columns_that_were_asked_for(tmp_path):
    (tmp_path / "c").write_text('path,label,more\n"a,b",x,1\nc\n')
    assert read_csv(tmp_path / "c", ["label", "path"]) == [{"label": "x", "path": "a,b"}, {"label": "", "path": "c"}]


@pytest.mark.parametrize("data", [b"path\nx\n", b"\xff\n", b"", b'path,label\n"' + b"x" * 200_000 + b'",y\n'])
def test_a_csv_file_that_is_not_one_is_refused(tmp_path, data):
    (tmp_path / "c").write_bytes(data)
    with pytest.raises(UntrustedFileError, match="damaged"):
        read_csv(tmp_path / "c", ["path", "label"])
    with pytest.raises(UntrustedFileError, match="at most"):
        read_csv(_large(tmp_path / "large"), ["path"])


def _large(path):
    with open(path, "wb") as file:
        file.truncate(tables.MAX_CSV_BYTES + 1)
    return path
