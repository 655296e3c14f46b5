"""The Shortcuts view of the Evaluation page: accuracy with one visual cue removed."""

from __future__ import annotations

import html
from typing import Any

import streamlit as st

from app import widgets
from app.cache import trust
from app.words import between, rate, shell_word
from hvit.runs.predictions import Predictions
from hvit.runs.snapshot import RunSnapshot
from hvit.scoring.audit_rows import REGIONS, TITLES, AttributionShare, Cue, Transfer
from hvit.scoring.audit_words import attribution_meaning, meaning, transfer_meaning
from hvit.scoring.recorded_scores import SplitScores
from hvit.words import capitalized, class_title


def shortcuts(record: RunSnapshot, predictions: Predictions, scores: SplitScores) -> None:
    """The recorded audit: one sentence and one row a cue, and recall in laboratory and field."""
    with widgets.user_errors_shown():
        audit = trust.audit_of(record, predictions.split)
    if audit is None:
        widgets.sentence("What this run answers without color, detail, leaf or background was not measured:", "below")
        command = f"python -m training.audit --run {shell_word(record.name)} --data path/to/photos"
        st.code(command + ("" if predictions.split == "test" else f" --split {predictions.split}"), language="bash")
        return
    if record.card is not None and audit.weights_sha256 != record.card.sha256:
        widgets.notice("These answers are of other weights than the run has now: run the audit again.")
    found_by = "color" if audit.leaf_masks is None else f"the segmentation head of {audit.leaf_masks}"
    widgets.sentence(
        f"{audit.n:,} pictures with one cue changed or taken away, compared with the answers to the same pictures as "
        f"they are. Leaf masks by {found_by}, for the {audit.masked:,} pictures where one leaf stands apart.",
        "standing",
    )
    st.html(_list([meaning(cue) for cue in audit.cues]))
    widgets.table([_row(cue) for cue in audit.cues], "shortcuts", [_exported(cue) for cue in audit.cues])
    if audit.attribution:
        st.subheader("Where it looks")
        st.html(_list([attribution_meaning(row) for row in audit.attribution]))
        shares = [_share_row(row) for row in audit.attribution]
        widgets.table(shares, "where_it_looks", [_share_exported(row) for row in audit.attribution])
    st.subheader("From the laboratory to the field")
    if not audit.transfer:
        widgets.sentence("No class has enough pictures of both.", "below")
        return
    st.html(_list([capitalized(transfer_meaning(row)) for row in audit.transfer]))
    rows = [_transfer_row(row) for row in audit.transfer]
    widgets.table(rows, "laboratory_to_field", [_transfer_exported(row) for row in audit.transfer])
    widgets.sentence("Recall of each class. Difference with 95 % interval of Newcombe.", "standing")


def _list(lines: list[str]) -> str:
    return f'<ul class="meanings">{"".join(f"<li>{html.escape(line)}</li>" for line in lines)}</ul>'


def _row(cue: Cue) -> dict[str, Any]:
    return {
        "Cue": TITLES[cue.name],
        "Pictures": cue.n,
        "Correct, %": 100 * cue.top1,
        "Correct: 95 %": between(cue.top1_ci),
        "As they are, %": None if cue.clean_top1 is None else 100 * cue.clean_top1,
        "Right answers lost": "" if cue.lost is None else rate(cue.lost),
        "Lost: 95 %": "" if cue.lost_ci is None else between(cue.lost_ci),
        "By guessing, %": 100 * cue.guess,
    }


def _exported(cue: Cue) -> dict[str, Any]:
    low, high = cue.lost_ci or (None, None)
    return {
        "cue": cue.name, "n": cue.n, "top1": cue.top1, "top1_low": cue.top1_ci[0], "top1_high": cue.top1_ci[1],
        "clean_top1": cue.clean_top1, "lost": cue.lost, "lost_low": low, "lost_high": high, "guess": cue.guess,
        "meaning": meaning(cue),
    }  # fmt: skip


def _share_row(row: AttributionShare) -> dict[str, Any]:
    low, high = row.lead_ci
    return {
        "Region": REGIONS[row.region],
        "Pictures": row.n,
        "Attribution, %": 100 * row.share,
        "Area, %": 100 * row.area,
        "More than by chance, points": f"{100 * row.lead:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})",
    }


def _share_exported(row: AttributionShare) -> dict[str, Any]:
    return {
        "region": row.region, "method": row.method, "n": row.n, "share": row.share, "area": row.area,
        "lead": row.lead, "lead_low": row.lead_ci[0], "lead_high": row.lead_ci[1], "meaning": attribution_meaning(row),
    }  # fmt: skip


def _transfer_row(row: Transfer) -> dict[str, Any]:
    low, high = row.difference_ci
    return {
        "Class": class_title(row.name),
        "Laboratory, %": 100 * row.laboratory,
        "n laboratory": row.n_laboratory,
        "Field, %": 100 * row.field,
        "n field": row.n_field,
        "Difference, points": f"{100 * row.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})",
    }


def _transfer_exported(row: Transfer) -> dict[str, Any]:
    return {
        "class": row.name, "n_laboratory": row.n_laboratory, "laboratory": row.laboratory, "n_field": row.n_field,
        "field": row.field, "difference": row.difference, "difference_low": row.difference_ci[0],
        "difference_high": row.difference_ci[1], "meaning": transfer_meaning(row),
    }  # fmt: skip
