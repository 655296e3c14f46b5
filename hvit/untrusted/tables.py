"""Reads Parquet and CSV files as columns and rows of plain values."""

import csv
import io
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from hvit.untrusted.files import MB, UntrustedFileError, read_bytes
from hvit.untrusted.parquet_pages import unpacked_bytes

MAX_ROWS = 500_000
MAX_VALUES = 20_000_000  # rows times columns, with all entries of lists
MAX_UNPACKED_BYTES = 256 * MB
MAX_TEXT_BYTES = 128 * MB  # of a column
MAX_COLUMNS = 200
MAX_FOOTER_BYTES = 4 * MB
MAX_CSV_BYTES = 64 * MB

Kind = Literal["text", "number", "numbers"]


def read_parquet(path: Path, columns: Mapping[str, Kind] | None = None) -> dict[str, list[Any]]:
    """Reads columns of a Parquet file as lists; sizes are checked before anything is unpacked.

    Args:
        columns: those to read, of which some may be absent: "text" and "numbers", a list of numbers a row, without
            nulls. None for all, which must then be text, numbers or booleans, with or without nulls.
    Raises:
        FileNotFoundError, NotADirectoryError: the file is absent.
        UntrustedFileError: it is no Parquet file, has columns of other types, or exceeds the limits above.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = read_bytes(path, MAX_UNPACKED_BYTES)
    if data[:4] != b"PAR1" or data[-4:] != b"PAR1" or int.from_bytes(data[-8:-4], "little") > MAX_FOOTER_BYTES:
        raise UntrustedFileError("are damaged")
    limits = {"thrift_string_size_limit": MAX_FOOTER_BYTES, "thrift_container_size_limit": 100_000}
    try:
        with pq.ParquetFile(pa.BufferReader(data), **limits) as file:
            schema = file.schema_arrow
            wanted = schema.names if columns is None else [name for name in schema.names if name in columns]
            if len(schema.names) > MAX_COLUMNS or len(set(schema.names)) < len(schema.names):
                raise UntrustedFileError(f"are damaged: they have more than {MAX_COLUMNS} columns, or two of one name")
            for name in wanted:
                _check_type(name, schema.field(name).type, None if columns is None else columns[name])
            _check_size(file.metadata)
            _check_pages(data, file.metadata, columns)
        texts = [name for name in wanted if pa.types.is_string(schema.field(name).type)]
        # As dictionaries a text that comes again and again takes the place of one, until its length is known.
        with pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts, **limits) as file:
            table = file.read(columns=wanted, use_threads=False)
        for name in wanted:
            _check_column(name, table[name], columns is not None)
        return table.to_pydict()
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
        if isinstance(error, MemoryError):
            raise UntrustedFileError("are damaged: they unpack to more than fits into memory") from None
        raise UntrustedFileError("are damaged") from None


def _check_type(name: str, found: Any, expected: Kind | None) -> None:
    import pyarrow as pa

    numeric = pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_boolean(found)
    fits = {
        "text": pa.types.is_string(found),
        "number": numeric,
        "numbers": pa.types.is_list(found) and pa.types.is_floating(found.value_type),
        None: numeric or pa.types.is_string(found) or pa.types.is_null(found),
    }
    if not fits[expected]:
        raise UntrustedFileError(f"are damaged: their column {name[:40]} is of type {str(found)[:40]}")


def _check_size(metadata: Any) -> None:
    """Checks the sizes in the footer; pyarrow reads no more values than it declares."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    chunks = [group.column(i) for group in groups for i in range(group.num_columns)]
    rows, values = sum(group.num_rows for group in groups), sum(chunk.num_values for chunk in chunks)
    unpacked = sum(chunk.total_uncompressed_size for chunk in chunks)
    negative = any(group.num_rows < 0 for group in groups) or any(
        min(chunk.num_values, chunk.total_uncompressed_size, chunk.total_compressed_size) < 0 for chunk in chunks
    )
    if negative or rows != metadata.num_rows:
        raise UntrustedFileError("are damaged")
    if rows > MAX_ROWS or values > MAX_VALUES:
        raise UntrustedFileError(f"have {rows:,} rows, and at most {MAX_ROWS:,} with {MAX_VALUES:,} values are read")
    if unpacked > MAX_UNPACKED_BYTES:
        raise UntrustedFileError(
            f"unpack to {unpacked / MB:,.0f} MB, and at most {MAX_UNPACKED_BYTES >> 20} MB are read"
        )


def _check_pages(data: bytes, metadata: Any, columns: Collection[str] | None) -> None:
    """Checks the uncompressed sizes in the page headers, which decide how much memory is allocated.

    Args:
        columns: those that will be read, whose names have no dots; None for all.
    """
    unpacked = 0
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for chunk in map(group.column, range(group.num_columns)):
            if columns is not None and chunk.path_in_schema.split(".")[0] not in columns:
                continue
            start = chunk.data_page_offset
            if chunk.has_dictionary_page and chunk.dictionary_page_offset:  # without rows, there is no data page: 0
                start = min(start or chunk.dictionary_page_offset, chunk.dictionary_page_offset)
            unpacked += unpacked_bytes(data, start, chunk.total_compressed_size)
    if unpacked > MAX_UNPACKED_BYTES:
        raise UntrustedFileError(
            f"unpack to {unpacked / MB:,.0f} MB, and at most {MAX_UNPACKED_BYTES >> 20} MB are read"
        )


def _check_column(name: str, column: Any, complete: bool) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if complete and (column.null_count or (pa.types.is_list(column.type) and pc.list_flatten(column).null_count)):
        raise UntrustedFileError(f"are damaged: their column {name[:40]} has gaps")
    if not pa.types.is_dictionary(column.type):
        return
    for chunk in column.chunks:
        lengths = pc.binary_length(chunk.dictionary)
        if (pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0) > MAX_TEXT_BYTES:
            raise UntrustedFileError(f"are damaged: the texts of their column {name[:40]} are too long")


def read_csv(path: Path, columns: Collection[str], max_bytes: int = MAX_CSV_BYTES) -> list[dict[str, str]]:
    """Reads some columns of a CSV file in UTF-8 with a header, as rows.

    Args:
        columns: all of which must be there; a row that lacks one has "" there.
    Raises:
        FileNotFoundError, NotADirectoryError: the file is absent.
        UntrustedFileError: it is no such file, or lacks a column.
    """
    try:
        text = read_bytes(path, max_bytes).decode()
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
        if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
            raise UntrustedFileError(f"is damaged: it has no column {missing[0]}")
        return [{name: row[name] for name in columns} for row in reader]
    except (UnicodeDecodeError, csv.Error):
        raise UntrustedFileError("is damaged") from None
