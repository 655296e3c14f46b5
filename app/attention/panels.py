"""The parts of the Attention page: the answer, its map, the tests of it, and single squares and heads."""

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
from app.attention.question import NOTHING, Case, Look, choose_stage
from app.cache import explanations
from app.cache.explanations import Progress
from app.diagnose import words as verdict_words
from app.photos import pictures
from app.widgets import is_from_elsewhere, picture, plain, sentence
from app.words import percent, where_photos_go
from hvit.explain.color_scale import ColorScale
from hvit.explain.export import no_evidence_note
from hvit.explain.leaf_shares import LeafShares, leaf_shares
from hvit.explain.overlay import colormap_of, overlay_heatmap
from hvit.explain.request import ExplanationRequest

if TYPE_CHECKING:  # most import torch, which the first frame does not wait for
    from streamlit.delta_generator import DeltaGenerator

    from hvit.explain.explanation import Explanation

MAP_PX = 640  # small photos are enlarged to this, so that colors run smoothly
HEAD_PX = 240


def nothing_yet() -> None:
    """The page before the first photo."""
    st.html(
        '<div class="empty"><p class="verdict"><b>Show me a leaf.</b></p><p>You will see which places of the photo an '
        "answer comes from, and a test of whether that is so. Photos "
        f"{where_photos_go(is_from_elsewhere())}</p></div>"
    )


def verdict(case: Case) -> bool:
    """The answer that is explained, in the words of Diagnose; False where there is none to explain."""
    bold, rest = verdict_words.headline(case.diagnosis, case.photo.name)
    st.html(f'<h2 class="verdict" role="status"><b>{html.escape(bold)}</b>{html.escape(rest)}</h2>')
    if text := verdict_words.below_headline(case.diagnosis):
        sentence(text, "below")
    if case.diagnosis.verdict == "unreadable":
        return False
    if case.diagnosis.verdict == "unfamiliar":
        sentence(words.UNFAMILIAR, "notice")
        if not state.shows_anyway(case.photo):
            st.button("Show anyway", on_click=state.show_anyway, args=(case.photo,))
            return False
    return True


@contextmanager
def meanwhile(case: Case, question: ExplanationRequest, look: Look) -> Iterator[None]:
    """While a slow method computes, the map that came with the diagnosis, or the photo where there is none."""
    if not explanations.takes_a_while(case.photo, case.checkpoint, question):
        yield
        return
    place, diagnosis = st.empty(), case.diagnosis
    with place.container():
        title = words.MEANWHILE if diagnosis.heatmap is not None else words.PHOTO_MEANWHILE
        st.html(f'<p class="map-title">{html.escape(title)}</p>')
        pixels = pictures.enlarged(diagnosis.pixels, MAP_PX)
        if diagnosis.heatmap is not None:
            pixels = overlay_heatmap(pixels, diagnosis.heatmap, opacity=look.strength)
        picture(pixels, title, case.is_drawn, "picture_meanwhile")
    try:
        yield
    finally:
        place.empty()


def shown_map(case: Case, question: ExplanationRequest, explanation: Explanation, look: Look) -> None:
    """The map over its photo, with its scale and what to make of it; a line runs around the marked tenth."""
    title = words.what_is_shown(question)
    if explanation.is_empty:
        _over_photo(case, explanation, look, title, "picture_map")
        return
    marked = explanations.marked(case.photo, case.checkpoint, explanation)
    _over_photo(case, explanation, look, title, "picture_map", marked)
    scale_of(explanation.scale, look.strength)
    if question.against is not None:
        sentence(words.colors_of_difference(question.class_name, question.against), "below")
    elif explanation.scale.knee is not None:
        sentence(words.SIGNED, "standing")
    if explanations.stands_out(case.run, question, explanation) is False:
        sentence(words.NOTHING_STANDS_OUT, "notice")


def _over_photo(
    case: Case, explanation: Explanation, look: Look, title: str, key: str, outlined: np.ndarray | None = None
) -> None:
    """The photo with its map; where nothing was found, the photo alone and a sentence that says so."""
    st.html(f'<p class="map-title">{html.escape(title)}</p>')
    if note := no_evidence_note(explanation, case.checkpoint.classes):
        sentence(note, "notice")
    if explanation.is_empty or not look.heat:
        picture(pictures.enlarged(case.diagnosis.pixels, MAP_PX), "The photo", case.is_drawn, key)
        return
    pixels = heated(case.diagnosis.pixels, explanation, look.strength)
    if outlined is not None:
        pixels = pictures.with_outline(pixels, outlined, width_px=1)
    picture(pixels, title, case.is_drawn, key)


def beside_map(
    case: Case,
    other: Case | None,
    question: ExplanationRequest,
    explanation: Explanation,
    look: Look,
    progress: Progress,
) -> None:
    """The same question to the network with random weights, or to another run.

    Args:
        other: the photo as that run sees it; None for random weights.
    """
    if other is None:
        twin = explanations.explain(case.photo, case.checkpoint, question, progress, twin=True)
        _over_photo(case, twin, look, words.TWIN, "picture_beside")
        if explanation.is_empty or twin.is_empty:
            return
        scale_of(twin.scale, look.strength)
        sentence(words.likeness_line(explanations.likeness(explanation, twin)), "standing")
        return
    if question.method not in explanations.methods_for(other.checkpoint):
        sentence(words.cannot_look_inside(other.run.name, question.method), "notice")
        return
    asked = question.for_classes(other.run.classes, other.diagnosis.label)
    answer = explanations.explain(other.photo, other.checkpoint, asked, progress)
    _over_photo(other, answer, look, f"{other.run.name}: {words.what_is_shown(asked)}", "picture_beside")
    if not answer.is_empty:
        scale_of(answer.scale, look.strength)
    bold, rest = verdict_words.headline(other.diagnosis, other.photo.name)
    sentence(f"{other.run.name} says: {bold}{rest}", "below")


def heated(pixels: np.ndarray, explanation: Explanation, strength: float, side_px: int = MAP_PX) -> np.ndarray:
    """The photo with the map over it, its longer side at least `side_px`."""
    return overlay_heatmap(
        pictures.enlarged(pixels, side_px), explanation.heatmap, colormap_of(explanation.scale), strength
    )


def scale_of(scale: ColorScale, strength: float) -> None:
    """The colors with numbers beside them, as they look over a middling grey."""
    bar = np.linspace(0, 1, 21, dtype=np.float32)[None]
    colors = overlay_heatmap(np.full((1, 21, 3), 128, np.uint8), bar, colormap_of(scale), strength)[0]
    stops = ", ".join(f"rgb({r},{g},{b})" for r, g, b in colors.tolist())
    ticks = "".join(
        f'<span style="left:{100 * position:.1f}%">{label}</span>'
        for label, position in zip(scale.labels, scale.normalize(np.array(scale.ticks)).tolist())
    )
    st.html(
        f'<div class="heat"><div class="heat-scale" style="background: linear-gradient(to right, {stops})"></div>'
        f'<div class="heat-ticks">{ticks}</div></div><p class="standing unit">{html.escape(scale.unit)}</p>'
    )


def tests_of(case: Case, question: ExplanationRequest, explanation: Explanation, place: DeltaGenerator) -> None:
    """Does it hold up? The photo covered in two ways, where the map of a drawn leaf lies, and the rank of the method.

    Where nothing was found there is nothing to cover, and only the rank is shown.

    Args:
        place: where the outcome stands in words, near the map.
    """
    if explanation.is_empty:
        sentence(words.rank(explanations.recorded_tests(case.run), question.method), "rank")
        return
    name = question.class_name or case.diagnosis.label
    test = explanations.perturbation_test(case.photo, case.checkpoint, question, explanation, name, case.crop)
    with place:
        if question.class_name is None:
            sentence(words.OF_NO_CLASS, "below")
        sentence(words.depends(test, name, name == case.diagnosis.label and case.diagnosis.verdict == "named"), "below")
    st.html('<h3 class="part">Does it hold up?</h3>')
    share = percent(test.fraction)
    st.html(
        _fall(f"Cover marked {share}", test.original, test.top_masked, "marked")
        + _fall(f"Cover {share} at random", test.original, test.random_masked, "chance")
    )
    sentence(words.how_covered(test, name), "standing")
    if case.drawing is not None and (
        on_what := leaf_shares(explanation, case.drawing.leaf_mask, case.drawing.symptom_mask)
    ):
        st.html(_on_what(on_what))
    sentence(words.rank(explanations.recorded_tests(case.run), question.method), "rank")


def _fall(label: str, before: float, after: float, style: str) -> str:
    """A chance before and after, in numbers and as a bar that lost its end."""
    return (
        f'<div class="fall {style}"><p><span>{label}</span><b>{words.fall(before, after)}</b></p>'
        f'<div class="track" aria-hidden="true"><i class="was" style="width:{100 * before:.1f}%"></i>'
        f'<i class="is" style="width:{100 * after:.1f}%"></i></div></div>'
    )


def _on_what(on_what: LeafShares) -> str:
    """How much of the map lies on what, beside how much of the picture that is."""
    rows = (("On", on_what.attribution), ("Area", on_what.area))
    parts = "".join(
        f"<p><span>{label}: {words.shares_line(shares)}</span></p>"
        '<div class="track parts" aria-hidden="true">'
        + "".join(f'<i class="{kind}" style="width:{100 * share:.1f}%"></i>' for kind, share in shares.items())
        + "</div>"
        for label, shares in rows
    )
    return f'<div class="on-what">{parts}</div>'


def cannot_tell(method: str) -> None:
    """The limits of a method, behind a click."""
    with st.expander("What this picture cannot tell"):
        for text in (*words.CANNOT_TELL[method], words.NO_PROOF):
            st.write(plain(text))


def save(case: Case, explanation: Explanation) -> None:
    """Picture, numbers and what made them, as files."""
    stem = f"{Path(case.photo.name).stem}.{explanation.method}"
    labels = {"png": "Picture (PNG)", "npy": "Numbers (NPY)", "json": "Record (JSON)"}
    with st.popover("Save"):
        for ending, make in explanations.files_of(case.photo, case.checkpoint, explanation).items():
            st.download_button(labels[ending], make, f"{stem}.{ending}", on_click="ignore", key=f"save_{ending}")


def link(case: Case) -> None:
    """The address of what is on the screen; a drawn leaf is in it, a photo is not."""
    can_be_drawn = case.is_drawn and case.photo.data is None
    state.put_sample_into_address(str(case.photo.address) if can_be_drawn else None)
    with st.popover("Link"):
        # The run even where it is the first here: elsewhere another may be.
        asked = urlencode({state.RUN: case.run.name, **st.query_params.to_dict()})
        st.code(f"{st.context.url or ''}?{asked}", language=None, wrap_lines=True)
        if not can_be_drawn:
            st.caption("The link holds everything but the photo.")


def squares(case: Case, strength: float) -> None:
    """The photo under a grid; a chosen square shows what it looks at."""
    rows, columns = grid = explanations.last_grid(case.photo, case.checkpoint)
    names = words.square_names(rows, columns)
    st.html('<h3 class="part">Choose a square, see where it looks</h3>')
    with st.container(key="squares_view"), st.container(key="squares_photo"):
        place = st.container()
        # How many there are is known here only, so that the style sheet cannot say it.
        st.html(f"<style>.st-key-squares_photo {{ --columns: {columns}; --rows: {rows}; }}</style>")
        chosen = st.pills("Square", names, key=state.SQUARE, bind="query-params", label_visibility="collapsed")
    if chosen is None:
        sentence("Letters run to the right, numbers down.", "standing")
        with place:
            picture(pictures.enlarged(case.diagnosis.pixels, MAP_PX), "The photo", case.is_drawn, "picture_squares")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="square_tools"):
        stage = choose_stage(f"{chosen} looks here, at stage", state.SQUARE_STAGE)
        st.button("All squares", type="tertiary", on_click=state.forget_square)
    text = words.square_looks(chosen, stage)
    sentence(text, "standing")
    with place:
        square = divmod(names.index(chosen), columns)
        explanation = explanations.square_looks_at(case.photo, case.checkpoint, stage, square, grid)
        picture(heated(case.diagnosis.pixels, explanation, strength), text, case.is_drawn, "picture_squares")


def heads(case: Case, strength: float) -> None:
    """Small maps of the heads of one block."""
    blocks = {f"{stage + 1}.{block + 1}": (stage, block) for stage, block in explanations.blocks_of(case.checkpoint)}
    chosen = st.selectbox(
        "Single heads",
        [NOTHING, *blocks],
        key=state.BLOCK,
        bind="query-params",
        format_func=lambda name: "not shown" if name == NOTHING else words.block_title(name),
    )
    if chosen == NOTHING:
        return
    small = pictures.shrunk(case.diagnosis.pixels, HEAD_PX)
    with st.container(horizontal=True, key="heads_grid"):
        for number, head in enumerate(explanations.heads_look_at(case.photo, case.checkpoint, *blocks[chosen]), 1):
            with st.container(width=HEAD_PX // 2, gap=None):
                st.image(pictures.jpeg(heated(small, head, strength, HEAD_PX)), width="stretch", alt=f"Head {number}")
                sentence(f"Head {number}", "standing")
    sentence(words.HEADS, "standing")
