"""Page headers of Parquet files against what the footer claims."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hvit.untrusted import UntrustedFileError, read_parquet
from hvit.untrusted.parquet_pages import unpacked_bytes

TABLE = pa.table(
    {"text": [f"abc{i % 50}" for i in range(2000)], "x": np.arange(2000.0), "list": pa.array([[1.0, 2.0]] * 2000)}
)


def written(table, **options) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def chunks_of(data: bytes):
    """Start and the footer's numbers of each column chunk of the first row group."""
    group = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    for chunk in map(group.column, range(group.num_columns)):
        yield min(chunk.data_page_offset, chunk.dictionary_page_offset or 2**60), chunk


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zstd"},
        {"compression": "snappy", "data_page_version": "2.0"},
        {"compression": "none", "use_dictionary": False, "data_page_size": 1000},
        {"write_page_index": True, "write_page_checksum": True},
    ],
)
def test_pages_add_up_to_what_an_honest_footer_says(options):
    data = written(TABLE, **options)
    for start, chunk in chunks_of(data):
        pages = unpacked_bytes(data, start, chunk.total_compressed_size)
        # The footer counts the headers of the pages too, some 20 to 200 bytes each.
        assert 0.9 * chunk.total_uncompressed_size < pages < chunk.total_uncompressed_size


def zigzag(value: int, length: int) -> bytes:
    """A Thrift integer in exactly `length` bytes."""
    value <<= 1
    parts = [value >> 7 * i & 127 | 128 for i in range(length)]
    assert value >> 7 * length == 0
    return bytes([*parts[:-1], parts[-1] & 127])


def test_a_footer_that_lies_is_not_believed(tmp_path):
    data = written(pa.table({"label": ["a" * 2**20] * 300}), compression="zstd", use_dictionary=False)
    [(_, chunk)] = chunks_of(data)
    true = zigzag(chunk.total_uncompressed_size, 5)
    assert len(data) < 100_000 and data.count(true) > 0
    (tmp_path / "lie.parquet").write_bytes(data.replace(true, zigzag(1000, 5)))
    assert pq.ParquetFile(tmp_path / "lie.parquet").metadata.row_group(0).column(0).total_uncompressed_size == 1000
    with pytest.raises(UntrustedFileError, match="unpack to 300 MB, and at most 256 MB are read"):
        read_parquet(tmp_path / "lie.parquet", {"label": "text"})


def test_a_column_whose_name_has_a_dot_is_checked_too(tmp_path):
    data = written(pa.table({"a.b": ["a" * 2**20] * 300}), compression="zstd", use_dictionary=False)
    [(_, chunk)] = chunks_of(data)
    true = zigzag(chunk.total_uncompressed_size, 5)
    (tmp_path / "lie.parquet").write_bytes(data.replace(true, zigzag(1000, 5)))
    with pytest.raises(UntrustedFileError, match="unpack to 300 MB"):
        read_parquet(tmp_path / "lie.parquet")


@pytest.mark.parametrize(
    "header", [b"\x15", b"\x15\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x1c" * 90, b"\x19\x00"]
)
def test_a_damaged_header_is_refused(header):
    data = b"PAR1" + header
    with pytest.raises(UntrustedFileError, match="header of a page"):
        unpacked_bytes(data, 4, len(header))


@pytest.mark.parametrize(("start", "size"), [(0, 4), (4, 1000), (4, -1), (900, 1)])
def test_a_column_outside_the_file_is_refused(start, size):
    with pytest.raises(UntrustedFileError, match="outside the file"):
        unpacked_bytes(b"PAR1" + bytes(100), start, size)
