"""Report of diagnoses as one self-contained HTML file."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from app.cache.diagnoses import Result
from app.diagnose import ground_truth, words
from app.photos.rendered_leaves import TAG, Rendering
from app.words import domain_mismatch, joined, percent
from hvit.data.classes import crop_title
from hvit.runs.snapshot import RunSnapshot
from hvit.severity.words import area_percent
from hvit.words import PLANTS_UNKNOWN

if TYPE_CHECKING:  # imports torch, which the first frame does not wait for
    from hvit.diagnosis import Diagnosis

CALIBRATED = "Probabilities are calibrated."
NOT_CALIBRATED = "Probabilities are not calibrated: read them as an order, not as chances."
EVIDENCE = (
    "Beside a photo: where the area was measured, thin the outline of the leaf and thick that of its symptoms; then "
    "where the network took its information from (attention rollout), from 0.5x (dark) to 2x the average (light), "
    "which is not the outline of a lesion."
)
MAX_PICTURE_BYTES = 12 * 2**20  # of all pictures together, before base64 adds a third
_STYLE = (
    "body{font:16px/1.5 Georgia,serif;color:#22261f;background:#fcfbf8;max-width:46rem;margin:3rem auto;padding:0 1rem}"
    "h1{font-size:1.6rem}article{display:flex;gap:1rem;border-top:1px solid #d9d5c9;padding:1rem 0}"
    "img{max-width:232px;align-self:flex-start}article.wide{display:block}.wide img{max-width:100%}"
    ".hash{overflow-wrap:anywhere}"
    "h2{font-size:1.1rem;margin:0}p{margin:.2rem 0}.quiet{color:#6d6f66;font-size:.85rem}"
)


@dataclass(frozen=True)
class ReportInfo:
    """Metadata and pictures of a report.

    Attributes:
        when: local time of the report.
        weights: SHA-256 of the weights.
        crop: that predictions were restricted to; None for all.
        calibrated: whether a temperature was fitted for this run.
        pictures: a JPEG for each photo, see `evidence_jpeg`; None, and photos beyond the last, for the thumbnail.
        areas: lesion share of each photo as the reader corrected it; None where it was not corrected.
    """

    when: datetime | None = None
    weights: str | None = None
    crop: str | None = None
    calibrated: bool = False
    pictures: Sequence[bytes | None] = ()
    areas: Sequence[float | None] = ()


def report_html(
    names: Sequence[str],
    results: Sequence[Result],
    renderings: Sequence[Rendering | None],
    run: RunSnapshot,
    info: ReportInfo | None = None,
) -> str:
    """Builds the HTML document: one entry for each photo, embedded pictures, no script.

    Args:
        renderings: ground truth of each rendered leaf; None for a photo.
    """
    info = info or ReportInfo()
    pictures = [*info.pictures, *[None] * (len(names) - len(info.pictures))]
    areas = [*info.areas, *[None] * (len(names) - len(info.areas))]
    jpegs = [wide or result.thumbnail for wide, result in zip(pictures, results)]
    num_pictured = _num_within_budget(jpegs)
    jpegs[num_pictured:] = [None] * (len(jpegs) - num_pictured)
    wide = [picture is not None and picture is jpeg for picture, jpeg in zip(pictures, jpegs)]
    entries = "".join(_entry(*entry, run) for entry in zip(names, results, renderings, jpegs, wide, areas))
    head = html.escape(_head(info, len(names), num_pictured))
    num_rendered = sum(rendering is not None for rendering in renderings)
    title = html.escape(words.summary((result.diagnosis for result in results), num_rendered))
    model = html.escape(run.name) + (f". {PLANTS_UNKNOWN}" if run.plants_known is False else "")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Leaf diagnoses</title><style>{_STYLE}</style>'
        f'<h1>{title}</h1><p class="quiet">{head}</p>{entries}<p class="quiet">Model: {model}. '
        f"{CALIBRATED if info.calibrated else NOT_CALIBRATED} A model's answer is not a plant pathologist's.</p>"
        f"{_weights(info)}</html>"
    )


def _num_within_budget(jpegs: Sequence[bytes | None]) -> int:
    """Number of leading pictures whose total size is within `MAX_PICTURE_BYTES`."""
    used = np.cumsum([len(jpeg or b"") for jpeg in jpegs])
    return int(np.searchsorted(used, MAX_PICTURE_BYTES, side="right"))


def _head(info: ReportInfo, num_photos: int, num_pictured: int) -> str:
    """Introduction: time, crop, and legend of the pictures."""
    sentences = [] if info.when is None else [f"{info.when.day} {info.when:%B %Y, %H:%M}."]
    sentences.append("Crop: not chosen." if info.crop is None else f"Crop: {crop_title(info.crop)}, as chosen.")
    if any(info.pictures):
        sentences.append(EVIDENCE)
        if len(info.pictures) < num_photos:
            sentences.append(f"Outlines and maps are of the first {len(info.pictures):,} of {num_photos:,} photos.")
    if num_pictured < num_photos:
        limit = f"{MAX_PICTURE_BYTES // 2**20} MB"
        sentences.append(
            f"Pictures are of the first {num_pictured:,} of {num_photos:,} photos: together up to {limit}."
        )
    return " ".join(sentences)


def _weights(info: ReportInfo) -> str:
    return "" if info.weights is None else f'<p class="quiet hash">Weights: SHA-256 {html.escape(info.weights)}</p>'


def _candidates(diagnosis: Diagnosis) -> str | None:
    """Prediction set with probabilities; None without a diagnosis."""
    if diagnosis.verdict not in ("named", "unsure"):
        return None
    classes = [
        f"{words.class_title(name)} {percent(diagnosis.probabilities[name])}" for name in diagnosis.prediction_set
    ]
    return f"Cannot be ruled out: {joined(classes)}."


def _entry(
    name: str,
    result: Result,
    rendering: Rendering | None,
    jpeg: bytes | None,
    is_wide: bool,
    area: float | None,
    run: RunSnapshot,
) -> str:
    diagnosis, picture = result.diagnosis, ""
    if jpeg is not None:
        alt = "The photo, and beside it outlines and map" if is_wide else ""
        picture = f'<img alt="{alt}" src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}">'
    is_rendered = rendering is not None
    lines = [words.summary_sentence(diagnosis, name), *words.photo_remarks(diagnosis, is_rendered)]
    if candidates := _candidates(diagnosis):
        lines.insert(1, candidates)
    if sentences := words.area_sentences(diagnosis):
        lines.append(" ".join(sentences))
    if area is not None:
        lines.append(f"Corrected by the reader: {area_percent(area)} of the leaf.")
    if is_rendered:
        lines += [
            " ".join(ground_truth.compare_prediction(diagnosis, rendering)).strip(),
            f"{TAG}: {rendering.address}.",
        ]
    if warning := domain_mismatch(run.learned_from, is_rendered, None):
        lines.append(warning)
    paragraphs = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    start = '<article class="wide">' if is_wide else "<article>"
    return (
        f"{start}{picture}<div><h2>{html.escape(name)}</h2>{paragraphs}"
        f'<p class="quiet">SHA-256 {diagnosis.sha256}</p></div></article>'
    )
