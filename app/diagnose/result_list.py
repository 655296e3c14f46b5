"""List of photos on the Diagnose page, with downloads as CSV and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import streamlit as st

from app import state
from app.cache.diagnoses import Result, diagnose_with_heatmap
from app.cache.photos import rendering_of
from app.diagnose import ground_truth, report, words
from app.diagnose.area_panel import measured_outlines
from app.photos import pictures
from app.photos.photo_files import PhotoFile
from app.widgets import plain, sentence
from hvit.csv_tables import diagnosis_row, to_csv
from hvit.explain.overlay import overlay_heatmap
from hvit.runs.snapshot import RunSnapshot

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.runs.checkpoint import Checkpoint

ROWS_A_PAGE = 8
MOST_MAPS = 50  # in a report: each takes a pass
REPORT_PX = 232


def result_list(
    photos: Sequence[PhotoFile],
    results: Sequence[Result],
    chosen: int,
    run: RunSnapshot,
    checkpoint: Checkpoint,
    crop: str | None,
) -> None:
    """List of photos with thumbnail and verdict; a click shows one large.

    Args:
        crop: that predictions are restricted to; None for all.
    """
    summary = words.summary((result.diagnosis for result in results), _num_rendered(photos))
    st.html(f'<p class="summary" role="status">{summary}</p>')
    if same := words.copies(state.copies()):
        sentence(same, "standing")
    num_pages = -(-len(photos) // ROWS_A_PAGE)
    page = chosen // ROWS_A_PAGE + 1
    if num_pages > 1:
        page = st.pagination(num_pages, default=page, key=f"list_page_{page}")
    for index in range((page - 1) * ROWS_A_PAGE, min(page * ROWS_A_PAGE, len(photos))):
        _row(index, photos[index], results[index], index == chosen)
    _downloads(photos, results, run, checkpoint, crop)


def _row(index: int, photo: PhotoFile, result: Result, is_chosen: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"{'chosen' if is_chosen else 'row'}_{index}"):
        if result.thumbnail is None:
            st.html('<div class="no-thumbnail" aria-hidden="true">!</div>', width=44)
        else:
            st.image(result.thumbnail, width=44, alt="")
        line = f"**{plain(photo.name)}** {plain(words.list_line(result.diagnosis))}"
        kind = "open_unreadable" if result.diagnosis.error else "open"  # a reason takes the lines that it needs
        st.button(line, key=f"{kind}_{index}", type="tertiary", on_click=state.choose, args=(index,))


def _num_rendered(photos: Sequence[PhotoFile]) -> int:
    return sum(photo.address is not None for photo in photos)


def _table(photos: Sequence[PhotoFile], results: Sequence[Result], sha256: str, areas: Mapping) -> bytes:
    rows = [
        result.diagnosis.to_row(photo.name) | {"severity_corrected": areas.get((photo.key, sha256))}
        for photo, result in zip(photos, results)
    ]
    if _num_rendered(photos):
        rows = [row | ground_truth.csv_columns(rendering_of(photo)) for row, photo in zip(rows, photos)]
    return to_csv([diagnosis_row(row) for row in rows])


def _report(
    photos: Sequence[PhotoFile],
    results: Sequence[Result],
    run: RunSnapshot,
    checkpoint: Checkpoint,
    crop: str | None,
    areas: Mapping,
) -> str:
    info = report.ReportInfo(
        datetime.now(),
        checkpoint.sha256,
        crop,
        checkpoint.card.temperature is not None,
        [evidence_jpeg(photo, result, checkpoint, crop) for photo, result in zip(photos[:MOST_MAPS], results)],
        [areas.get((photo.key, checkpoint.sha256)) for photo in photos],
    )
    renderings = [rendering_of(photo) for photo in photos]
    return report.report_html([photo.name for photo in photos], results, renderings, run, info)


def evidence_jpeg(photo: PhotoFile, result: Result, checkpoint: Checkpoint, crop: str | None) -> bytes | None:
    """JPEG of the photo beside its measured outlines and its attention map.

    Returns:
        None where there is no diagnosis, or neither outlines nor a map.
    """
    if result.diagnosis.verdict not in ("named", "unsure"):
        return None
    found = diagnose_with_heatmap(photo, checkpoint, crop)
    panels = [found.pixels]
    if found.severity is not None and found.areas is not None:
        panels.append(measured_outlines(found, checkpoint))
    if found.heatmap is not None:
        panels.append(overlay_heatmap(found.pixels, found.heatmap))
    return pictures.jpeg(pictures.side_by_side(panels, REPORT_PX)) if len(panels) > 1 else None


def _downloads(
    photos: Sequence[PhotoFile], results: Sequence[Result], run: RunSnapshot, checkpoint: Checkpoint, crop: str | None
) -> None:
    areas = state.corrected_areas()  # now: a callable runs outside the session, and finds what was corrected since
    with st.container(horizontal=True, key="downloads"):
        # Callables: a report of a thousand photos is written when it is asked for, not with every click.
        st.download_button(
            "CSV",
            lambda: _table(photos, results, checkpoint.sha256, areas),
            "diagnoses.csv",
            "text/csv",
            on_click="ignore",
        )
        st.download_button(
            "Report",
            lambda: _report(photos, results, run, checkpoint, crop, areas),
            "diagnoses.html",
            "text/html",
            on_click="ignore",
        )
        if len(photos) > MOST_MAPS:
            sentence(f"The report shows outlines and maps of the first {MOST_MAPS} photos.", "standing")
        st.button("Start over", type="tertiary", on_click=state.forget_photos)
