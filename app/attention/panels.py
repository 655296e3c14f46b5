"""Panels of the Attention page: diagnosis, attribution map, faithfulness test, rollout of single tokens and heads."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from app import state
from app.attention import words
from app.attention.controls import DiagnosedPhoto, MapStyle
from app.cache import explanations
from app.cache.explanations import Progress
from app.diagnose import words as verdict_words
from app.photo_inputs import is_remote_client
from app.photos import pictures
from app.widgets import picture, plain, sentence
from app.words import percent, shell_word, where_photos_go
from hvit.explain.color_scale import ColorScale
from hvit.explain.export import no_evidence_note
from hvit.explain.leaf_shares import LeafShares, leaf_shares
from hvit.explain.overlay import colormap_of, overlay_heatmap
from hvit.explain.request import ExplanationRequest

if TYPE_CHECKING:  # most import torch, which the first frame does not wait for
    from streamlit.delta_generator import DeltaGenerator

    from hvit.explain.explanation import Explanation
    from hvit.runs.snapshot import RunSnapshot

MAP_PX = 640  # small photos are enlarged to this, so that colors run smoothly


def empty_state() -> None:
    """Empty state: the page without photos."""
    st.html(
        '<div class="empty"><p class="verdict"><b>Show me a leaf.</b></p><p>You will see which places of the photo an '
        "answer comes from, and a test of whether that is so. Photos "
        f"{where_photos_go(is_remote_client())}</p></div>"
    )


def verdict(diagnosed: DiagnosedPhoto) -> bool:
    """The diagnosis in the words of the Diagnose page; False where there is no prediction to explain."""
    bold, rest = verdict_words.headline(diagnosed.diagnosis, diagnosed.photo.name)
    st.html(f'<h2 class="verdict" role="status"><b>{html.escape(bold)}</b>{html.escape(rest)}</h2>')
    if text := verdict_words.below_headline(diagnosed.diagnosis):
        sentence(text, "below")
    if diagnosed.diagnosis.verdict == "unreadable":
        return False
    if diagnosed.diagnosis.verdict == "unfamiliar":
        sentence(words.UNFAMILIAR, "notice")
        if not state.is_shown_anyway(diagnosed.photo):
            st.button("Show anyway", on_click=state.show_anyway, args=(diagnosed.photo,))
            return False
    return True


@contextmanager
def placeholder_map(diagnosed: DiagnosedPhoto, request: ExplanationRequest, style: MapStyle) -> Iterator[None]:
    """Context manager that shows the rollout of the diagnosis, or the photo, while a slow method computes."""
    if not explanations.is_slow(diagnosed.photo, diagnosed.checkpoint, request):
        yield
        return
    place, diagnosis = st.empty(), diagnosed.diagnosis
    with place.container():
        title = words.PLACEHOLDER if diagnosis.heatmap is not None else words.PHOTO_PLACEHOLDER
        st.html(f'<p class="map-title">{html.escape(title)}</p>')
        pixels = pictures.enlarged(diagnosis.pixels, MAP_PX)
        if diagnosis.heatmap is not None:
            pixels = overlay_heatmap(pixels, diagnosis.heatmap, opacity=style.opacity)
        picture(pixels, title, diagnosed.is_rendered, "picture_meanwhile")
    try:
        yield
    finally:
        place.empty()


def attribution_map(
    diagnosed: DiagnosedPhoto, request: ExplanationRequest, explanation: Explanation, style: MapStyle
) -> None:
    """The attribution map over the photo, with its color bar and caveats; the top attributions are outlined."""
    title = words.map_title(request)
    if explanation.is_empty:
        _over_photo(diagnosed, explanation, style, title, "picture_map")
        return
    outlined = explanations.top_attributions(diagnosed.photo, diagnosed.checkpoint, explanation)
    _over_photo(diagnosed, explanation, style, title, "picture_map", outlined)
    color_bar(explanation.scale, style.opacity)
    if request.against is not None:
        sentence(words.colors_of_difference(request.class_name, request.against), "below")
    elif explanation.scale.linthresh is not None:
        sentence(words.SIGNED, "standing")
    if explanations.exceeds_randomized_model(diagnosed.run, request, explanation) is False:
        sentence(words.NOTHING_EXCEEDS_RANDOMIZED, "notice")


def _over_photo(
    diagnosed: DiagnosedPhoto,
    explanation: Explanation,
    style: MapStyle,
    title: str,
    key: str,
    outlined: np.ndarray | None = None,
) -> None:
    """The photo with its map; where the attribution is empty, the photo alone and a sentence."""
    st.html(f'<p class="map-title">{html.escape(title)}</p>')
    if note := no_evidence_note(explanation, diagnosed.checkpoint.classes):
        sentence(note, "notice")
    if explanation.is_empty or not style.shows_map:
        picture(pictures.enlarged(diagnosed.diagnosis.pixels, MAP_PX), "The photo", diagnosed.is_rendered, key)
        return
    pixels = with_heatmap(diagnosed.diagnosis.pixels, explanation, style.opacity)
    if outlined is not None:
        pixels = pictures.with_outline(pixels, outlined, width_px=1)
    picture(pixels, title, diagnosed.is_rendered, key)


def comparison_map(
    diagnosed: DiagnosedPhoto,
    other: DiagnosedPhoto | None,
    request: ExplanationRequest,
    explanation: Explanation,
    style: MapStyle,
    progress: Progress,
) -> None:
    """The same explanation of the model with randomized weights, or of another run.

    Args:
        other: the photo with its diagnosis by that run; None for randomized weights.
    """
    if other is None:
        randomized = explanations.explain(diagnosed.photo, diagnosed.checkpoint, request, progress, randomized=True)
        _over_photo(diagnosed, randomized, style, words.RANDOMIZED, "picture_beside")
        if explanation.is_empty or randomized.is_empty:
            return
        color_bar(randomized.scale, style.opacity)
        sentence(words.rank_correlation_line(explanations.rank_correlation(explanation, randomized)), "standing")
        return
    if request.method not in explanations.methods_for(other.checkpoint):
        sentence(words.needs_attention_sentence(other.run.name, request.method), "notice")
        return
    other_request = request.for_classes(other.run.classes, other.diagnosis.label)
    other_explanation = explanations.explain(other.photo, other.checkpoint, other_request, progress)
    _over_photo(
        other, other_explanation, style, f"{other.run.name}: {words.map_title(other_request)}", "picture_beside"
    )
    if not other_explanation.is_empty:
        color_bar(other_explanation.scale, style.opacity)
    bold, rest = verdict_words.headline(other.diagnosis, other.photo.name)
    sentence(f"{other.run.name} says: {bold}{rest}", "below")


def with_heatmap(pixels: np.ndarray, explanation: Explanation, opacity: float, side_px: int = MAP_PX) -> np.ndarray:
    """Overlays the heatmap on the photo, its longer side at least `side_px`."""
    return overlay_heatmap(
        pictures.enlarged(pixels, side_px), explanation.heatmap, colormap_of(explanation.scale), opacity
    )


def color_bar(scale: ColorScale, opacity: float) -> None:
    """Color bar with ticks, blended with a medium grey as over a photo."""
    bar = np.linspace(0, 1, 21, dtype=np.float32)[None]
    colors = overlay_heatmap(np.full((1, 21, 3), 128, np.uint8), bar, colormap_of(scale), opacity)[0]
    stops = ", ".join(f"rgb({r},{g},{b})" for r, g, b in colors.tolist())
    ticks = "".join(
        f'<span style="left:{100 * position:.1f}%">{label}</span>'
        for label, position in zip(scale.labels, scale.normalize(np.array(scale.ticks)).tolist())
    )
    st.html(
        f'<div class="heat"><div class="heat-scale" style="background: linear-gradient(to right, {stops})"></div>'
        f'<div class="heat-ticks">{ticks}</div></div><p class="standing unit">{html.escape(scale.unit)}</p>'
    )


def faithfulness(
    diagnosed: DiagnosedPhoto, request: ExplanationRequest, explanation: Explanation, place: DeltaGenerator
) -> None:
    """Faithfulness: a perturbation test, the localization on a rendered leaf, and the recorded rank of the method.

    An empty attribution cannot be tested: only the rank is shown.

    Args:
        place: of the sentence that sums up the test, near the map.
    """
    if explanation.is_empty:
        _method_rank(diagnosed.run, request.method)
        return
    name = request.class_name or diagnosed.diagnosis.label
    test = explanations.perturbation_test(
        diagnosed.photo, diagnosed.checkpoint, request, explanation, name, diagnosed.crop
    )
    with place:
        if request.class_name is None:
            sentence(words.SAME_FOR_EVERY_CLASS, "below")
        sentence(
            words.perturbation_sentence(
                test, name, name == diagnosed.diagnosis.label and diagnosed.diagnosis.verdict == "named"
            ),
            "below",
        )
    st.html('<h3 class="part">Does it hold up?</h3>')
    share = percent(test.fraction)
    st.html(
        _probability_change(f"Cover marked {share}", test.original, test.top_masked, "marked")
        + _probability_change(f"Cover {share} at random", test.original, test.random_masked, "chance")
    )
    sentence(words.perturbation_note(test, name), "standing")
    if diagnosed.rendering is not None and (
        shares := leaf_shares(explanation, diagnosed.rendering.leaf_mask, diagnosed.rendering.symptom_mask)
    ):
        st.html(_share_bars(shares))
    _method_rank(diagnosed.run, request.method)


def _method_rank(run: RunSnapshot, method: str) -> None:
    """Recorded rank of the method, or the command that tests the methods of the run."""
    tests = explanations.recorded_tests(run)
    sentence(words.method_rank_sentence(tests, method), "rank")
    if not tests.methods and tests.problem is None:
        st.code(f"python -m training.explain --run {shell_word(run.name)} --data path/to/photos", language="bash")


def _probability_change(label: str, before: float, after: float, style: str) -> str:
    """A probability before and after masking, as numbers and as a bar."""
    return (
        f'<div class="fall {style}"><p><span>{label}</span><b>{words.probability_change(before, after)}</b></p>'
        f'<div class="track" aria-hidden="true"><i class="was" style="width:{100 * before:.1f}%"></i>'
        f'<i class="is" style="width:{100 * after:.1f}%"></i></div></div>'
    )


def _share_bars(found: LeafShares) -> str:
    """Shares of the attribution by tissue, above the shares of the area, as stacked bars."""
    rows = (("On", found.attribution), ("Area", found.area))
    parts = "".join(
        f"<p><span>{label}: {words.shares_line(shares)}</span></p>"
        '<div class="track parts" aria-hidden="true">'
        + "".join(f'<i class="{kind}" style="width:{100 * share:.1f}%"></i>' for kind, share in shares.items())
        + "</div>"
        for label, shares in rows
    )
    return f'<div class="on-what">{parts}</div>'


def limitations(method: str) -> None:
    """Expander with the limitations of a method."""
    with st.expander("What this picture cannot tell"):
        for text in (*words.LIMITATIONS[method], words.GENERAL_LIMITATION):
            st.write(plain(text))


def save(diagnosed: DiagnosedPhoto, explanation: Explanation) -> None:
    """Download buttons: overlay as PNG, attribution as NPY, metadata as JSON."""
    stem = f"{Path(diagnosed.photo.name).stem}.{explanation.method}"
    labels = {"png": "Picture (PNG)", "npy": "Numbers (NPY)", "json": "Record (JSON)"}
    with st.popover("Save"):
        for ending, make in explanations.files_of(diagnosed.photo, diagnosed.checkpoint, explanation).items():
            st.download_button(labels[ending], make, f"{stem}.{ending}", on_click="ignore", key=f"save_{ending}")


def link(diagnosed: DiagnosedPhoto) -> None:
    """URL of the current view; it holds a rendered leaf, but not a photo."""
    can_be_drawn = diagnosed.is_rendered and diagnosed.photo.data is None
    state.write_sample_to_query(str(diagnosed.photo.address) if can_be_drawn else None)
    with st.popover("Link"):
        # The run even where it is the first here: elsewhere another may be.
        other_request = urlencode({state.RUN: diagnosed.run.name, **st.query_params.to_dict()})
        st.code(f"{st.context.url or ''}?{other_request}", language=None, wrap_lines=True)
        if not can_be_drawn:
            st.caption("The link holds everything but the photo.")
