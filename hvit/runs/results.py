"""Writes results into the folder of a run: predictions, scores, maps and reports, each listed in its manifest."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hvit.files import write_bytes, write_json
from hvit.runs.writer import add_to_manifest

if TYPE_CHECKING:
    import pyarrow as pa


def record_results(run_dir: Path, results: Mapping[str, Any], removed: Iterable[str] = ()) -> None:
    """Writes files of a run, each whole or not at all, then brings its manifest up to date for them.

    Args:
        results: content by path below the run, such as `eval/test/metrics.json`: bytes as they are, all else as JSON.
        removed: files that are no longer part of the run.
    Raises:
        OSError: a file cannot be written; those before it are, and the manifest is as it was.
    """
    for name, content in results.items():
        write = write_bytes if isinstance(content, bytes) else write_json
        write(run_dir / name, content)
    add_to_manifest(run_dir, results, removed)


def parquet_bytes(table: pa.Table, **options: Any) -> bytes:
    """A table as a Parquet file, compressed with zstd.

    Args:
        options: of `pyarrow.parquet.write_table`.
    """
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, **{"compression": "zstd", "compression_level": 19} | options)
    return buffer.getvalue()


def npz_bytes(**arrays: np.ndarray) -> bytes:
    """Arrays as a compressed .npz file, nothing pickled.

    >>> len(npz_bytes(a=np.zeros(3))) > 0
    True
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
