"""Panels of the Models page: the table of the family, its speed on this machine, and the card of a run."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import streamlit as st

from app import state, widgets
from app.cache import costs, evaluations, model_cards, model_family
from app.models import words
from app.widgets import sentence
from app.words import between, rate, shell_word
from hvit.csv_tables import to_csv
from hvit.paper import intended_use
from hvit.runs.layout import CARD, CONFIG

if TYPE_CHECKING:
    from hvit.runs.snapshot import RunSnapshot
    from hvit.scoring.recorded_scores import RecordedEvaluation

FIRST_CHOICE = ("hvit_tiny", "hvit_small")
FIGURE_COMMANDS = (
    "python -m hvit figure confusion --run {run} --out confusion.pdf --width 85mm\n"
    "python -m hvit figure reliability --run {run} --out reliability.pdf --width 85mm"
)


def family_table() -> None:
    """Table of sizes, cost and, once measured, latency."""
    st.html("<h2>The family</h2>")
    with st.spinner("Counting parameters"):
        rows = model_family.sizes()
    plain = [row for row in rows if not row["name"].endswith("_dfca")]
    with st.container(key="models_table"):
        _table(plain)
    extra = ", ".join(
        f"{words.size_name(row['name'].removesuffix('_dfca'))} {words.millions(row['params'])}"
        for row in rows
        if row["name"].endswith("_dfca")
    )
    sentence(
        f"Parameters with a head of 1,000 classes. Each size also comes with a spectral stream of five bands: {extra}.",
        "standing",
    )
    sentence(words.CONV, "standing")
    with st.container(key="models_measure"):
        _measure(plain)


def _table(rows: list[dict]) -> None:
    found, threads = model_family.latencies(), model_family.threads()
    measured = [count for count in threads if any((row["name"], count) in found for row in rows)]
    head = ["", "parameters", f"GMACs at {model_family.IMG_SIZE} px", "channels", "blocks"]
    head += [f"one photo, {count} thread{'s' * (count > 1)}" for count in measured]
    body = [
        [
            words.size_name(row["name"]),
            f"{row['params']:,}",
            f"{row['gmacs']:.2f}",
            ", ".join(map(str, row["dims"])),
            ", ".join(map(str, row["depths"])),
            *(words.latency(found.get((row["name"], count))) for count in measured),
        ]
        for row in rows
    ]
    st.html(_html_table(head, body))
    st.download_button("CSV", lambda: to_csv(_csv_rows(rows)), "models.csv", "text/csv", on_click="ignore")


def _csv_rows(rows: list[dict]) -> list[dict]:
    found = model_family.latencies()
    table = []
    for row in rows:
        cells = {key: row[key] for key in ("name", "params", "gmacs", "img_size")}
        cells |= {key: " ".join(map(str, row[key])) for key in ("dims", "depths")}
        for count in model_family.threads():
            one = found.get((row["name"], count))
            low, high = one.range_ms if one else ("", "")
            cells |= {
                f"median_ms_{count}_threads": one.median_ms if one else "",
                f"least_ms_{count}_threads": low,
                f"most_ms_{count}_threads": high,
            }
        table.append(cells)
    return table


def _html_table(head: list[str], body: list[list[str]]) -> str:
    top = "".join(f"<td>{html.escape(cell)}</td>" for cell in head)
    rows = "".join(
        f"<tr><th>{html.escape(row[0])}</th>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in body
    )
    return f'<div class="scroll"><table class="plain numbers-right"><thead><tr>{top}</tr></thead>{rows}</table></div>'


def _measure(rows: list[dict]) -> None:
    """Button that measures latency on this machine."""
    known = {row["name"]: row for row in rows}
    chosen = st.pills(
        "Time for one photo on this machine",
        list(known),
        selection_mode="multi",
        default=list(FIRST_CHOICE),
        key=state.MEASURED,
        format_func=lambda name: f"{words.size_name(name)} ({words.memory(known[name]['params'])})",
    )
    if st.button("Measure", disabled=not chosen):
        with widgets.progress("Passes") as progress:
            model_family.measure([name for name in known if name in chosen], progress)
        st.rerun()
    if model_family.latencies():
        sentence(words.latency_caveat(model_family.cores()), "standing")


def card(record: RunSnapshot) -> None:
    """Model card of a run.

    Raises:
        ValueError: a record of the run is damaged.
    """
    cost = costs.cost_of(record)
    st.html(f'<h3 class="card-title">{html.escape(record.name)}</h3>')
    sentence(words.summary_sentence(record, cost), "below")
    for text in (words.status(record), record.problem, words.plants(record)):
        if text:
            sentence(text)
    scores = evaluations.recorded_evaluation(record)
    if scores is not None:
        _scores(record, scores)
    with st.container(key="card_body"):
        with st.container(key="card_left"):
            _points("What it is for", intended_use.intended_uses(record))
            _points("What it is not for", intended_use.out_of_scope_uses(record))
            _points("What its answers mean", words.calibration(record))
            _conditions(record)
        with st.container(key="card_right"):
            _licences(record)
            _pretrained(record)
            _notes(record)
            _provenance(record)
            _downloads(record)
    _for_a_paper(record)


def _calibrated(record: RunSnapshot) -> str:
    return "15 bins" if record.card is not None and record.card.temperature is not None else "run is not calibrated"


def _scores(record: RunSnapshot, scores: RecordedEvaluation) -> None:
    found = scores.document
    low_high = found.get("top1_ci")
    cells = [
        ("Top-1 accuracy", rate(found["top1"]), between(low_high) if low_high else ""),
        ("Macro-F1", rate(found["macro_f1"]), between(scores.macro_f1_ci) if scores.macro_f1_ci else ""),
    ]
    if found.get("ece") is not None:
        cells.append(("Calibration error (ECE)", rate(found["ece"]), _calibrated(record)))
    if found.get("coverage") is not None:
        cells.append(("Prediction set coverage", rate(found["coverage"]), f"mean size {found['mean_set_size']:.1f}"))
    if found.get("accepted") is not None:
        cells.append(("In distribution", rate(found["accepted"]), "of these"))
    what = "Cross-validated" if scores.split == "cv" else "Test"
    cells.append((what, f"{found['n']:,}", "pictures"))
    widgets.metrics(cells)
    notes = ["Intervals of 95 %: Wilson for top-1 accuracy, bootstrap for macro-F1."]
    if scores.times_evaluated is not None:
        notes.append(words.times_evaluated(scores.times_evaluated))
    sentence(" ".join(notes), "standing")


def _points(title: str, lines: Iterable[str]) -> None:
    lines = list(lines)
    if lines:
        points = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
        st.html(f'<h4>{html.escape(title)}</h4><ul class="points">{points}</ul>')


def _conditions(record: RunSnapshot) -> None:
    if not record.classes:
        return
    with st.expander(f"The {len(record.classes)} conditions it knows"):
        rows = "".join(
            f"<dt>{html.escape(crop)}</dt><dd>{html.escape(conditions)}</dd>"
            for crop, conditions in words.condition_lists(record.classes)
        )
        st.html(f'<dl class="conditions">{rows}</dl>')


def _licences(record: RunSnapshot) -> None:
    rows = words.licence_rows(record)
    if rows:
        body = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>" for name, text in rows)
        st.html(f'<h4>Data and licences</h4><table class="plain">{body}</table>')


def _pretrained(record: RunSnapshot) -> None:
    rows, card = words.pretrained_rows(record), record.card
    if card is None or card.pretrained is None:
        return
    body = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>" for name, text in rows)
    sha256 = html.escape(card.pretrained.sha256)
    st.html(
        f'<h4>Weights it started from</h4><table class="plain">{body}</table>'
        f'<p class="standing">SHA-256 of that file <span class="hash">{sha256}</span></p>'
    )


def _notes(record: RunSnapshot) -> None:
    text = model_cards.notes(record)
    if text:
        body = "".join(
            _notes_table(block) if tag == "table" else f"<{tag}>{_with_code(block)}</{tag}>"
            for tag, block in words.notes_blocks(text)
        )
        st.html(f'<h4>Limits and notes</h4><div class="points">{body}</div>')


def _notes_table(text: str) -> str:
    """HTML of a Markdown table of notes; wide ones scroll."""
    rows = ["".join(f"<td>{_with_code(cell)}</td>" for cell in cells) for cells in words.table_cells(text)]
    head, body = "".join(rows[:1]), "".join(f"<tr>{row}</tr>" for row in rows[1:])
    return f'<div class="scroll"><table class="plain"><thead><tr>{head}</tr></thead>{body}</table></div>'


def _with_code(line: str) -> str:
    """HTML of a line of notes, in which only `code` is formatted."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(line))


def _provenance(record: RunSnapshot) -> None:
    st.html("<h4>How it was made</h4>")
    if command := words.made_by(record):
        st.code(command, language="bash", wrap_lines=True)
    if lines := words.made_with(record):
        sentence(", ".join(lines) + ".", "standing")
    if parent := record.info.parent:
        sentence(f"It starts from the backbone of run {parent}.", "standing")
    if record.card is not None:
        here = "in this copy" if record.has_weights else "not in this copy"
        st.html(f'<p class="standing">Weights ({here}), SHA-256 <span class="hash">{record.card.sha256}</span></p>')


def _downloads(record: RunSnapshot) -> None:
    files = {name: model_cards.file_of(record, name) for name in (CARD, CONFIG)}
    with st.container(horizontal=True, key="card_downloads"):
        for name, data in files.items():
            if data is not None:
                kind = "application/json" if name.endswith("json") else "text/yaml"
                st.download_button(name, data, f"{record.name}_{name}", kind, on_click="ignore", key=f"card_{name}")
        if {"test", "cv"} & set(record.splits) & set(record.scored):
            st.download_button(
                "Model card", lambda: model_cards.markdown_of(record), f"{record.name}_card.md", "text/markdown",
                on_click="ignore", key="card_markdown",
            )  # fmt: skip


def _for_a_paper(record: RunSnapshot) -> None:
    if record.config is None:
        return
    with st.expander("For a paper"):
        st.write("The Methods paragraph, from what this run recorded, with BibTeX:")
        st.code(f"python -m hvit methods --run {shell_word(record.name)}", language="bash")
        st.download_button(
            "Methods", lambda: _methods_text(record), f"{record.name}_methods.md", "text/markdown", on_click="ignore"
        )
        if record.splits:
            st.write("Figures, vector graphics at the width of a column:")
            st.code(FIGURE_COMMANDS.format(run=shell_word(record.name)), language="bash")


def _methods_text(record: RunSnapshot) -> str:
    methods = model_cards.methods_of(record)
    return f"{methods.text}\n\n{methods.bibtex}\n"
