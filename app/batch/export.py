"""Downloads of a batch: CSV, workbook and report of the photos in the table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import streamlit as st

from app import state
from app.batch.detail import file_of
from app.cache import batches, records, runs
from app.cache.diagnoses import Result
from app.diagnose import report
from app.diagnose.result_list import MOST_MAPS, evidence_jpeg
from hvit.batches import Batch
from hvit.batches.results import WAITING, Results
from hvit.batches.reviews import Review
from hvit.batches.tables import table_rows, to_xlsx
from hvit.csv_tables import to_csv
from hvit.runs.snapshot import RunSnapshot

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def downloads(batch: Batch, results: Results, reviews: dict[str, dict[str, Review]], rows: np.ndarray) -> None:
    """Download buttons; each file is made on request, not with every rerun."""
    if not len(rows):
        return
    notes = batches.notes_of(batch)
    tables = [
        ("CSV", "csv", "text/csv", lambda: to_csv(table_rows(results, reviews, notes, rows))),
        ("XLSX", "xlsx", XLSX, lambda: to_xlsx({"Photos": table_rows(results, reviews, notes, rows)})),
    ]
    with st.container(horizontal=True, vertical_alignment="center", key="batch_downloads"):
        for title, suffix, kind, make in tables:
            st.download_button(title, make, f"{batch.name}.{suffix}", kind, on_click="ignore", key=f"batch_{suffix}")
        if records.record_of(batch.run) is None:  # deleted or damaged since: its training data is unknown
            return
        has_maps = st.session_state.get(state.REPORT_MAPS, False)
        st.download_button(
            "Report",
            lambda: _report(batch, results, rows, has_maps),
            f"{batch.name}.html",
            "text/html",
            on_click="ignore",
            key="batch_html",
        )
        title = f"with outlines and maps of the first {MOST_MAPS} photos"
        st.checkbox(title, key=state.REPORT_MAPS, disabled=batches.run_with_weights_of(batch) is None)


def _report(batch: Batch, results: Results, rows: np.ndarray, has_maps: bool) -> str:
    """HTML report of the scored photos in the table."""
    from hvit.batches.diagnoses import diagnosis_of

    record = records.record_of(batch.run)
    assert record is not None, f"run {batch.run} went while the report was written"
    done = [int(row) for row in rows if results.verdicts[row] != WAITING]
    photos = [results.photos[row] for row in done]
    entries = [
        Result(diagnosis_of(results, row, batch.run), batches.thumbnail(batch, photo.path))
        for row, photo in zip(done, photos)
    ]
    crops = {results.crops[row] for row in done}
    info = report.ReportInfo(
        datetime.now(),
        batch.run_sha256,
        crops.pop() if len(crops) == 1 else None,
        batch.rules.calibrated,
        _maps(batch, results, done[:MOST_MAPS], entries, record) if has_maps else (),
    )
    return report.report_html([photo.name for photo in photos], entries, [None] * len(photos), record, info)


def _maps(
    batch: Batch, results: Results, rows: Sequence[int], entries: Sequence[Result], record: RunSnapshot
) -> list[bytes | None]:
    """JPEG of each photo with outlines and map; None where there are none, or where the run changed or is gone."""
    if batches.run_with_weights_of(batch) is None or not record.can_predict:
        return [None] * len(rows)
    checkpoint = runs.load_model(record)
    return [
        evidence_jpeg(file_of(batch, results, row), entry, checkpoint, results.crops[row])
        for row, entry in zip(rows, entries)
    ]
